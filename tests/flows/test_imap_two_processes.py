"""What one gateway process does to a mailbox that is selected in another.

Two servers with stores, views and threads of their own share a data folder, as processes do.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conversations.imap_world import Client, World, new_data

_UID = re.compile(rb"\* \d+ FETCH \(UID (\d+)\)")
_APPENDUID = re.compile(rb"\[APPENDUID \d+ (\d+)\]")
APPENDS = 25  # of each client


@asynccontextmanager
async def two(data: Path) -> AsyncIterator[tuple[World, World]]:
    first, second = World(data), World(data, local=False)
    try:
        yield first, second
    finally:
        await second.close()
        await first.close()


Play = Callable[[World, World], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Play], None]:
    data = new_data(tmp_path_factory.getbasetemp(), tmp_path)

    async def run(what: Play) -> None:
        async with two(data) as (first, second):
            await what(first, second)

    return lambda what: asyncio.run(run(what))


def test_who_has_a_deleted_mailbox_selected_is_sent_away(play: Callable[[Play], None]) -> None:
    async def what(here: World, there: World) -> None:
        deleting = await here.client()
        await deleting.ask(b"CREATE Plans")
        asking, idling = await there.client("Plans"), await there.client("Plans")
        await idling.send(b"i IDLE\r\n")
        await idling.wait(lambda new: b"idling" in new)
        assert b"t OK" in await deleting.ask(b"DELETE Plans")
        assert b"* BYE [NONEXISTENT]" in await idling.wait(lambda new: b"BYE" in new)
        assert b"* BYE [NONEXISTENT]" in await asking.ask(b"NOOP")
        assert b"t NO [NONEXISTENT]" in await (await there.client()).ask(b"SELECT Plans")

    play(what)


def test_a_mailbox_made_anew_is_another(play: Callable[[Play], None]) -> None:
    async def what(here: World, there: World) -> None:
        changing = await here.client()
        await changing.ask(b"CREATE Plans")
        asking = await there.client("Plans")
        before = await changing.ask(b"STATUS Plans (UIDVALIDITY)")
        await changing.ask(b"DELETE Plans")
        await changing.ask(b"CREATE Plans")
        await changing.ask(b"APPEND Plans {4+}\r\na: b")
        after = await changing.ask(b"STATUS Plans (UIDVALIDITY)")
        assert _number(after) > _number(before)
        assert b"* BYE [NONEXISTENT]" in await asking.ask(b"NOOP")
        assert b"* 1 EXISTS" in await (await there.client()).ask(b"SELECT Plans")

    play(what)


def test_a_renamed_mailbox_stays_selected(play: Callable[[Play], None]) -> None:
    async def what(here: World, there: World) -> None:
        renaming = await here.client()
        await renaming.ask(b"CREATE Plans")
        await renaming.ask(b"APPEND Plans {4+}\r\na: b")
        reading = await there.client("Plans")
        assert b"t OK" in await renaming.ask(b"RENAME Plans Deeds")
        await renaming.ask(b"APPEND Deeds {4+}\r\na: b")
        assert b"* 2 EXISTS" in await reading.ask(b"NOOP")
        assert b"\\Flagged" in await reading.ask(b"STORE 2 +FLAGS (\\Flagged)")
        assert b"t OK" in await renaming.ask(b"SELECT Deeds")
        assert b"\\Flagged" in await renaming.ask(b"FETCH 2 FLAGS")
        assert b"t NO [NONEXISTENT]" in await (await there.client()).ask(b"SELECT Plans")

    play(what)


def test_appends_of_two_processes_are_seen_in_order(play: Callable[[Play], None]) -> None:
    async def what(here: World, there: World) -> None:
        given: list[list[int]] = []
        writers = [await world.client() for world in (here, there, here, there)]
        watchers = [await here.client("INBOX"), await there.client("INBOX")]

        async def write(client: Client) -> None:
            uids = []
            for _ in range(APPENDS):
                found = _APPENDUID.search(await client.ask(b"APPEND INBOX {4+}\r\na: b"))
                assert found
                uids.append(int(found[1]))
            given.append(uids)

        async def watch(client: Client) -> list[int]:
            seen: list[int] = []
            while len(seen) < APPENDS * len(writers):
                answer = await client.ask(b"FETCH %d:* (UID)" % max(len(seen), 1))
                new = [int(uid) for uid in _UID.findall(answer) if int(uid) not in seen]
                seen += new
                await client.ask(b"NOOP")
            return seen

        seen = await asyncio.gather(*map(watch, watchers), *map(write, writers))
        everything = sorted(uid for uids in given for uid in uids)
        assert everything == list(range(1, APPENDS * len(writers) + 1)), "each UID once"
        assert all(uids == sorted(uids) for uids in given), "one client's UIDs ascend"
        assert seen[:2] == [everything, everything], "seen in their order, none afterwards"

    play(what)


def _number(status: bytes) -> int:
    found = re.search(rb"UIDVALIDITY (\d+)", status)
    assert found
    return int(found[1])
