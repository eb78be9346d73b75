"""``python -m gateway`` as a process of its own."""

import os
import poplib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.certificates import development_certificate

ROOT = Path(__file__).parents[4]
LISTENERS = ["imap", "imaps", "pop3", "pop3s", "sieve", "smtp", "submission", "submissions"]


class Gateway:
    def __init__(self, folder: Path, **settings: str) -> None:
        ready = folder / "ready"
        environment = {
            **os.environ,
            "POSTROOM_DATA": str(folder / "data"),
            "POSTROOM_READY_FILE": str(ready),
            **{f"POSTROOM_{name.upper()}": "any" for name in LISTENERS},
            **{f"POSTROOM_{name}": value for name, value in settings.items()},
        }
        self.errors = folder / "errors"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway"], env=environment, cwd=ROOT, stderr=errors
            )
        deadline = time.monotonic() + 60
        while not ready.exists() and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        line = ready.read_text() if ready.exists() else ""
        self.ports = {name: int(port) for name, port in re.findall(r"(\w+)=[\d.]+:(\d+)", line)}

    def log(self) -> str:
        return self.errors.read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def gateway(folder: Path) -> Iterator[Gateway]:
    made = development_certificate(folder / "given", ["localhost"])
    started = Gateway(folder, TLS_CERTIFICATE=str(made.certificate), TLS_KEY=str(made.key))
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()


def test_it_serves_reloads_and_stops_in_order(gateway: Gateway, folder: Path) -> None:
    assert sorted(gateway.ports) == LISTENERS, gateway.log()
    client = poplib.POP3("127.0.0.1", gateway.ports["pop3"], timeout=20)
    assert b"POP3 ready" in client.getwelcome()

    gateway.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 20
    while "certificate reloaded" not in gateway.log() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "certificate reloaded" in gateway.log()
    assert client.capa()  # the connection lives on

    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(20) == 0, gateway.log()
    assert client.file.readline() == b""
    client.close()
    assert "event=stopped cut_off=0" in gateway.log()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("BIND", "nowhere"), ("STORE", "paper"), ("LOG", "loud"), ("BIND", "192.0.2.1")],
)
def test_a_bad_setting_stops_it_with_a_sentence(folder: Path, setting: str, value: str) -> None:
    stopped = Gateway(folder, **{setting: value, "SMTP": "2525"})
    assert stopped.process.wait(20) == 78
    last = stopped.log().splitlines()[-1]
    assert last.startswith("gateway: ")
    assert value in last
