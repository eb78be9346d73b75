"""POP3 clients that mean harm: answered or cut off, in bounded memory, and nobody else is hurt."""

import asyncio
import tracemalloc
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conversations.pop3_world import PASSWORD, SETTINGS, USER, World, pop3_world

KEPT = 6_000_000  # octets for one session and what the test itself holds
LOGIN = f"USER {USER}\r\nPASS {PASSWORD}\r\n".encode()


def run(
    folder: Path,
    test: Callable[[World], Coroutine[Any, Any, None]],
    *messages: bytes,
    settings: Any = SETTINGS,
) -> None:
    async def talk() -> None:
        async with pop3_world(folder, messages, settings) as world:
            await asyncio.wait_for(test(world), 60)

    asyncio.run(talk())


async def still_served(world: World) -> None:
    reader, writer = await world.talk()
    writer.write(b"CAPA\r\nQUIT\r\n")
    assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"+OK Bye\r\n")


@pytest.mark.parametrize(
    ("begin", "piece", "answer"),
    [
        pytest.param(b"", b"x" * 8192, b"-ERR", id="a word without end"),
        pytest.param(b"USER ", b"\xff" * 8192, b"-ERR", id="a name without end"),
        pytest.param(b"", b"\0" * 8192, b"-ERR", id="NUL"),
        pytest.param(b"", b"\r" * 8192, b"-ERR", id="CR"),
        pytest.param(b"", b"\r\n" * 4096, b"-ERR", id="empty lines"),
        pytest.param(b"AUTH PLAIN\r\n", b"A" * 8192, b"-ERR", id="a response without end"),
        pytest.param(b"", b"AUTH PLAIN\r\n*\r\n" * 500, b"-ERR", id="exchanges without end"),
        pytest.param(b"", b"STLS\r\n" + b"x" * 8192, b"+OK", id="TLS that is none"),
    ],
)
def test_input_without_end_ends_the_session(
    begin: bytes, piece: bytes, answer: bytes, tmp_path: Path
) -> None:
    async def test(world: World) -> None:
        reader, writer = await world.talk()
        await reader.readline()
        tracemalloc.start()
        try:
            with suppress(OSError):
                writer.write(begin)
                for _ in range(1000):
                    writer.write(piece)
                    await writer.drain()
                    if writer.is_closing() or reader.at_eof():
                        break
            said = b""
            with suppress(OSError):
                while octets := await reader.read(65536):
                    said = said or octets
            assert tracemalloc.get_traced_memory()[1] < KEPT
        finally:
            tracemalloc.stop()
        assert not said or answer in said
        await still_served(world)

    run(tmp_path, test)


def test_who_asks_and_does_not_read_waits(tmp_path: Path) -> None:
    message = b"Subject: a\r\n\r\n" + b"line of a body\r\n" * 12_000  # 190 KB

    async def test(world: World) -> None:
        _, writer = await world.talk()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        tracemalloc.start()
        try:
            writer.write(LOGIN + b"RETR 1\r\n" * 1000 + b"QUIT\r\n")
            for _ in range(5):
                await asyncio.sleep(0.05)
                await still_served(world)
            assert tracemalloc.get_traced_memory()[1] < KEPT
        finally:
            tracemalloc.stop()
        writer.transport.abort()

    run(tmp_path, test, message)


def test_a_stranger_who_is_slow_is_cut_off(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        reader, writer = await world.talk()
        with suppress(OSError):
            for _ in range(1000):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
                if reader.at_eof():
                    break
            assert b"ready" in await reader.read()
        await still_served(world)

    run(tmp_path, test, settings=replace(SETTINGS, login_timeout=0.3))


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(("Subject: " + "ü" * 150_000 + "\r\n\r\nx").encode(), id="a long field"),
        pytest.param(("X: ü\r\n" * 30_000 + "\r\nx").encode(), id="many fields"),
        pytest.param(("To: " + "ü@a.test, " * 20_000 + "\r\n\r\n").encode(), id="addresses"),
        pytest.param(("To: " + "(" * 90_000 + "ü\r\n\r\n").encode(), id="comments"),
        pytest.param(("To: " + "a:" * 40_000 + "ü;\r\n\r\n").encode(), id="groups"),
        pytest.param(
            ("Content-Type: a/b" + "; ü*0*=x" * 10_000 + "\r\n\r\n").encode(), id="parameters"
        ),
        pytest.param(
            "".join(
                f"Subject: ü\r\nContent-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"
                for n in range(2_000)
            ).encode(),
            id="parts in parts",
        ),
        pytest.param(b"\xc3\xbc" * 100_000, id="no field at all"),
        pytest.param(b"Subject: \xc3\xbc\n\n" + b"\n." * 100_000, id="LF and dots"),
    ],
)
def test_messages_made_to_harm_go_out(message: bytes, tmp_path: Path) -> None:
    async def test(world: World) -> None:
        reader, writer = await world.talk()
        writer.write(LOGIN + b"TOP 1 0\r\nRETR 1\r\nTOP 1 9999999999\r\nQUIT\r\n")
        said = await asyncio.wait_for(reader.read(), 30)
        assert said.count(b"\r\n.\r\n") >= 3
        assert b"-ERR" not in said
        assert said.endswith(b"+OK Bye, 0 messages deleted\r\n")

    run(tmp_path, test, message)
