"""Contexts of RFC 5267: who follows the updates knows what a new search would find."""

import asyncio
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.imap import contexts
from tests.conversations.imap_world import Client, World, new_data

_UPDATE = re.compile(rb'\* ESEARCH \(TAG "(\w+)"\)( UID)?((?: (?:ADDTO|REMOVEFROM) \([^)]*\))+)')
_ITEM = re.compile(rb"(ADDTO|REMOVEFROM) \(([^)]*)\)")
_FOUND = re.compile(rb"\* (?:SEARCH|SORT)((?: \d+)*)")
SUBJECTS = ("apple", "Re: apple", "Banana", "cherry", "")
WATCHED = {
    "s": "SEARCH {} FLAGGED",
    "u": "UID SEARCH {} OR (SEEN SUBJECT apple) ANSWERED",
    "t": "UID SORT {} (SUBJECT REVERSE ARRIVAL) UTF-8 UNDELETED",
    "n": "SORT {} (REVERSE SUBJECT) UTF-8 NOT FLAGGED",
}


class Follower:
    """Keeps the results of each context by the updates alone, and the numbers by EXPUNGE."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.lists: dict[str, list[int]] = {}

    async def begin(self) -> None:
        for tag, command in WATCHED.items():
            answer = await self.client.ask(
                command.format("RETURN (UPDATE ALL)").encode(), tag.encode()
            )
            found = re.search(rb" ALL (\S+)", answer)
            self.lists[tag] = list(numbers(found[1])) if found else []

    async def ask(self, command: str) -> bytes:
        answer = await self.client.ask(command.encode(), b"x")
        for line in answer.split(b"\r\n"):
            self.hear(line)
        return answer

    def hear(self, line: bytes) -> None:
        if expunged := re.fullmatch(rb"\* (\d+) EXPUNGE", line):
            gone = int(expunged[1])
            for tag in ("s", "n"):
                assert gone not in self.lists[tag], "expunged, and REMOVEFROM had to come before"
                self.lists[tag] = [each - (each > gone) for each in self.lists[tag]]
        elif update := _UPDATE.fullmatch(line):
            tag = update[1].decode()
            assert bool(update[2]) == WATCHED[tag].startswith("UID")
            for verb, pairs in _ITEM.findall(update[3]):
                words = pairs.split()
                for place, named in zip(words[::2], words[1::2], strict=True):
                    self.apply(tag, verb, int(place), list(numbers(named)))

    def apply(self, tag: str, verb: bytes, place: int, named: list[int]) -> None:
        results = self.lists[tag]
        if verb == b"ADDTO":
            assert not set(results) & set(named), "it is there already"
            if place:
                assert place <= len(results) + 1
                results[place - 1 : place - 1] = named
            else:
                self.lists[tag] = sorted(results + named)
        elif place:
            assert results[place - 1 : place - 1 + len(named)] == named
            del results[place - 1 : place - 1 + len(named)]
        else:
            assert set(named) <= set(results)
            self.lists[tag] = [each for each in results if each not in named]

    async def check(self) -> None:
        for tag, command in WATCHED.items():
            answer = await self.ask(command.format("").replace("  ", " "))
            found = next(filter(None, map(_FOUND.fullmatch, answer.split(b"\r\n"))))
            assert self.lists[tag] == [int(each) for each in found[1].split()], command


def numbers(named: bytes) -> Iterator[int]:
    for part in named.split(b","):
        first, _, last = part.partition(b":")
        yield from range(int(first), int(last or first) + 1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("many", [0, 100], ids=["sorted anew", "placed one by one"])
def test_updates_add_up_to_what_a_search_finds(
    seed: int,
    many: int,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contexts, "_MANY", many)
    data = new_data(tmp_path_factory.getbasetemp(), tmp_path)
    asyncio.run(_follow(random.Random(seed), data))


async def _follow(dice: random.Random, data: Path) -> None:
    world = World(data)
    try:
        for _ in range(dice.randint(0, 8)):
            _deliver(world, dice)
        follower = Follower(await world.client("INBOX"))
        other = await world.client("INBOX")
        await follower.begin()
        for _ in range(40):
            await _change(world, dice, follower, other)
            if dice.random() < 0.3:
                await follower.ask("NOOP")
                await follower.check()
    finally:
        await world.close()


async def _change(world: World, dice: random.Random, follower: Follower, other: Client) -> None:
    flag = dice.choice(["\\Flagged", "\\Seen", "\\Answered", "\\Deleted"])
    store = f"STORE {dice.randint(1, 12)}:* {dice.choice('+-')}FLAGS ({flag})"
    match dice.randrange(7):
        case 0 | 1:
            for _ in range(dice.randint(1, 3)):
                _deliver(world, dice)
        case 2:
            await other.ask(f"UID {store}".encode())
        case 3:
            await other.ask(b"EXPUNGE")
        case 4:
            await follower.ask(f"UID {store}")
        case 5:
            await follower.ask("UID FETCH 1:* FLAGS")
        case _:
            await follower.ask("FETCH 1:* FLAGS")


def _deliver(world: World, dice: random.Random) -> None:
    subject, flags = dice.choice(SUBJECTS), dice.choice([(), ("\\Flagged",), ("\\Seen",)])
    world.deliver(
        f"Subject: {subject}\r\n\r\n".encode(), flags=flags, internal_date=dice.randrange(1000)
    )


def test_a_session_keeps_so_many_contexts_and_no_more(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    asyncio.run(_ask_for_many(new_data(tmp_path_factory.getbasetemp(), tmp_path)))


async def _ask_for_many(data: Path) -> None:
    world = World(data)
    try:
        client = await world.client("INBOX")
        search = b"SEARCH RETURN (UPDATE COUNT) FLAGGED"
        for each in range(contexts.MOST):
            assert b"NOUPDATE" not in await client.ask(search, b"c%d" % each)
        refused = await client.ask(search, b"d")
        assert b'* NO [NOUPDATE "d"] ' in refused
        assert b"COUNT 0" in refused
        assert b"\r\nd OK " in refused
        await client.ask(b'CANCELUPDATE "c3" "c5"')
        assert b"NOUPDATE" not in await client.ask(search, b"d")
        assert b"\r\n" not in (await client.ask(search, b"d")).removesuffix(b"\r\n")  # BAD only
        await client.ask(b"SELECT INBOX")
        assert b"NOUPDATE" not in await client.ask(search, b"c0")  # the others went with it
    finally:
        await world.close()
