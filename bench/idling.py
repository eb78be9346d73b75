"""One gateway process with many idle sessions: what each holds, how fast the right one wakes."""

import re
import resource
import select
import socket
import ssl
import statistics
import time
from pathlib import Path

from bench.clients import Smtp, Unexpected
from bench.machine import free_ports, proportional_memory
from bench.mail import OCTETS, message
from bench.ours import Postroom
from bench.sides import DOMAIN, PASSWORD
from bench.sink import Sink
from postroom.app import build

_USERS = [f"idle{number}@{DOMAIN}" for number in range(20)]
_DELIVERIES = 100
_BETWEEN = 0.02  # seconds between two deliveries


class Idle:
    """*count* sessions, each in a mailbox of its own; those of every user's INBOX get mail."""

    def __init__(self, folder: Path, count: int) -> None:
        self.name = f"{count:,} idle"
        self._count = count
        self._folder = folder / f"idle-{count}"
        self._folder.mkdir()
        self._server = Postroom(self._folder, _USERS, Sink(*free_ports(1)), gateways=1, imaps=True)
        app = build({"POSTROOM_DATA": str(self._server.data)})
        for user in _USERS:
            account = app.directory.account(user)
            assert account is not None
            for number in range(1, count // len(_USERS)):
                app.mailboxes.create(account.id, f"folder{number}")
        app.platform.close()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the server inherits it

    def figures(self) -> dict[str, float]:
        figures = {}
        for name, tls in (("idle plain", None), ("idle tls", _client_tls())):
            self._server.start()
            try:
                # What the first logins load is not a matter of the session.
                sessions = [self._idling(user, "INBOX", tls) for user in _USERS]
                time.sleep(1)
                before = proportional_memory(self._server.pids())
                more = self._count - len(_USERS)
                for number in range(more):
                    user = _USERS[number % len(_USERS)]
                    folder = f"folder{1 + number // len(_USERS)}"
                    sessions.append(self._idling(user, folder, tls))
                time.sleep(1)
                held = proportional_memory(self._server.pids()) - before
                figures[name] = held / more / 1000
                if tls is None:
                    figures |= self._wake(sessions)
                for session in sessions:
                    session.close()
            finally:
                self._server.stop()
        return figures

    def _idling(self, user: str, mailbox: str, tls: ssl.SSLContext | None) -> socket.socket:
        port = self._server.imap if tls is None else self._server.imaps
        wire = socket.create_connection(("127.0.0.1", port))
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            wire = tls.wrap_socket(wire)
        wire.settimeout(30)
        wire.recv(4096)
        for command in (f'LOGIN "{user}" "{PASSWORD}"', f"SELECT {mailbox}", "IDLE"):
            wire.sendall(f"t {command}\r\n".encode())
            answer = b"\r\n"
            while not re.search(rb"\r\n(t|\+) .*\r\n", answer):
                answer += wire.recv(65536)
                if b"\r\nt NO" in answer or answer == b"\r\n":
                    raise Unexpected(f"{command}: {answer!r}")
        return wire

    def _wake(self, sessions: list[socket.socket]) -> dict[str, float]:
        """Milliseconds from the final dot until the one session that it is for reads EXISTS."""
        waiting = select.epoll()
        for session in sessions:
            waiting.register(session.fileno(), select.EPOLLIN)
        sender = Smtp(self._server.smtp)
        waits = []
        for number in range(_DELIVERIES):
            place = number % len(_USERS)
            sent = sender.send(_USERS[place], message(number, OCTETS))
            woken, told = waiting.poll(10), b""
            waits.append(time.perf_counter() - sent)
            assert [descriptor for descriptor, _ in woken] == [sessions[place].fileno()]
            while b"EXISTS" not in told:
                told += sessions[place].recv(4096)
            time.sleep(_BETWEEN)
        sender.close()
        waiting.close()
        ordered = sorted(waits)
        return {
            "wake p50": 1000 * statistics.median(ordered),
            "wake p99": 1000 * ordered[len(ordered) * 99 // 100],
        }

    def close(self) -> None:
        pass


def _client_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
