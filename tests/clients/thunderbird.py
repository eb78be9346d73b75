"""Drives Thunderbird by its remote control, Marionette: scripts run in its own window, without a
screen. What they are made of is in thunderbird.js."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_START = 60.0  # seconds
_SCRIPT = 60.0  # seconds that one script may take
_ACTIONS = Path(__file__).with_suffix(".js").read_text()
_PREFERENCES = {
    "marionette.port": 0,  # it writes down which one it has taken
    # Nothing that asks the person, and nothing that asks the network.
    "app.donation.eoy.version.viewed": 9999,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "mail.biff.show_alert": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1,
    # With five, it soon closes the one that waits for new mail.
    "mail.server.default.max_cached_connections": 20,
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mailnews.start_page.enabled": False,
    "mailnews.start_page_override.mstone": "ignore",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.type": 0,
    "services.settings.server": "http://localhost:9/",
    "toolkit.telemetry.enabled": False,
}


class Thunderbird:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=2 * _SCRIPT)
        self._file = self._socket.makefile("rb")
        self._count = 0
        self._read()  # its greeting
        self._call("WebDriver:NewSession", {})
        self._call("Marionette:SetContext", {"value": "chrome"})
        self._call("WebDriver:SetTimeouts", {"script": int(_SCRIPT * 1000)})

    def run(self, script: str, *arguments: object) -> Any:
        """Return what the script returns; it is the body of an async function."""
        body = (
            f"const args = arguments; const done = args[args.length - 1];"
            f"(async () => {{ {_ACTIONS}\n{script} }})().then("
            f"(value) => done([value ?? null, null]),"
            f"(error) => done([null, `${{error}} ${{error.stack}}`]));"
        )
        answer = self._call(
            "WebDriver:ExecuteAsyncScript",
            {"script": body, "args": arguments, "sandbox": "system", "newSandbox": True},
        )
        value, error = answer["value"]
        assert error is None, f"{script}: {error}"
        return value

    def close(self) -> None:
        self._call("Marionette:Quit", {"flags": ["eForceQuit"]})
        self._file.close()
        self._socket.close()

    def _call(self, command: str, parameters: dict[str, object]) -> Any:
        self._count += 1
        message = json.dumps([0, self._count, command, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(message), message))
        _, _, error, value = self._read()
        assert error is None, f"{command}: {error}"
        return value

    def _read(self) -> Any:
        size = b""
        while not size.endswith(b":"):
            octet = self._file.read(1)
            assert octet, "Thunderbird has gone"
            size += octet
        return json.loads(self._file.read(int(size[:-1])))


@contextmanager
def thunderbird(folder: Path) -> Iterator[Thunderbird]:
    """A Thunderbird that has just been installed, its home in *folder*."""
    profile = folder / "profile"
    profile.mkdir()
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in _PREFERENCES.items()]
    (profile / "user.js").write_text("".join(lines))
    with (folder / "thunderbird.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("thunderbird", "--headless", "--no-remote", "--profile", str(profile)),
                *("--marionette", "--remote-allow-system-access"),
            ],
            env={"HOME": str(folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        port = profile / "MarionetteActivePort"
        deadline = time.monotonic() + _START
        while not (port.exists() and port.read_text()):
            assert process.poll() is None, (folder / "thunderbird.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "Thunderbird did not start in time"
            time.sleep(0.1)
        program = Thunderbird(int(port.read_text()))
        yield program
        program.close()
        process.wait(30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
