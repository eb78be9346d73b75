"""The conversations of clients, with octets lost, doubled, altered and moved: every session goes
on or ends cleanly, nothing fails inside, and a neighbour notices nothing."""

import asyncio
import logging
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conversations import test_imap, test_pop3
from tests.conversations.imap_world import World, new_data, sample
from tests.conversations.pop3_world import PASSWORD, USER, pop3_world

WORDS = [
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b'"', b"\\", b"(", b")", b"{3}\r\n", b"{9+}\r\n", b"~"),
    *(b"{99999999}\r\n", b"*", b"1:*", b"4294967295", b"99999999999", b"\xff", b"\xc3", b"&", b"$"),
    *(
        b"NIL",
        b"+",
        b"<0.9>",
        b"[",
        b"]",
        b"=",
        b"\r\nDONE\r\n",
        b"\r\n.\r\n",
        b"RETURN (",
        b"NOT ",
    ),
]
MESSAGES = ("plain", "mixed", "forwarded")


def imap_lines() -> list[bytes]:
    found = []
    for path in sorted(test_imap.FOLDER.glob("*.txt")):
        for _, side, text in test_imap.read(path).lines:
            if side == "C" and "LOGOUT" not in text and "{{" not in text:
                found.append(text.encode("utf-8", "surrogateescape"))
    return found


def pop3_lines() -> list[bytes]:
    found = []
    for path in sorted(test_pop3.FOLDER.glob("*.txt")):
        found += [text[:-2] for side, text in test_pop3.read(path).turns if side == "C"]
    return found


def mutated(lines: list[bytes], chance: random.Random) -> bytes:
    """Some lines in their order, from anywhere, with a few mistakes in them."""
    start = chance.randrange(len(lines))
    some = bytearray(b"\r\n".join(lines[start : start + chance.randrange(1, 12)]) + b"\r\n")
    for _ in range(chance.randrange(6)):
        at = chance.randrange(len(some) + 1)
        length = chance.choice((0, 1, 1, 2, 8))
        match chance.randrange(5):
            case 0:
                del some[at : at + length]
            case 1:
                some[at:at] = chance.choice(WORDS)
            case 2:
                some[at : at + length] = chance.randbytes(length)
            case 3:
                some[at:at] = some[at : at + 20 * length]
            case _:
                some[at : at + length] = chance.choice(WORDS) * chance.choice((1, 1, 50))
    return bytes(some)


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    return [f"{record.getMessage()} {record.exc_text}" for record in errors]


async def talk_imap(data: Path, seed: int) -> None:
    chance = random.Random(seed)
    world = World(data)
    try:
        for name in MESSAGES:
            world.deliver(sample(name))
        client, neighbour = await world.client("INBOX"), await world.client("INBOX")
        for _ in range(chance.randrange(1, 4)):
            await client.send(mutated(imap_lines(), chance), chance.choice((0, 0, 1, 7)))
        await client.wait(lambda _: world.crossing.under_way == 0)
        assert b"n OK" in await neighbour.ask(b"NOOP", b"n")
        # It waits for the rest of something, or answers, or has gone.
        await client.send(b"\r\nDONE\r\n*\r\n" * 3)
        await client.send(b")\r\n" * 5 + b"last NOOP\r\n")
        sent = bytes(client.transport.sent)
        assert b"Internal error" not in sent
        assert b"SERVERBUG" not in sent
    finally:
        await asyncio.wait_for(world.close(), 20)


async def talk_pop3(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with pop3_world(folder) as world:
        world.deliver([sample(name) for name in MESSAGES])
        reader, writer = await world.talk()
        if chance.random() < 0.7:
            writer.write(f"USER {USER}\r\nPASS {PASSWORD}\r\n".encode())
        for _ in range(chance.randrange(1, 4)):
            writer.write(mutated(pop3_lines(), chance))
        writer.write(b"\r\n*\r\nQUIT\r\nQUIT\r\n")
        answers = await asyncio.wait_for(reader.read(), 20)
        assert b"Internal error" not in answers
        # The maildrop is free again for the next one, unless it has TLS to begin with.
        reader, writer = await world.talk()
        async with asyncio.timeout(20):
            while True:
                writer.write(f"USER {USER}\r\nPASS {PASSWORD}\r\n".encode())
                await reader.readline()
                if b"messages" in (await reader.readline()) + (await reader.readline()):
                    break
                reader, writer = await world.talk()


NO_DEADLINE = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_data(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("mutated"))


@NO_DEADLINE
@given(seed=st.integers(0, 2**32))
def test_imap_goes_on(seed: int, data: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    own = data.with_name("own")
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(data, own)
    asyncio.run(talk_imap(own, seed))
    assert not failures(caplog)


@NO_DEADLINE
@given(seed=st.integers(0, 2**32))
def test_pop3_goes_on(seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    asyncio.run(talk_pop3(tmp_path, seed))
    assert not failures(caplog)
