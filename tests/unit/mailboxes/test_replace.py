"""REPLACE: a message comes and another goes, or nothing happens (RFC 8508)."""

import pytest

from postroom.mailboxes.records import SEEN
from postroom.mailboxes.store import BadFlag, MailboxMissing, OverQuota

from .conftest import ACCOUNT, Office


def uids(office: Office, name: str) -> list[int]:
    return [message.uid for message in office.mailboxes.messages(office.id(name))]


def test_in_one_mailbox_both_happen_with_one_mod_seq(office: Office) -> None:
    inbox = office.id("INBOX")
    office.mailboxes.append(ACCOUNT, inbox, [office.letter("one"), office.letter("two")])
    letter = office.letter("new", flags=frozenset({"\\seen"}))
    done = office.mailboxes.replace(ACCOUNT, inbox, 1, inbox, letter)
    assert done is not None
    assert (done.uid, done.mod_seq) == (3, 3)
    changes = office.mailboxes.changes(ACCOUNT, inbox, 2)
    assert [(each.uid, each.mod_seq, each.flags) for each in changes.changed] == [
        (3, 3, frozenset({SEEN}))
    ]
    assert changes.expunged == [1]
    assert changes.mailbox.messages == 2
    assert changes.mailbox.unseen == 1


def test_from_one_mailbox_to_another(office: Office) -> None:
    drafts, sent = office.id("Drafts"), office.id("Sent")
    office.mailboxes.append(ACCOUNT, drafts, [office.letter("draft")])
    letter = office.letter("sent")
    office.mailboxes.replace(ACCOUNT, drafts, 1, sent, letter)
    assert (uids(office, "Drafts"), uids(office, "Sent")) == ([], [1])
    assert list(office.mailboxes.summaries([letter.blob])) == [letter.summary]
    # The draft can be restored, as after any expunge.
    assert [each.message.uid for each in office.mailboxes.expunged(drafts)] == [1]


def test_a_message_that_is_gone_is_not_replaced(office: Office) -> None:
    inbox = office.id("INBOX")
    assert office.mailboxes.replace(ACCOUNT, inbox, 7, inbox, office.letter()) is None
    assert uids(office, "INBOX") == []


def test_the_quota_is_of_what_is_there_afterwards(office: Office) -> None:
    inbox = office.id("INBOX")
    large, small = office.letter("long" * 100), office.letter("short")
    office.mailboxes.append(ACCOUNT, inbox, [large])
    full = large.summary.size
    other = office.letter("long" * 100)
    assert office.mailboxes.replace(ACCOUNT, inbox, 1, inbox, other, full) is not None
    with pytest.raises(OverQuota):
        office.mailboxes.replace(ACCOUNT, inbox, 2, inbox, office.letter("long" * 101), full)
    # An account that holds too much already may still come to hold less.
    assert office.mailboxes.replace(ACCOUNT, inbox, 2, inbox, small, 1) is not None
    assert uids(office, "INBOX") == [3]


def test_what_cannot_come_leaves_what_is_there(office: Office) -> None:
    inbox = office.id("INBOX")
    office.mailboxes.append(ACCOUNT, inbox, [office.letter()])
    bad = office.letter(flags=frozenset({"(bad"}))
    with pytest.raises(BadFlag):
        office.mailboxes.replace(ACCOUNT, inbox, 1, inbox, bad)
    with pytest.raises(MailboxMissing):
        office.mailboxes.replace(ACCOUNT, inbox, 1, "nowhere", office.letter())
    assert uids(office, "INBOX") == [1]
