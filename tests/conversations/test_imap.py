"""Replays tests/conversations/imap/*.txt: whole, byte by byte, pipelined, and with threads.

A conversation opens with what is ``given``; then ``C:`` is a line of the client, ``S:`` one of the
server. ``2C:`` and ``2S:`` belong to a second client. ``...`` in an ``S:`` line stands for
anything; so does ``{{word}}``, and later lines of the client may say it again.
``S: (closed)`` means that the server closed the connection. ``given`` can be

    logged in [as NAME]             no need of LOGIN (put a client's number in front: 2 logged in)
    selected MAILBOX                nor SELECT
    message NAME in MAILBOX FLAGS   imap/messages/NAME.eml is there
    mailbox NAME                    exists
    quota NUMBER                    octets, of alice
    group NAME USER…                exists, with those users
    not pipelined                   the outcome depends on when the client speaks
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import pytest

from tests.conversations.imap_world import Client, World, new_data, sample

FOLDER = Path(__file__).parent / "imap"
_LINE = re.compile(r"(\d?)([CS]): ?(.*)")
_WORD = re.compile(r"\{\{(\w+)\}\}")


@dataclass
class Conversation:
    given: list[str] = field(default_factory=list)
    lines: list[tuple[int, str, str]] = field(default_factory=list)  # client, C or S, text

    @property
    def can_be_pipelined(self) -> bool:
        if "not pipelined" in self.given or {who for who, _, _ in self.lines} != {1}:
            return False
        return not any(side == "C" and _WORD.search(text) for _, side, text in self.lines)


def read(path: Path) -> Conversation:
    found = Conversation()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("given: "):
            found.given.append(line.removeprefix("given: "))
            continue
        match = _LINE.fullmatch(line)
        assert match, f"{path.name}:{number}: neither given, C: nor S:"
        found.lines.append((int(match[1] or 1), match[2], match[3]))
    return found


def cases() -> Iterator[object]:
    for path in sorted(FOLDER.glob("*.txt")):
        conversation = read(path)
        yield pytest.param(conversation, "whole", id=f"{path.stem}-whole")
        yield pytest.param(conversation, "bytes", id=f"{path.stem}-bytes")
        yield pytest.param(conversation, "threads", id=f"{path.stem}-threads")
        if conversation.can_be_pipelined:
            yield pytest.param(conversation, "pipelined", id=f"{path.stem}-pipelined")


@pytest.mark.parametrize(("conversation", "manner"), list(cases()))
def test_conversation(
    conversation: Conversation,
    manner: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = new_data(tmp_path_factory.getbasetemp(), tmp_path)
    asyncio.run(_replay(conversation, manner, data))


async def _replay(conversation: Conversation, manner: str, data: Path) -> None:
    world = World(
        data, local=manner != "threads", errors=5, errors_before_login=3, message_size=1_000_000
    )
    try:
        clients = await _prepare(world, conversation)
        words: dict[str, str] = {}
        turns = conversation.lines
        if manner == "pipelined":  # the client says everything before it listens
            turns = sorted(turns, key=lambda line: line[1])
        for (who, side), lines in groupby(turns, key=lambda line: line[:2]):
            texts = [text for _, _, text in lines]
            if side == "C":
                octets = _fill_in("".join(f"{text}\r\n" for text in texts), words).encode()
                await clients[who].send(octets, piece=1 if manner == "bytes" else 0)
            else:
                words |= await _expect(clients[who], texts)
        for client in clients.values():
            await asyncio.sleep(0.005)
            left = await client.wait(lambda _: True)
            assert not left, f"the server said more: {left!r}"
    finally:
        await world.close()


async def _expect(client: Client, expected: list[str]) -> dict[str, str]:
    closes = expected[-1] == "(closed)"
    wanted = expected[:-1] if closes else expected
    count = len(wanted)
    said = await client.wait(
        lambda new: client.closed if closes else new.count(b"\n") >= count and new.endswith(b"\n")
    )
    lines = said.decode("utf-8", "replace").split("\r\n")
    assert lines.pop() == "", f"an unfinished line: {said!r}"
    assert len(lines) == count, f"expected {wanted}, the server said {lines}"
    words: dict[str, str] = {}
    for line, want in zip(lines, wanted, strict=True):
        match = re.fullmatch(_pattern(want), line)
        assert match, f"expected {want!r}, the server said {line!r}"
        words |= match.groupdict()
    if closes:
        assert client.closed
    return words


def _fill_in(text: str, words: dict[str, str]) -> str:
    return _WORD.sub(lambda word: words[word[1]], text)


def _pattern(want: str) -> str:
    parts = [".*".join(map(re.escape, part.split("..."))) for part in _WORD.split(want)]
    parts[1::2] = [f"(?P<{word}>.*)" for word in parts[1::2]]
    return "".join(parts)


async def _prepare(world: World, conversation: Conversation) -> dict[int, Client]:
    numbers = sorted({who for who, _, _ in conversation.lines})
    logged_in: dict[int, str] = {}
    selected: dict[int, str] = {}
    for given in conversation.given:
        who, words = _who(given)
        match words:
            case ["logged", "in"]:
                logged_in[who] = "alice"
            case ["logged", "in", "as", name]:
                logged_in[who] = name
            case ["selected", mailbox]:
                logged_in.setdefault(who, "alice")
                selected[who] = mailbox
            case ["message", name, "in", mailbox, *flags]:
                world.deliver(sample(name), mailbox, tuple(flags))
            case ["mailbox", name]:
                world.app.mailboxes.create(world.account().id, name)
            case ["quota", octets]:
                world.app.directory.set_account(replace(world.account(), quota=int(octets)))
            case ["group", name, *users]:
                world.app.directory.add_group(f"{name}@example.test")
                for user in users:
                    world.app.directory.join(f"{name}@example.test", f"{user}@example.test")
            case ["not", "pipelined"]:
                pass
            case _:
                raise AssertionError(f"given: {given}")
    clients = {}
    for who in numbers:
        if who in logged_in:
            clients[who] = await world.client(selected.get(who, ""), logged_in[who])
        else:
            clients[who] = world.connect()
    return clients


def _who(given: str) -> tuple[int, list[str]]:
    words = given.split()
    return (int(words[0]), words[1:]) if words[0].isdigit() else (1, words)
