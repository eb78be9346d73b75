"""Postroom, as `postroom up` starts it, with a store of its own."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from bench.machine import free_ports, tree, wait_until
from bench.sides import DOMAIN, LOADED, PASSWORD
from bench.sink import Sink
from postroom.app import build
from postroom.directory.records import Domain
from postroom.relaying import routes_of

_ENVIRONMENT = {
    "POSTROOM_PLAINTEXT_ON_LOOPBACK": "on",
    "POSTROOM_LOG": "warning",  # no line a message: Postfix has no syslog here
    # Counted like any other, but no user sends a burst of thousands.
    "POSTROOM_SENDER_MESSAGES": "1000000",
    "POSTROOM_SENDER_RECIPIENTS": "1000000",
}


class Postroom:
    name = "Postroom"
    accepting = LOADED  # it delivers them, too: there is no way to accept and discard

    logs_in = True

    def __init__(
        self,
        folder: Path,
        users: list[str],
        sink: Sink,
        *,
        gateways: int | None = None,  # processes; None: as many as `postroom up` likes
        imaps: bool = False,
    ) -> None:
        self.sink = sink
        self._gateways = gateways
        self.data = folder / "postroom"
        self._log = folder / "postroom.log"
        self.smtp, self.submission, self.imap, self.imaps, self.pop3, self._http = free_ports(6)
        if not imaps:
            self.imaps = 0
        app = build({"POSTROOM_DATA": str(self.data)})
        app.directory.add_domain(Domain(DOMAIN))
        for user in users:
            app.mailboxes.create_account(app.directory.add_account(user, PASSWORD).id)
        routes_of(app).set("*", f"smtp://127.0.0.1:{sink.port}?tls=none")
        app.platform.close()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        ready = self.data / "ready"
        ready.unlink(missing_ok=True)
        ports = {
            "smtp": self.smtp,
            "submission": self.submission,
            "imap": self.imap,
            "imaps": self.imaps,
            "pop3": self.pop3,
            "http": self._http,
        }
        off = ("submissions", "pop3s", "sieve")
        arguments = [f"--{name}={port}" for name, port in ports.items()]
        arguments += [f"--{name}=0" for name in off]
        if self._gateways is not None:
            arguments.append(f"--gateways={self._gateways}")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    Path(sys.executable).with_name("postroom"),
                    "up",
                    f"--data={self.data}",
                    f"--ready-file={ready}",
                    *arguments,
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, **_ENVIRONMENT},
            )
        process = self._process

        def is_ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"Postroom ended at start: {self._log.read_text()[-2000:]}")
            return ready.exists()

        wait_until(is_ready, "Postroom")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=90)
            self._process = None

    def drain(self) -> None:
        wait_until(self._idle, "an empty queue", 300)

    def _idle(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._http}/health", timeout=30) as answer:
            queues = json.load(answer)["queues"]
        return not any(depth["waiting"] or depth["taken"] for depth in queues.values())

    def pids(self) -> list[int]:
        return tree(self._process.pid) if self._process is not None else []
