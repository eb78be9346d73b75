"""A client is told of a command that takes long (RFC 9585)."""

import asyncio
import threading
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from gateway.imap.progress import Progress
from tests.conversations.imap_world import Client, World, new_data, sample


@pytest.mark.parametrize(
    ("tag", "noted", "expected"),
    [
        pytest.param(b"a1", (), b'("a1" NIL NIL)', id="nothing is known"),
        pytest.param(b"a1", (175, 1000), b'("a1" 175 1000)', id="how far it is"),
        pytest.param(b"a" * 2000, (5, 5), b"(NIL 5 NIL)", id="a long tag, a goal that is reached"),
        pytest.param(b"a]", (0, 2), b"(NIL 0 2)", id="a tag that would end the code"),
    ],
)
def test_the_response(tag: bytes, noted: tuple[int, ...], expected: bytes) -> None:
    progress = Progress()
    progress.begin(tag, 100)
    if noted:
        progress.note(*noted)
    assert progress.due(109, 10) == b""
    assert progress.due(110, 10) == b"* OK [INPROGRESS " + expected + b"] Still at it\r\n"
    assert progress.due(119, 10) == b""


def test_nothing_is_said_without_a_command_nor_amid_a_response() -> None:
    progress = Progress()
    assert progress.due(1000, 10) == b""
    progress.begin(b"a", 0)
    progress.silent = True
    assert progress.due(1000, 10) == b""
    progress.end()
    assert progress.due(2000, 10) == b""


def test_of_the_next_command_nothing_is_known(tmp_path: Path) -> None:
    progress = Progress()
    progress.begin(b"a", 0)
    progress.note(1, 2)
    progress.begin(b"b", 10)
    assert b'("b" NIL NIL)' in progress.due(20, 10)


def test_the_parts_of_a_search_add_up() -> None:
    progress = Progress()
    progress.begin(b"a", 0)
    progress.expect(30)
    progress.note(5, 10)
    progress.next_part(10)
    progress.note(5, 20)
    assert b'("a" 15 30)' in progress.due(10, 10)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (b"SEARCH TEXT absent", b"500 600"),
        (b"UID SORT (SUBJECT) UTF-8 TEXT absent", b"500 600"),
        (b"THREAD REFERENCES UTF-8 TEXT absent", b"500 600"),
        (b"ESEARCH IN (mailboxes (INBOX Sent)) TEXT absent", b"500 601"),
    ],
)
def test_a_search_tells_how_far_it_is(tmp_path: Path, command: bytes, expected: bytes) -> None:
    async def play() -> None:
        world = World(new_data(tmp_path, tmp_path))
        account = world.account().id
        world.deliver(sample("plain"))
        world.deliver(sample("plain"), "Sent")
        inbox = world.app.mailboxes.inbox(account)
        while (uids := [each.uid for each in world.app.mailboxes.messages(inbox)])[599:] == []:
            world.app.mailboxes.copy(account, inbox, uids[: 600 - len(uids)], inbox)
        client = await world.client("INBOX")
        connection, told = client.connection, []
        breathe = connection.breathe

        async def looked() -> None:
            session = connection.session
            assert session is not None
            told.append(session.progress.due(connection.now + 1000 * (len(told) + 1), 10))
            await breathe()

        with patch.object(type(connection), "breathe", lambda _: looked()):
            assert b"t OK" in await client.ask(command)
        assert any(expected in line for line in told)
        await world.close()

    asyncio.run(play())


def test_a_store_that_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        world = World(new_data(tmp_path, tmp_path))
        world.deliver(sample("plain"))
        client = await world.client("INBOX")
        slow = threading.Event()
        copy = world.app.mailboxes.copy

        def slowly(*arguments: Any, **options: Any) -> object:
            slow.wait(10)
            return copy(*arguments, **options)

        monkeypatch.setattr(world.app.mailboxes, "copy", slowly)
        await client.send(b"a COPY 1 Trash\r\n")
        await asyncio.sleep(0)
        said = await told(client)
        slow.set()
        assert said == b'* OK [INPROGRESS ("a" NIL NIL)] Still at it\r\n'
        assert (await client.wait(lambda new: b"a OK" in new)).startswith(b"a OK [COPYUID")
        assert await told(client) == b""
        await world.close()

    asyncio.run(play())


async def told(client: Client) -> bytes:
    """What is said when a long time has gone by."""
    connection = client.connection
    connection.still_at_it(connection.now + 1000)
    return await client.wait(lambda _: True)
