"""What is delivered finds its thread: the journeys tell where a reply belongs."""

from collections.abc import Sequence
from contextlib import suppress

import pytest

from postroom.errors import PostroomError
from postroom.mailboxes.records import NewMessage
from postroom.message.summary import summarise
from postroom.pipeline.inbound import process
from postroom.platform.blobs import BlobKey
from tests.unit.pipeline.rooms import Rooms

REPLY = b"References: <root@else.test> %b\r\n"
BARE = b"In-Reply-To: %b\r\n"


def deliver(rooms: Rooms, text: bytes, header: bytes, *recipients: str) -> bytes:
    """Its Message-ID."""
    accepted = rooms.accept(text, *recipients, header=header)
    assert process(rooms.app, [accepted]) == {}
    return accepted.message_id.encode()


def threads(rooms: Rooms, name: str = "alice") -> Sequence[bytes]:
    inbox = rooms.app.mailboxes.find(rooms.accounts[name].id, "INBOX")
    return [message.thread for message in rooms.app.mailboxes.messages(inbox.id)]


def notes(rooms: Rooms, name: str = "alice") -> int:
    return len(list(rooms.app.table.range(f"threads/{rooms.accounts[name].id}")))


def test_a_reply_to_a_reply_that_names_no_other(rooms: Rooms) -> None:
    reply = deliver(rooms, b"reply", REPLY % b"<x@else.test>", "alice@example.test")
    assert notes(rooms) == 0  # the journey tells
    bare = deliver(rooms, b"bare", BARE % reply, "alice@example.test")
    deliver(rooms, b"further", BARE % bare, "alice@example.test")
    assert len(threads(rooms)) == 3
    assert len(set(threads(rooms))) == 1
    assert notes(rooms) == 2  # their own fields do not say where they went


def test_also_a_reply_that_went_to_a_hundred_others(rooms: Rooms) -> None:
    for number in range(100):
        account = rooms.app.directory.add_account(f"user{number}@example.test", "secret")
        rooms.app.mailboxes.create_account(account.id)
    everybody = [f"user{number}@example.test" for number in range(100)]
    reply = deliver(rooms, b"all", REPLY % b"<x@else.test>", *everybody, "alice@example.test")
    deliver(rooms, b"bare", BARE % reply, "alice@example.test", "bob@example.test")
    assert len(set(threads(rooms))) == 1
    assert threads(rooms, "bob") != threads(rooms)[1:]  # bob has not seen the reply


def test_a_reply_of_ones_own_that_a_client_has_filed(rooms: Rooms) -> None:
    alice = rooms.accounts["alice"].id
    octets = b"Message-ID: <own@example.test>\r\n" + REPLY % b"<x@else.test>" + b"\r\n"
    rooms.app.blobs.put(BlobKey("sent"), octets)
    new = NewMessage(BlobKey("sent"), summarise(octets), 0)
    sent = rooms.app.mailboxes.find(alice, "Sent").id
    rooms.app.mailboxes.append(alice, sent, [new])
    deliver(rooms, b"bare", BARE % b"<own@example.test>", "alice@example.test")
    [message] = rooms.app.mailboxes.messages(sent)
    assert threads(rooms) == [message.thread]


def test_those_of_one_batch_know_of_each_other(rooms: Rooms) -> None:
    reply = rooms.accept(b"reply", "alice@example.test", header=REPLY % b"<x@else.test>")
    bare = BARE % reply.message_id.encode()
    batch = [reply, rooms.accept(b"bare", "alice@example.test", header=bare)]
    assert process(rooms.app, batch) == {}
    assert len(set(threads(rooms))) == 1


@pytest.mark.parametrize("fail_at", range(1, 6))
@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, but the answer is lost"])
def test_a_repeat_changes_no_thread(rooms: Rooms, fail_at: int, after: bool) -> None:
    reply = deliver(rooms, b"reply", REPLY % b"<x@else.test>", "alice@example.test")
    entry = rooms.accept(b"bare", "alice@example.test", header=BARE % reply)
    rooms.table.start()
    rooms.table.fail_at, rooms.table.after = fail_at, after
    with suppress(PostroomError):
        process(rooms.app, [entry])
    rooms.table.start()
    assert process(rooms.app, [entry]) == {}
    assert len(threads(rooms)) == 2
    assert len(set(threads(rooms))) == 1
