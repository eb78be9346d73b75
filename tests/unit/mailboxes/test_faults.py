"""A store that fails at any write leaves nothing half-done, and a repeat finishes it."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from postroom.errors import ConditionFailed, StoreUnavailable
from postroom.mailboxes.records import DELETED, SEEN
from postroom.mailboxes.store import Mailboxes, MailboxExists, MailboxMissing
from postroom.platform.system import SystemRandomness
from postroom.platform.table import Absent, Key, Put

from .conftest import ACCOUNT, Office
from .tables import FailingTable

MARKERS = [Put(Key("journey", str(number)), {}, condition=Absent()) for number in range(3)]


def deliver(mailboxes: Mailboxes, office: Office) -> None:
    letters = [office.letter(blob=f"new{number}") for number in range(3)]
    with suppress(ConditionFailed):  # then all of it was done the first time
        mailboxes.append(ACCOUNT, office.id("INBOX"), letters, MARKERS)


def flag(mailboxes: Mailboxes, office: Office) -> None:
    mailboxes.store_flags(ACCOUNT, office.id("INBOX"), range(1, 121), add=[SEEN])


def copy(mailboxes: Mailboxes, office: Office) -> None:
    mailboxes.copy(ACCOUNT, office.id("INBOX"), range(1, 60), office.id("Archive"))


def move(mailboxes: Mailboxes, office: Office) -> None:
    mailboxes.move(ACCOUNT, office.id("INBOX"), range(1, 60), office.id("Archive"))


def expunge(mailboxes: Mailboxes, office: Office) -> None:
    mailboxes.store_flags(ACCOUNT, office.id("INBOX"), range(1, 60), add=[DELETED])
    mailboxes.expunge(ACCOUNT, office.id("INBOX"))


def rename(mailboxes: Mailboxes, office: Office) -> None:
    try:
        mailboxes.rename(ACCOUNT, "Sent", "Post/Out")
    except MailboxMissing:
        assert mailboxes.find(ACCOUNT, "Post/Out")


def create(mailboxes: Mailboxes, office: Office) -> None:
    try:
        mailboxes.create(ACCOUNT, "x/y/z")
    except MailboxExists:
        assert mailboxes.find(ACCOUNT, "x/y/z")


def consistent(office: Office) -> None:
    """Counters agree, every message has its summary and a counted reference."""
    references: dict[str, int] = {}
    for mailbox in office.mailboxes.all_of(ACCOUNT):
        messages = list(office.mailboxes.messages(mailbox.id))
        assert mailbox.messages == len(messages)
        assert mailbox.unseen == sum(SEEN not in message.flags for message in messages)
        assert mailbox.deleted == sum(DELETED in message.flags for message in messages)
        assert mailbox.size == sum(message.size for message in messages)
        assert all(message.uid < mailbox.uid_next for message in messages)
        assert all(message.mod_seq <= mailbox.highest_mod_seq for message in messages)
        blobs = [message.blob for message in messages]
        blobs += [gone.message.blob for gone in office.mailboxes.expunged(mailbox.id)]
        for blob in blobs:
            references[blob] = references.get(blob, 0) + 1
    for blob, count in references.items():
        record = office.store.table.get(Key(f"blob/{blob}", "0"))
        assert record is not None
        assert record.body["references"] == count


@pytest.mark.parametrize("after", [False, True], ids=["not done", "answer lost"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("act", [deliver, flag, copy, move, expunge, rename, create])
def test_a_failing_store(
    office: Office, act: Callable[[Mailboxes, Office], None], number: int, after: bool
) -> None:
    office.fill("INBOX", 120)
    table = FailingTable(office.store.table)
    mailboxes = Mailboxes(
        table, office.store.blobs, office.store.topic, office.clock, SystemRandomness()
    )
    table.fail_at, table.after = number, after
    try:
        act(mailboxes, office)
    except StoreUnavailable:
        consistent(office)
        table.start()
        act(mailboxes, office)
    else:
        assert table.writes < number  # it took fewer writes than that
    consistent(office)
    found = {mailbox.name: mailbox.messages for mailbox in office.mailboxes.all_of(ACCOUNT)}
    if act is deliver:
        assert found["INBOX"] == 123
