"""Postroom, as `postroom up` starts it, with a store of its own."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from bench.machine import free_ports, tree, wait_until
from bench.mail import message
from bench.sides import DOMAIN, LOADED, PASSWORD, READER
from bench.sink import Sink
from postroom.app import App, build
from postroom.directory.records import Domain
from postroom.mailboxes.records import Delivery, NewMessage
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey
from postroom.relaying import routes_of

_BATCH = 90  # messages in one transaction
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

    def __init__(self, folder: Path, users: list[str], sink: Sink) -> None:
        self.sink = sink
        self._data = folder / "postroom"
        self._log = folder / "postroom.log"
        self.smtp, self.submission, self.imap, self._http = free_ports(4)
        app = build({"POSTROOM_DATA": str(self._data)})
        app.directory.add_domain(Domain(DOMAIN))
        for user in users:
            app.mailboxes.create_account(app.directory.add_account(user, PASSWORD).id)
        routes_of(app).set("*", f"smtp://127.0.0.1:{sink.port}?tls=none")
        app.platform.close()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        ready = self._data / "ready"
        ready.unlink(missing_ok=True)
        ports = {
            "smtp": self.smtp,
            "submission": self.submission,
            "imap": self.imap,
            "http": self._http,
        }
        off = ("submissions", "imaps", "pop3", "pop3s", "sieve")
        arguments = [f"--{name}={port}" for name, port in ports.items()]
        arguments += [f"--{name}=0" for name in off]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    Path(sys.executable).with_name("postroom"),
                    "up",
                    f"--data={self._data}",
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

    def prepare_reader(self, count: int, octets: int) -> None:
        """Straight into the store, as IMAP APPEND would, in batches."""
        app = build({"POSTROOM_DATA": str(self._data)})
        account = app.directory.account(READER)
        assert account is not None
        inbox = app.mailboxes.find(account.id, "INBOX").id
        for start in range(0, count, _BATCH):
            _append(app, account.id, inbox, range(start, min(start + _BATCH, count)), octets)
        app.platform.close()

    def start_fresh(self) -> None:
        self.start()

    def pids(self) -> list[int]:
        return tree(self._process.pid) if self._process is not None else []


def _append(app: App, account: str, inbox: str, numbers: range, octets: int) -> None:
    new, stored = [], []
    for number in numbers:
        body = message(number, octets)
        key = BlobKey(f"bench-{number}")
        stored.append(app.blobs.put_soon(key, body))
        new.append(NewMessage(key, summarise(body), 1795435200 + number))
    for future in stored:
        future.result()
    for outcome in app.mailboxes.append_many([Delivery(account, inbox, new)]):
        if isinstance(outcome, Exception):
            raise outcome
