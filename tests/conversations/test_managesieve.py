"""Replays tests/conversations/managesieve/*.txt: whole, byte by byte, and pipelined.

``given: script NAME TEXT`` puts a script (``\\n`` written so), ``given: active NAME TEXT`` also
activates it; ``given: passwords need TLS`` takes the loopback's exception away. ``C:`` is a line of
the client, ``S:`` one of the server; ``S: {greeting}`` stands for the capabilities that come
first and their OK, ``{extensions}`` for the list of Sieve extensions. ``then: scripts A B*`` tells
which are there after the client has gone, the active one with an asterisk.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from postroom.sieve.engine import CAPABILITIES
from tests.conversations.managesieve_world import (
    MECHANISMS,
    SETTINGS,
    World,
    greeting,
    managesieve_world,
    without_plaintext,
)

FOLDER = Path(__file__).parent / "managesieve"
CONVERSATIONS = sorted(path.stem for path in FOLDER.glob("*.txt"))
READY = b'OK "Postroom ManageSieve ready"\r\n'


@dataclass
class Conversation:
    scripts: list[tuple[str, bytes, bool]] = field(default_factory=list)
    plaintext: bool = True
    turns: list[tuple[str, bytes]] = field(default_factory=list)
    left: str | None = None


def read(path: Path) -> Conversation:
    found = Conversation()
    for line in path.read_text().split("\n"):
        kind, _, text = line.partition(": ") if ": " in line else (line[:1], ":", "")
        word, _, rest = text.partition(" ")
        if kind == "given" and word in ("script", "active"):
            name, _, script = rest.partition(" ")
            octets = script.encode().decode("unicode_escape").encode("latin-1")
            found.scripts.append((name, octets, word == "active"))
        elif line == "given: passwords need TLS":
            found.plaintext = False
        elif kind == "then":
            found.left = text.removeprefix("scripts").strip()
        elif text == "{greeting}":
            offered = MECHANISMS if found.plaintext else ""
            lines = greeting(mechanisms=offered).splitlines(keepends=True)
            found.turns += [("S", line) for line in lines]
            found.turns.append(("S", READY))
        elif kind in ("C", "S"):
            text = text.replace("{extensions}", " ".join(CAPABILITIES))
            found.turns.append((kind, text.encode() + b"\r\n"))
        else:
            assert not line or line.startswith("#"), f"{path.name}: {line!r} is nothing"
    return found


@pytest.mark.parametrize("manner", ["whole", "bytes", "pipelined"])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(name: str, manner: str, tmp_path: Path) -> None:
    asyncio.run(replay(read(FOLDER / f"{name}.txt"), manner, tmp_path))


async def replay(conversation: Conversation, manner: str, folder: Path) -> None:
    settings = SETTINGS if conversation.plaintext else without_plaintext()
    async with managesieve_world(folder, settings) as world:
        scripts = world.app.scripts
        for name, text, active in conversation.scripts:
            scripts.put(world.account, name, text)
            if active:
                scripts.set_active(world.account, name)
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
            assert await asyncio.wait_for(reader.readline(), 10) == text
        if conversation.turns[-1][1].startswith((b'OK "Bye"', b"BYE ")):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        await gone(world)
        if conversation.left is not None:
            listed = scripts.names(world.account)
            assert " ".join(one.name + "*" * one.active for one in listed) == conversation.left


async def gone(world: World) -> None:
    async with asyncio.timeout(10):
        while world.listeners.connections:
            await asyncio.sleep(0.01)
