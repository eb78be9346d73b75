"""Many IMAP sessions of one process: each sends its next command once the last one is answered."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import cast

import uvloop

from bench.clients import Unexpected
from bench.sides import PASSWORD

_LONGEST_TAGGED = 2000  # octets

Script = Sequence[bytes]  # commands, without tag and CRLF


def together(port: int, users: Sequence[str], *phases: Sequence[Script]) -> list[float]:
    """Let a session of each user go through its script of each phase, all at once.

    Returns the seconds of each phase, in which the last session to end ends it.
    """

    async def run() -> list[float]:
        loop = asyncio.get_running_loop()
        made = [(await loop.create_connection(_Session, "127.0.0.1", port))[1] for _ in users]
        await asyncio.gather(*(session.done for session in made))  # greeted
        await asyncio.gather(
            *(
                session.go([f'LOGIN "{user}" "{PASSWORD}"'.encode()])
                for session, user in zip(made, users, strict=True)
            )
        )
        took = []
        for scripts in phases:
            started = time.perf_counter()
            await asyncio.gather(
                *(session.go(script) for session, script in zip(made, scripts, strict=True))
            )
            took.append(time.perf_counter() - started)
        for session in made:
            session.close()
        return took

    return uvloop.run(run())


class _Session(asyncio.Protocol):
    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._script: Iterator[bytes] = iter(())
        self._greeted = False
        self._end = b""

    def go(self, script: Script) -> "asyncio.Future[None]":
        self.done = asyncio.get_running_loop().create_future()
        self._script = iter(script)
        self._next()
        return self.done

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(Unexpected(f"the IMAP server left: {self._end!r}"))

    def data_received(self, octets: bytes) -> None:
        if not self._greeted:
            self._greeted = True
            self.done.set_result(None)
            return
        self._end = (self._end + octets)[-_LONGEST_TAGGED:]
        if not self._end.endswith(b"\r\n"):
            return
        last = self._end[:-2].rpartition(b"\r\n")[2]
        if last.startswith(b"t OK"):
            self._next()
        elif last.startswith(b"t "):
            self.done.set_exception(Unexpected(f"IMAP: {last!r}"))

    def _next(self) -> None:
        self._end = b""
        command = next(self._script, None)
        if command is None:
            self.done.set_result(None)
        else:
            self._transport.write(b"t " + command + b"\r\n")
