"""Maildrops of any size: what is read, when, and that numbers keep their messages."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.pop3.maildrop import (
    PAGE,
    Maildrop,
    MessageGone,
    NoSuchMessage,
    close_maildrop,
    find_message,
    open_maildrop,
    read_page,
)
from postroom.mailboxes.records import DELETED
from tests.conversations.pop3_world import World, pop3_world

MESSAGE = b"Subject: a\r\n\r\nbody\r\n"
MANY = 2 * PAGE + 10


def with_many(folder: Path, test: Callable[[World], Any], count: int = MANY) -> None:
    async def run() -> None:
        async with pop3_world(folder) as world:
            world.deliver([MESSAGE + b"%d\r\n" % number for number in range(count)])
            await asyncio.to_thread(test, world)

    asyncio.run(run())


def opened(world: World) -> Maildrop:
    return open_maildrop(world.app, world.account, "owner")


def expunge(world: World, uids: list[int]) -> None:
    inbox = world.inbox()
    world.app.mailboxes.store_flags(world.account, inbox.id, uids, add=[DELETED])
    world.app.mailboxes.expunge(world.account, inbox.id, uids)


def test_a_sitting_begins_without_reading_messages(tmp_path: Path) -> None:
    def test(world: World) -> None:
        asked: list[str] = []
        read = world.app.platform.table.range

        def counted(partition: str, *args: Any, **kwargs: Any) -> Any:
            asked.append(partition)
            return read(partition, *args, **kwargs)

        world.app.platform.table.range = counted  # type: ignore[method-assign]
        maildrop = opened(world)
        assert (maildrop.count, maildrop.total) == (MANY, world.inbox().size)
        assert not [partition for partition in asked if partition.startswith("mailbox/")]
        read_page(world.app, maildrop)
        assert len(maildrop.uids) == PAGE
        assert maildrop.known(PAGE)
        assert not maildrop.known(PAGE + 1)
        while not maildrop.complete:
            read_page(world.app, maildrop)
        assert list(maildrop.uids) == list(range(1, MANY + 1))
        assert sum(maildrop.sizes) == maildrop.total

    with_many(tmp_path, test)


def test_numbers_keep_their_messages_when_others_expunge(tmp_path: Path) -> None:
    def test(world: World) -> None:
        maildrop = opened(world)
        read_page(world.app, maildrop)
        expunge(world, [5, PAGE + 1, PAGE + 7, MANY])
        world.deliver([MESSAGE])
        while not maildrop.complete:
            read_page(world.app, maildrop)
        assert list(maildrop.uids) == list(range(1, MANY + 1))
        assert find_message(world.app, maildrop, PAGE + 2).uid == PAGE + 2
        for number in (5, PAGE + 1, PAGE + 7, MANY):
            with pytest.raises(MessageGone):
                find_message(world.app, maildrop, number)
        maildrop.mark(PAGE + 1)
        maildrop.mark(PAGE + 2)
        close_maildrop(world.app, maildrop)
        assert world.inbox().messages == MANY - 4 - 1 + 1

    with_many(tmp_path, test)


def test_what_has_a_number_ends_with_the_counters(tmp_path: Path) -> None:
    def test(world: World) -> None:
        maildrop = opened(world)
        world.deliver([MESSAGE])
        read_page(world.app, maildrop)
        assert maildrop.complete
        assert len(maildrop.uids) == 3
        for number in (0, 4):
            with pytest.raises(NoSuchMessage):
                maildrop.index(number)

    with_many(tmp_path, test, 3)


def test_dele_needs_no_flag(tmp_path: Path) -> None:
    def test(world: World) -> None:
        maildrop = opened(world)
        read_page(world.app, maildrop)
        maildrop.mark(2)
        maildrop.unmark_all()
        maildrop.mark(1)
        before = world.inbox().highest_mod_seq
        close_maildrop(world.app, maildrop)
        inbox = world.inbox()
        assert [message.uid for message in world.app.mailboxes.messages(inbox.id)] == [2, 3]
        assert inbox.highest_mod_seq == before + 1

    with_many(tmp_path, test, 3)
