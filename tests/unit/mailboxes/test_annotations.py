"""Annotations: set together or not at all, within limits, as long-lived as their mailbox."""

import pytest

from postroom.mailboxes.annotations import (
    LARGEST_VALUE,
    MOST_ENTRIES,
    SERVER,
    TooManyEntries,
    ValueTooLarge,
)
from postroom.mailboxes.store import MailboxMissing

from .conftest import ACCOUNT, Office


def test_a_change_gives_the_mailbox_a_higher_mod_seq(office: Office) -> None:
    annotations, inbox = office.mailboxes.annotations, office.id("INBOX")
    before = office.mailboxes.get(ACCOUNT, inbox).highest_mod_seq
    annotations.set(ACCOUNT, inbox, {"/private/comment": b"x", "/shared/comment": b"\0"})
    assert annotations.of(ACCOUNT, inbox) == {"/private/comment": b"x", "/shared/comment": b"\0"}
    assert office.mailboxes.get(ACCOUNT, inbox).highest_mod_seq == before + 1
    annotations.set(ACCOUNT, inbox, {"/private/comment": b"x", "/private/none": None})
    changes = office.mailboxes.changes(ACCOUNT, inbox, before)
    assert (changes.mailbox.highest_mod_seq, changes.changed, changes.expunged) == (
        before + 1,
        [],
        [],
    )


def test_all_of_an_account_are_one_query(office: Office) -> None:
    annotations, inbox, sent = office.mailboxes.annotations, office.id("INBOX"), office.id("Sent")
    annotations.set(ACCOUNT, inbox, {"/private/comment": b"x"})
    annotations.set(ACCOUNT, sent, {"/private/comment": b"y"})
    annotations.set(ACCOUNT, SERVER, {"/private/vendor/x/y": b"z"})
    assert annotations.all_of(ACCOUNT) == {
        inbox: {"/private/comment": b"x"},
        sent: {"/private/comment": b"y"},
        SERVER: {"/private/vendor/x/y": b"z"},
    }


@pytest.mark.parametrize("where", ["INBOX", ""])
def test_limits_leave_everything_as_it_was(office: Office, where: str) -> None:
    annotations = office.mailboxes.annotations
    mailbox = office.id(where) if where else SERVER
    most = {f"/private/{number}": b"x" for number in range(MOST_ENTRIES)}
    annotations.set(ACCOUNT, mailbox, most)
    with pytest.raises(TooManyEntries):
        annotations.set(ACCOUNT, mailbox, {"/private/0": b"y", "/private/one/more": b"x"})
    with pytest.raises(ValueTooLarge):
        annotations.set(ACCOUNT, mailbox, {"/private/0": b"y" * (LARGEST_VALUE + 1)})
    with pytest.raises(TooManyEntries):
        annotations.set(
            ACCOUNT, mailbox, {f"/private/{number}": b"y" * LARGEST_VALUE for number in range(16)}
        )
    assert annotations.of(ACCOUNT, mailbox) == most
    annotations.set(ACCOUNT, mailbox, {"/private/0": None, "/private/one/more": b"x"})
    assert len(annotations.of(ACCOUNT, mailbox)) == MOST_ENTRIES


def test_they_come_back_with_a_deleted_mailbox_and_go_with_it(office: Office) -> None:
    annotations = office.mailboxes.annotations
    mailbox = office.mailboxes.create(ACCOUNT, "x").id
    annotations.set(ACCOUNT, mailbox, {"/private/comment": b"x"})
    office.mailboxes.delete(ACCOUNT, "x")
    with pytest.raises(MailboxMissing):
        annotations.set(ACCOUNT, mailbox, {"/private/comment": b"y"})
    office.mailboxes.undelete(ACCOUNT, mailbox, "y")
    assert annotations.of(ACCOUNT, mailbox) == {"/private/comment": b"x"}
    office.mailboxes.delete(ACCOUNT, "y")
    office.clock.time += 9 * 86400
    office.mailboxes.sweep()
    assert annotations.all_of(ACCOUNT) == {}


def test_nothing_is_left_of_a_removed_account(office: Office) -> None:
    annotations = office.mailboxes.annotations
    annotations.set(ACCOUNT, office.id("Sent"), {"/private/comment": b"x"})
    annotations.set(ACCOUNT, SERVER, {"/private/vendor/x/y": b"z"})
    office.mailboxes.remove_account(ACCOUNT)
    office.clock.time += 9 * 86400
    office.mailboxes.sweep()
    assert annotations.all_of(ACCOUNT) == {}
