"""What NOTIFY asks for, and when its client hears of it (RFC 5465)."""

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.imap import observation
from gateway.imap.commands import BodySection
from gateway.imap.commands_notify import EVENTS, MESSAGE_EVENTS, EventGroup, Notify
from gateway.imap.filter_mailboxes import FilterMailboxes
from gateway.imap.notifications import Known, Notifications, Wanted, status_items
from gateway.imap.parser import parse
from postroom.directory.identifiers import user_identifier
from postroom.errors import BadSyntax, StoreUnavailable
from tests.conversations.imap_world import Client, World, new_data

NEW_AND_GONE = frozenset(MESSAGE_EVENTS - {"FlagChange"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"NOTIFY NONE", Notify(b"a", ()), id="none"),
        pytest.param(
            b"notify set status (selected-delayed none)",
            Notify(
                b"a", (EventGroup(FilterMailboxes("selected-delayed"), frozenset()),), status=True
            ),
            id="in any case",
        ),
        pytest.param(
            b"NOTIFY SET (selected (MessageNew (UID BODY.PEEK[TEXT]) MessageExpunge))",
            Notify(
                b"a",
                (
                    EventGroup(
                        FilterMailboxes("selected"),
                        NEW_AND_GONE,
                        ("UID", BodySection(text="TEXT", peek=True)),
                    ),
                ),
            ),
            id="what is wanted of new messages",
        ),
        pytest.param(
            b"NOTIFY SET (subtree (a {3}\r\nb c) (mailboxname))(",
            None,
            id="a group that does not end",
        ),
        pytest.param(
            b'NOTIFY SET (mailboxes (inbox "b c" a//b) (MailboxName NewEvent))',
            Notify(
                b"a",
                (
                    EventGroup(
                        FilterMailboxes("mailboxes", frozenset({"INBOX", "b c"})),
                        frozenset({"MailboxName"}),
                        unsupported=("NewEvent",),
                    ),
                ),
            ),
            id="names that cannot be, events that we do not know",
        ),
        pytest.param(b"NOTIFY SET (selected (FlagChange))", None, id="flags without messages"),
        pytest.param(b"NOTIFY SET (inboxes (MessageNew))", None, id="half of a pair"),
        pytest.param(b"NOTIFY SET (mailboxes a MessageNew)", None, id="no list of events"),
        pytest.param(b"NOTIFY SET (selected-delayed NONE)(personal NONE)", None, id="no space"),
        pytest.param(b"NOTIFY SET STATUS", None, id="nothing to be told"),
    ],
)
def test_its_arguments(text: bytes, expected: Notify | None) -> None:
    if expected is None:
        with pytest.raises(BadSyntax):
            parse(b"a " + text)
    else:
        assert parse(b"a " + text) == expected


_WORDS = [b"SET", b"NONE", b"STATUS", b"(", b")", b" ", b"selected", b"selected-delayed", b"a"]
_WORDS += [b"personal", b"subtree", b"mailboxes", b"subscribed", b"inboxes", b"(UID)", b"{1}\r\na"]
_WORDS += [b"BODY[", b"]", b'"', b"\xff", b"AnnotationChange", *(e.encode() for e in EVENTS)]


@given(st.lists(st.sampled_from(_WORDS) | st.binary(max_size=3), max_size=25))
def test_hostile_arguments_are_bad_syntax_and_nothing_else(words: list[bytes]) -> None:
    try:
        command = parse(b"a NOTIFY " + b"".join(words))
    except BadSyntax:
        return
    assert isinstance(command, Notify)


_GROUPS = st.builds(
    EventGroup,
    st.sampled_from(
        [
            FilterMailboxes("personal"),
            FilterMailboxes("subscribed"),
            FilterMailboxes("subtree", frozenset({"a/b", "c"})),
            FilterMailboxes("mailboxes", frozenset({"x y"})),
        ]
    ),
    st.frozensets(st.sampled_from(EVENTS)).map(
        lambda events: events | MESSAGE_EVENTS if events & MESSAGE_EVENTS else events
    ),
)


@given(st.lists(_GROUPS, min_size=1, max_size=5), st.booleans())
def test_what_is_written_is_read(groups: list[EventGroup], status: bool) -> None:
    text = b"NOTIFY SET" + (b" STATUS" if status else b"")
    for group in groups:
        names = " ".join(f'"{name}"' for name in sorted(group.mailboxes.names))
        events = f"({' '.join(sorted(group.events))})" if group.events else "NONE"
        filters = f"{group.mailboxes.kind} ({names})" if names else group.mailboxes.kind
        text += f" ({filters} {events})".encode()
    assert parse(b"a " + text) == Notify(b"a", tuple(groups), status)


def test_several_groups_about_a_mailbox_add_up() -> None:
    wanted = Wanted(
        [
            EventGroup(FilterMailboxes("mailboxes", frozenset({"INBOX"})), NEW_AND_GONE),
            EventGroup(FilterMailboxes("personal"), frozenset({"SubscriptionChange"})),
            EventGroup(FilterMailboxes("subtree", frozenset({"a"})), frozenset()),
        ]
    )
    assert wanted.of("INBOX", subscribed=False) == NEW_AND_GONE | {"SubscriptionChange"}
    assert wanted.of("a/b", subscribed=False) == {"SubscriptionChange"}
    assert wanted.selected == frozenset()


def known(name: str, *numbers: int) -> Known:
    return Known("u", name, True, *numbers)


_BEFORE = known("a", 7, 10, 5, 2, 100)


@pytest.mark.parametrize(
    ("now", "condstore", "expected"),
    [
        pytest.param(known("b", 7, 10, 5, 2, 100), False, {}, id="another name"),
        pytest.param(known("a", 7, 10, 5, 2, 101), False, {}, id="a flag, without CONDSTORE"),
        pytest.param(
            known("a", 7, 10, 5, 2, 101),
            True,
            {"HIGHESTMODSEQ": 101, "UIDVALIDITY": 7},
            id="a flag, with CONDSTORE",
        ),
        pytest.param(
            known("a", 7, 11, 5, 2, 101),
            False,
            {"MESSAGES": 5, "UIDNEXT": 11, "UIDVALIDITY": 7},
            id="one came, one went",
        ),
        pytest.param(known("a", 8, 10, 5, 2, 100), False, {"UIDVALIDITY": 8}, id="other UIDs"),
    ],
)
def test_what_status_tells(now: Known, condstore: bool, expected: dict[str, int]) -> None:
    assert status_items(_BEFORE, now, MESSAGE_EVENTS, condstore=condstore) == expected


def test_much_news_is_noted_in_bounded_memory() -> None:
    wakes: list[int] = []
    notifications = Notifications("u", lambda: wakes.append(1))
    notifications.wanted = Wanted([EventGroup(FilterMailboxes("personal"), MESSAGE_EVENTS)])
    for number in range(10_000):
        notifications.account_news("u", f"m{number}")
    assert notifications.take_stale() is None
    assert not notifications.is_stale


# Over a real store.

Play = Callable[[World], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    def run(scene: Play, **options: Any) -> None:
        async def all_of_it() -> None:
            world = World(new_data(tmp_path_factory.getbasetemp(), tmp_path), **options)
            try:
                await scene(world)
            finally:
                await world.close()

        asyncio.run(all_of_it())

    return run


async def notified(world: World, groups: bytes, mailbox: str = "") -> Client:
    client = await world.client(mailbox)
    assert b"t OK" in await client.ask(b"NOTIFY SET " + groups)
    return client


ALL_OF_ALL = b"(personal (MessageNew MessageExpunge FlagChange))"


def test_one_look_for_much_news(play: Callable[..., None]) -> None:
    async def scene(world: World) -> None:
        mailboxes = world.app.mailboxes
        client = await notified(world, ALL_OF_ALL)
        with (
            patch.object(mailboxes, "get", wraps=mailboxes.get) as get,
            patch.object(mailboxes, "outline", wraps=mailboxes.outline) as outline,
        ):
            for _ in range(50):  # the session cannot do anything meanwhile
                world.deliver(b"a: b\r\n\r\n")
            said = await client.wait(lambda new: b"MESSAGES 50" in new)
            looks = get.call_count + outline.call_count
        assert said.startswith(b'* STATUS "INBOX" (MESSAGES 50 UIDNEXT 51 UNSEEN 50 UIDVALIDITY ')
        assert said.count(b"STATUS") == 1
        assert looks < 10  # news come on a thread: some of it may be late

    play(scene)


def test_news_of_what_nobody_asked_about_cost_no_look(play: Callable[..., None]) -> None:
    async def scene(world: World) -> None:
        mailboxes = world.app.mailboxes
        await notified(world, b"(mailboxes Sent (MessageNew MessageExpunge))")
        with (
            patch.object(mailboxes, "get", wraps=mailboxes.get) as get,
            patch.object(mailboxes, "outline", wraps=mailboxes.outline) as outline,
        ):
            world.deliver(b"a: b\r\n\r\n")
            await asyncio.sleep(0.1)
            assert not get.called
            assert not outline.called

    play(scene)


async def at_an_upload(world: World) -> Client:
    """In the middle of an APPEND, and there is news."""
    client = await notified(world, b"(selected (MessageNew MessageExpunge))", "INBOX")
    await client.send(b"a APPEND Sent {6}\r\n")
    await client.wait(lambda new: new.startswith(b"+"))
    world.deliver(b"a: b\r\n\r\n")
    await asyncio.sleep(0.1)
    return client


def test_news_wait_while_a_message_is_uploaded(play: Callable[..., None]) -> None:
    async def scene(world: World) -> None:
        client = await at_an_upload(world)
        assert not await client.wait(lambda _: True)
        await client.send(b"a: b\r\n\r\n")
        said = await client.wait(lambda new: b"\r\na OK" in new)
        assert said.startswith(b"* 1 EXISTS\r\n")

    play(scene)


def test_news_wait_no_longer_than_the_upload(play: Callable[..., None]) -> None:
    async def scene(world: World) -> None:
        client = await at_an_upload(world)
        await client.send(b"a: b\r\n {8000000000}\r\n")  # refused
        said = await client.wait(lambda new: b"EXISTS\r\n" in new)
        assert said.startswith(b"a NO [TOOBIG] ")
        assert b"\r\n* 1 EXISTS\r\n" in said

    play(scene)


def test_what_comes_while_a_mailbox_is_selected_is_told(play: Callable[..., None]) -> None:
    async def scene(world: World) -> None:
        client = await notified(world, b"(selected (MessageNew MessageExpunge))")
        session = client.connection.session
        assert session is not None
        open_view = session.service.views.open

        def open_and_deliver(account: str, mailbox: str, *, most: int | None) -> Any:
            view = open_view(account, mailbox, most=most)
            world.deliver(b"a: b\r\n\r\n")
            time.sleep(0.05)  # the topic says so on its own thread
            return view

        with patch.object(session.service.views, "open", open_and_deliver):
            said = await client.ask(b"SELECT INBOX")
        said += await client.wait(lambda new: b"1 EXISTS" in said + new)
        assert said.index(b"* 0 EXISTS\r\n") < said.index(b"* 1 EXISTS\r\n")

    play(scene)


def test_what_comes_while_one_is_found_to_share_is_told(play: Callable[..., None]) -> None:
    async def scene(world: World) -> None:
        client = await notified(world, b'(subtree "Other Users" (MessageNew MessageExpunge))')
        bob = await world.client(name="bob")
        look = observation.shared_places

        async def look_and_deliver(session: Any) -> Any:
            found = await look(session)
            if found and not delivered:
                delivered.append(world.deliver(b"a: b\r\n\r\n", name="bob"))
                await asyncio.sleep(0.05)
            return found

        delivered: list[Any] = []
        with patch.object(observation, "shared_places", look_and_deliver):
            await bob.ask(b"SETACL INBOX alice lr")
            said = await client.wait(lambda new: b"STATUS" in new)
        assert b'/INBOX" (MESSAGES 1 ' in said

    play(scene)


def test_who_joins_a_group_hears_what_is_shared_with_it(play: Callable[..., None]) -> None:
    async def scene(world: World) -> None:
        app = world.app
        app.directory.add_group("team@example.test")
        bob = await world.client(name="bob")
        assert b"t OK" in await bob.ask(b"SETACL INBOX $team lr")
        client = await notified(world, b'(subtree "Other Users" (MailboxName))')
        joined = app.directory.join("team@example.test", "alice@example.test")
        app.mailboxes.sharing.tell(user_identifier(joined))
        assert b'/INBOX"' in await client.wait(lambda new: b"/INBOX" in new)

    play(scene)


def test_who_wants_no_news_costs_nothing(play: Callable[..., None]) -> None:
    async def scene(world: World) -> None:
        client = await notified(world, ALL_OF_ALL)
        session = client.connection.session
        assert session is not None
        assert session.service.watchers._of_accounts
        await client.ask(b"NOTIFY NONE")
        await client.ask(b"CREATE new")
        assert not session.service.watchers._of_accounts

    play(scene)


def test_what_the_store_does_not_say_is_told_with_the_next_news(play: Callable[..., None]) -> None:
    async def scene(world: World) -> None:
        client = await notified(world, ALL_OF_ALL)
        broken = patch.object(world.app.mailboxes, "get", side_effect=StoreUnavailable("gone"))
        with broken as get:
            world.deliver(b"a: b\r\n\r\n")
            while not get.called:
                await asyncio.sleep(0.01)
        assert not await client.wait(lambda _: True)
        world.deliver(b"a: b\r\n\r\n", "Sent")
        said = await client.wait(lambda new: new.count(b"\r\n") == 2)
        assert b'"INBOX" (MESSAGES 1 ' in said
        assert b'"Sent" (MESSAGES 1 ' in said

    play(scene)


def test_too_many_mailboxes_are_not_watched(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observation, "MOST_MAILBOXES", 7)

    async def scene(world: World) -> None:
        account = world.account().id
        client = await notified(world, b"(personal (MailboxName))")
        world.app.mailboxes.create(account, "seventh")
        await client.wait(lambda new: b"seventh" in new)
        world.app.mailboxes.create(account, "eighth")
        said = await client.wait(lambda new: new.endswith(b"\r\n"))
        assert said.startswith(b"* OK [NOTIFICATIONOVERFLOW] ")
        world.app.mailboxes.delete(account, "seventh")
        assert await client.ask(b"NOOP") == b"t OK NOOP completed\r\n"
        world.app.mailboxes.create(account, "seventh")
        said = await client.ask(b"NOTIFY SET " + ALL_OF_ALL)
        assert said.startswith(b"t NO [NOTIFICATIONOVERFLOW] ")

    play(scene)


def test_news_reach_a_client_that_compresses(play: Callable[..., None]) -> None:
    async def scene(world: World) -> None:
        client = await world.client()
        await client.ask(b"COMPRESS DEFLATE")
        down, up = zlib.decompressobj(-15), zlib.compressobj(wbits=-15)
        command = b"a NOTIFY SET " + ALL_OF_ALL + b"\r\n"
        await client.send(up.compress(command) + up.flush(zlib.Z_SYNC_FLUSH))
        assert b"a OK" in down.decompress(await client.wait(bool))
        world.deliver(b"a: b\r\n\r\n")
        assert down.decompress(await client.wait(bool)).startswith(b'* STATUS "INBOX" (MESSAGES 1')

    play(scene)


def test_a_client_without_numbers_hears_of_uids(play: Callable[..., None]) -> None:
    async def scene(world: World) -> None:
        client = await world.client("INBOX")
        await client.ask(b"ENABLE UIDONLY IMAP4rev2")
        await client.ask(b"NOTIFY SET (selected (MessageNew (FLAGS) MessageExpunge FlagChange))")
        world.deliver(b"a: b\r\n\r\n", flags=("\\Deleted",))
        said = await client.wait(lambda new: new.count(b"\r\n") == 2)
        assert said == b"* 1 EXISTS\r\n* 1 UIDFETCH (FLAGS (\\Deleted))\r\n"
        inbox = world.app.mailboxes.inbox(world.account().id)
        world.app.mailboxes.expunge(world.account().id, inbox)
        assert await client.wait(bool) == b"* VANISHED 1\r\n"

    play(scene)


@pytest.mark.parametrize("local", [True, False])
def test_nothing_is_kept_of_a_client_that_left(play: Callable[..., None], local: bool) -> None:
    async def scene(world: World) -> None:
        clients = [await notified(world, ALL_OF_ALL, "INBOX") for _ in range(5)]
        session = clients[0].connection.session
        assert session is not None
        watchers = session.service.watchers
        for number in range(20):
            world.deliver(b"a: b\r\n\r\n", "Sent" if number % 2 else "INBOX")
        await asyncio.sleep(0.002)  # while they are told
        for client in clients:
            client.transport.abort()
        await asyncio.sleep(0.1)
        assert not watchers._of_accounts
        assert not watchers._watchers

    play(scene, local=local)
