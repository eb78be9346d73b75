"""A large maildrop over POP3: what a client waits for, and what the server holds meanwhile."""

import socket
import time
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

from bench.machine import proportional_memory
from bench.sides import PASSWORD, READER

if TYPE_CHECKING:
    from bench.figures import Sizes
    from bench.imap import Mailboxes

_RETRIEVED = 1000  # messages, one by one
_DELETED = 100  # of them, at the end


class Pop3:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=300)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb", 1 << 16)
        self._reply("the greeting")

    def login(self) -> "Pop3":
        self.ask(f"USER {READER}")
        self.ask(f"PASS {PASSWORD}")
        return self

    def ask(self, command: str) -> bytes:
        """Return the first line of the reply."""
        self._socket.sendall(command.encode() + b"\r\n")
        return self._reply(command)

    def many(self, command: str) -> int:
        """Return how many lines follow the first one."""
        self.ask(command)
        count = 0
        while self._file.readline() != b".\r\n":
            count += 1
        return count

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _reply(self, command: str) -> bytes:
        line = self._file.readline()
        if not line.startswith(b"+OK"):
            raise ConnectionError(f"{command}: {line!r}")
        return line


def maildrop(side: "Mailboxes", sizes: "Sizes", turn: int) -> Mapping[str, float]:
    """For a maildrop that no session of this server has looked at yet; then again."""
    port, pids = side.server.pop3, side.server.pids
    # What the first connection loads is not a matter of the maildrop.
    Pop3(port).close()
    time.sleep(1)
    before = proportional_memory(pids())
    figures: dict[str, float] = {}
    started = time.perf_counter()
    client = Pop3(port).login()
    count = int(client.ask("STAT").split()[1])
    figures["pop3 first"] = 1000 * (time.perf_counter() - started)
    for name in ("LIST", "UIDL"):
        started = time.perf_counter()
        assert client.many(name) == count
        figures[f"pop3 {name}"] = 1000 * (time.perf_counter() - started)
    figures["pop3 memory"] = (proportional_memory(pids()) - before) / 1e6
    started = time.perf_counter()
    for number in islice(range(1, count + 1), _RETRIEVED):
        client.many(f"RETR {number}")
    figures["pop3 RETR"] = min(count, _RETRIEVED) / (time.perf_counter() - started)
    for number in islice(range(1, count + 1), _DELETED):
        client.ask(f"DELE {number}")
    started = time.perf_counter()
    client.ask("QUIT")
    figures["pop3 QUIT"] = 1000 * (time.perf_counter() - started)
    client.close()
    started = time.perf_counter()
    again = Pop3(port).login()
    again.ask("STAT")
    figures["pop3 again"] = 1000 * (time.perf_counter() - started)
    again.ask("QUIT")
    again.close()
    return figures
