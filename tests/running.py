"""A whole postroom as its users have it: `postroom up` in processes of its own, on free ports."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postroom.app import build
from postroom.directory.records import Domain

DOMAIN = "example.test"
PASSWORD = "correct horse battery"
PORTS = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "sieve", "http")
_START = 90.0  # seconds; two busy cores start ten Python processes at once
_STOP = 45.0  # seconds


@dataclass
class Postroom:
    """One `postroom up`, started anew on the same data as often as `start` is called."""

    folder: Path
    gateways: int
    workers: int
    environment: Mapping[str, str]
    ports: dict[str, int]
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What all processes of all starts have said."""
        return self.folder / "log.txt"

    @property
    def authority(self) -> Path:
        """What a client must trust."""
        return self.data / "tls" / "authority.pem"

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    def add_user(self, name: str) -> str:
        """Make name@example.test, whose password is PASSWORD, and return the address."""
        app = build({"POSTROOM_DATA": str(self.data)})
        try:
            if app.directory.domain(DOMAIN) is None:
                app.directory.add_domain(Domain(DOMAIN))
            account = app.directory.add_account(f"{name}@{DOMAIN}", PASSWORD)
            app.mailboxes.create_account(account.id)
        finally:
            app.platform.close()
        return account.address

    def arguments(self) -> list[str]:
        ready = self.folder / "ready"
        ports = [f"--{name}={port}" for name, port in self.ports.items()]
        processes = [f"--gateways={self.gateways}", f"--workers={self.workers}"]
        return ["up", "--data", str(self.data), *ports, *processes, f"--ready-file={ready}"]

    def launch(self) -> "subprocess.Popen[bytes]":
        """Start the supervisor in a process group of its own, without waiting for anything."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*POSTROOM, *self.arguments()],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.process

    def start(self) -> None:
        """Start, and wait until every listener accepts."""
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        process = self.launch()
        deadline = time.monotonic() + _START
        while not ready.exists():
            assert process.poll() is None, f"postroom up ended with {process.returncode}"
            assert time.monotonic() < deadline, "postroom up was not ready in time"
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(_STOP)

    def end(self) -> None:
        """Leave nothing behind, whatever has happened."""
        if self.process is None or self.process.poll() is not None:
            return
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            pids = self.pids()
            self.process.kill()
            self.process.wait()
            kill(pids.values())

    def health(self) -> dict[str, Any]:
        """What GET /health says, also when it says that something is not well."""
        url = f"http://127.0.0.1:{self.ports['http']}/health"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
        found: dict[str, Any] = json.loads(text)
        return found

    def pids(self) -> dict[str, int]:
        """Process ids of what the supervisor keeps alive, by name."""
        return {child["name"]: child["pid"] for child in self.health()["processes"]}

    def waiting(self) -> int:
        """Letters in the queues that have not been dealt with, dead ones aside."""
        queues = self.health()["queues"]
        return sum(
            queue["waiting"] + queue["taken"]
            for name, queue in queues.items()
            if not name.endswith("-dead")
        )

    def command(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run `postroom …` on the same data."""
        return subprocess.run(
            [*POSTROOM, *arguments],
            env={**self._environment(), "POSTROOM_DATA": str(self.data)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if "POSTROOM" not in name}
        return {**ours, "POSTROOM_HOSTNAME": "localhost", "COLUMNS": "200", **self.environment}


POSTROOM = [str(Path(sys.executable).with_name("postroom"))]


@contextmanager
def running(
    folder: Path,
    users: Sequence[str] = (),
    *,
    gateways: int = 1,
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Postroom]:
    """A postroom on free ports, its data and log in *folder*; stopped at the end.

    When what it is used for raises, the end of its log is printed, for pytest to show.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as reserved:
        ports = {name: reserved.enter_context(free_port()) for name in PORTS}
        postroom = Postroom(folder, gateways, workers, environment or {}, ports)
        try:
            postroom.data.mkdir(exist_ok=True)
            for user in users:
                postroom.add_user(user)
            postroom.start()
            yield postroom
        except BaseException:
            print(log_end(postroom))
            raise
        finally:
            postroom.end()


@contextmanager
def free_port() -> Iterator[int]:
    """A port of 127.0.0.1 that nobody else is given while this lasts.

    A socket that is bound but does not listen keeps the port from being handed out again, and
    lets a listener with SO_REUSEADDR or SO_REUSEPORT have it.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield keeper.getsockname()[1]


def log_end(postroom: Postroom, size: int = 8000) -> str:
    text = postroom.log.read_text(errors="replace") if postroom.log.exists() else "(no log)"
    return f"--- the log of {postroom.folder.name} ends so:\n{text[-size:]}"


def kill(pids: Iterable[int]) -> None:
    """kill -9, of processes that may have gone already."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
