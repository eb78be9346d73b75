"""Replays tests/conversations/pop3/*.txt: whole, byte by byte, and pipelined.

``given: message TEXT`` puts a message (``\\r``, ``\\n``, ``\\xff`` written so, the last also in
what is said) into the maildrop; ``given: passwords need TLS`` takes the loopback's exception away.
``C:`` is a line of the client, ``S:`` one of the server; ``{uidvalidity}`` is that of the maildrop.
``then: messages N`` tells how many are there after the client has gone.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conversations.pop3_world import SETTINGS, World, pop3_world, without_plaintext

FOLDER = Path(__file__).parent / "pop3"
CONVERSATIONS = sorted(path.stem for path in FOLDER.glob("*.txt"))


@dataclass
class Conversation:
    messages: list[bytes] = field(default_factory=list)
    plaintext: bool = True
    turns: list[tuple[str, bytes]] = field(default_factory=list)
    left: int | None = None


def read(path: Path) -> Conversation:
    found = Conversation()
    for line in path.read_text().splitlines():
        kind, _, text = line.partition(": ") if ": " in line else (line[:1], ":", "")
        if kind == "given" and text.startswith("message "):
            message = text.removeprefix("message ").encode().decode("unicode_escape")
            found.messages.append(message.encode("latin-1"))
        elif line == "given: passwords need TLS":
            found.plaintext = False
        elif kind == "then":
            found.left = int(text.removeprefix("messages "))
        elif kind in ("C", "S"):
            octets = text.encode()
            if "\\x" in text:
                octets = octets.decode("unicode_escape").encode("latin-1")
            found.turns.append((kind, octets + b"\r\n"))
        else:
            assert not line, f"{path.name}: {line!r} is nothing"
    return found


@pytest.mark.parametrize("manner", ["whole", "bytes", "pipelined"])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(name: str, manner: str, tmp_path: Path) -> None:
    asyncio.run(replay(read(FOLDER / f"{name}.txt"), manner, tmp_path))


async def replay(conversation: Conversation, manner: str, folder: Path) -> None:
    settings = SETTINGS if conversation.plaintext else without_plaintext()
    async with pop3_world(folder, conversation.messages, settings) as world:
        reader, writer = await world.talk()
        turns = conversation.turns
        if manner == "pipelined":  # everything is said before anything is read
            turns = sorted(turns, key=lambda turn: turn[0])
        for who, text in turns:
            if who == "C":
                for piece in [text] if manner != "bytes" else [bytes([octet]) for octet in text]:
                    writer.write(piece)
                    await writer.drain()
                    if manner == "bytes":
                        await asyncio.sleep(0)
                continue
            expected = text.replace(b"{uidvalidity}", b"%d" % world.inbox().uid_validity)
            assert await asyncio.wait_for(reader.readline(), 10) == expected
        if conversation.turns[-1][1].startswith(b"+OK Bye"):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        await gone(world)
        if conversation.left is not None:
            assert world.inbox().messages == conversation.left


async def gone(world: World) -> None:
    async with asyncio.timeout(10):
        while world.listeners.connections:
            await asyncio.sleep(0.01)
