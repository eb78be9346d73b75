"""How fast the gateway accepts mail: ``smtp_accept.py [MESSAGES [OCTETS [PROCESSES]]]``.

Needs Postfix's ``smtp-source`` for the load: 20 sessions that stay open. Every message counted
got its 250, so its text and its queue entry are on the disk. Nothing is delivered meanwhile.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from postroom.app import build
from postroom.directory.records import Domain

SESSIONS = 20
ROUNDS = 3
OFF = [f"POSTROOM_{name}" for name in ("IMAP", "IMAPS", "POP3", "POP3S", "SIEVE")]
RECIPIENT = "alice@example.test"


def start(folder: Path, count: int) -> tuple[list[subprocess.Popen[bytes]], int]:
    """Start gateways that share a port; return them and the port."""
    gateways: list[subprocess.Popen[bytes]] = []
    port = "any"
    for _ in range(count):
        environment = {
            **os.environ,
            **dict.fromkeys(OFF, "0"),
            "POSTROOM_SMTP": port,
            "POSTROOM_DATA": str(folder),
            "POSTROOM_LOG": "warning",
        }
        reader, writer = os.pipe()
        command = [sys.executable, "-m", "gateway", "--ready-fd", str(writer)]
        gateways.append(subprocess.Popen(command, env=environment, pass_fds=[writer]))
        os.close(writer)
        with os.fdopen(reader) as ready:
            port = ready.readline().split("smtp=")[1].split()[0].rpartition(":")[2]
    return gateways, int(port)


def measure(port: int, messages: int, octets: int) -> float:
    """Return messages a second."""
    begun = time.perf_counter()
    load = ["-d", "-s", str(SESSIONS), "-m", str(messages), "-l", str(octets)]
    envelope = ["-f", "bench@example.org", "-t", RECIPIENT]
    subprocess.run(["smtp-source", *load, *envelope, f"127.0.0.1:{port}"], check=True)
    return messages / (time.perf_counter() - begun)


def processor_time(gateways: Sequence[subprocess.Popen[bytes]]) -> float:
    """Return the seconds of both kinds, user's and system's, that the gateways have used."""
    ticks = 0
    for gateway in gateways:
        fields = Path(f"/proc/{gateway.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main(messages: int = 6000, octets: int = 4096, processes: int = 1) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        app = build({"POSTROOM_DATA": name})
        app.directory.add_domain(Domain("example.test"))
        account = app.directory.add_account(RECIPIENT, "secret")
        app.mailboxes.create_account(account.id)
        app.platform.close()
        gateways, port = start(folder, processes)
        try:
            measure(port, min(messages, 500), octets)
            for _ in range(ROUNDS):
                used = processor_time(gateways)
                rate = measure(port, messages, octets)
                used = (processor_time(gateways) - used) / messages
                print(
                    f"{octets} octets, {processes} processes: {rate:,.0f} messages a second, "
                    f"{used * 1e6:,.0f} µs of processor time each"
                )
        finally:
            for gateway in gateways:
                gateway.terminate()
            for gateway in gateways:
                gateway.wait()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
