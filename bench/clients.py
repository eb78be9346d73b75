"""The clients that drive both sides: as little work as possible, the same for everyone."""

import asyncio
import base64
import itertools
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import uvloop

_BUFFER = 1 << 20
_LONGEST_TAGGED = 2000  # octets: the OK of a LOGIN may list capabilities


class Unexpected(Exception):
    """A server answered what it should not."""


class Imap:
    """One IMAP session over a plain socket; it looks for the tagged line and at nothing else."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(_BUFFER)
        self._socket.recv(4096)

    def login(self, user: str, password: str) -> "Imap":
        self.ask(f'LOGIN "{user}" "{password}"')
        return self

    def ask(self, command: str) -> int:
        """Send the command and read up to its tagged line. Returns the octets read."""
        self._socket.sendall(f"t {command}\r\n".encode())
        return self._read_tagged(command)[0]

    def count(self, mailbox: str = "INBOX") -> int:
        """The messages in a mailbox, by STATUS."""
        return self.status("MESSAGES", mailbox)

    def status(self, item: str, mailbox: str = "INBOX") -> int:
        self._socket.sendall(f"t STATUS {mailbox} ({item})\r\n".encode())
        _, end = self._read_tagged("STATUS")
        return int(end.partition(f"({item} ".encode())[2].partition(b")")[0])

    def append(self, mailbox: str, messages: Sequence[bytes]) -> None:
        """APPEND them, pipelined with non-synchronizing literals (RFC 7888)."""
        for start in range(0, len(messages), 50):
            batch = messages[start : start + 50]
            self._socket.sendall(
                b"".join(
                    b"a APPEND %b {%d+}\r\n%b\r\n" % (mailbox.encode(), len(each), each)
                    for each in batch
                )
            )
            answers = b""
            while answers.count(b"\r\na ") + answers.startswith(b"a ") < len(
                batch
            ) or not answers.endswith(b"\r\n"):
                answers += self._receive()
            if answers.count(b"a OK") != len(batch):
                raise Unexpected(f"APPEND: {answers[-_LONGEST_TAGGED:]!r}")

    def idle(self) -> None:
        self._socket.sendall(b"t IDLE\r\n")
        answer = self._receive()
        while not (answer.startswith(b"+") or b"\r\n+" in answer):
            answer += self._receive()

    def wait_for(self, text: bytes) -> None:
        """Read until *text* has come, and the line it is in."""
        seen = b""
        while text not in seen or not seen.endswith(b"\r\n"):
            seen += self._receive()

    def done(self) -> None:
        self._socket.sendall(b"DONE\r\n")
        self._read_tagged("IDLE")

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> bytes:
        octets = self._socket.recv(65536)
        if not octets:
            raise Unexpected("the IMAP server left")
        return octets

    def _read_tagged(self, command: str) -> tuple[int, bytes]:
        total, end = 0, b""
        while True:
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise Unexpected(f"the server left during {command}")
            total += count
            end = (end + self._buffer[max(0, count - _LONGEST_TAGGED) : count])[-_LONGEST_TAGGED:]
            if end.endswith(b"\r\n"):
                last = end[:-2].rpartition(b"\r\n")[2]
                if last.startswith(b"t "):
                    if not last.startswith(b"t OK"):
                        raise Unexpected(f"{command}: {last!r}")
                    return total, end


class Smtp:
    """One session that waits for every reply."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reply(b"2")
        self._ask(b"EHLO client.example.org\r\n", b"2")

    def send(self, recipient: str, message: bytes) -> float:
        """Send one message. Returns when its final dot was sent (perf_counter)."""
        self._ask(b"MAIL FROM:<sender@example.org>\r\n", b"2")
        self._ask(b"RCPT TO:<%b>\r\n" % recipient.encode(), b"2")
        self._ask(b"DATA\r\n", b"3")
        self._socket.sendall(message)
        sent = time.perf_counter()
        self._ask(b".\r\n", b"2")
        return sent

    def close(self) -> None:
        self._ask(b"QUIT\r\n", b"2")
        self._socket.close()

    def _ask(self, command: bytes, expected: bytes) -> None:
        self._socket.sendall(command)
        self._reply(expected)

    def _reply(self, expected: bytes) -> None:
        reply = b""
        while not reply.endswith(b"\r\n") or reply[:-2].rpartition(b"\r\n")[2][3:4] == b"-":
            octets = self._socket.recv(65536)
            if not octets:
                raise Unexpected("the SMTP server left")
            reply += octets
        if not reply.startswith(expected):
            raise Unexpected(f"SMTP: {reply!r}")


@dataclass(frozen=True, slots=True)
class Burst:
    """What a burst took, in seconds."""

    started: float  # when the first command went (perf_counter)
    took: float  # from then to the last 250
    waits: list[float]  # from final dot to 250, of each message


def burst(
    port: int,
    sessions: int,
    recipients: Sequence[str],
    message: bytes,
    count: int,
    sender: str = "sender@example.org",
    password: str = "",
) -> Burst:
    """Send *count* messages over kept sessions, each to the next of the recipients.

    With a password each session logs in first, before the clock starts.
    """
    login = b""
    if password:
        plain = base64.b64encode(f"\0{sender}\0{password}".encode())
        login = b"AUTH PLAIN " + plain + b"\r\n"
    mail = b"MAIL FROM:<%b>\r\n" % sender.encode()

    async def run() -> Burst:
        loop = asyncio.get_running_loop()
        turns = itertools.cycle(recipients)
        jobs = iter([next(turns) for _ in range(count)])
        made = [
            (
                await loop.create_connection(
                    lambda: _Sender(jobs, message, mail, login), "127.0.0.1", port
                )
            )[1]
            for _ in range(sessions)
        ]
        await asyncio.gather(*(sender.greeted for sender in made))
        started = time.perf_counter()
        for sender in made:
            sender.begin()
        await asyncio.gather(*(sender.finished for sender in made))
        took = time.perf_counter() - started
        return Burst(started, took, [wait for sender in made for wait in sender.waits])

    return uvloop.run(run())


class _Sender(asyncio.Protocol):
    """MAIL, RCPT, DATA, the message: one step for each reply."""

    def __init__(self, jobs: Iterator[str], message: bytes, mail: bytes, login: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.finished: asyncio.Future[None] = loop.create_future()
        self.waits: list[float] = []
        self._jobs = jobs
        self._text = message + b".\r\n"
        self._mail = mail
        self._login = login
        self._step = -2
        self._reply = b""
        self._recipient = ""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.greeted, self.finished):
            if not future.done():
                future.set_exception(Unexpected(f"the SMTP server left: {self._reply!r}"))

    def begin(self) -> None:
        recipient = next(self._jobs, None)
        if recipient is None:
            self.finished.set_result(None)
            self._transport.close()
            return
        self._recipient = recipient
        self._step = 1
        self._transport.write(self._mail)

    def data_received(self, octets: bytes) -> None:
        self._reply += octets
        if not self._reply.endswith(b"\r\n"):
            return
        if self._reply[:-2].rpartition(b"\r\n")[2][3:4] == b"-":
            return
        reply, self._reply = self._reply, b""
        if reply[:1] not in b"23":
            self._reply = reply
            self._transport.close()
        elif self._step == -2:
            self._step = -1
            self._transport.write(b"EHLO client.example.org\r\n")
        elif self._step == -1 and self._login:
            self._transport.write(self._login)
            self._login = b""
        elif self._step == -1:
            self.greeted.set_result(None)
        elif self._step == 1:
            self._step = 2
            self._transport.write(b"RCPT TO:<%b>\r\n" % self._recipient.encode())
        elif self._step == 2:
            self._step = 3
            self._transport.write(b"DATA\r\n")
        elif self._step == 3:
            self._step = 4
            self._transport.write(self._text)
            self._sent = time.perf_counter()
        else:
            self.waits.append(time.perf_counter() - self._sent)
            self.begin()
