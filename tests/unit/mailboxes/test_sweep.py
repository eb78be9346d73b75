"""Blobs live as long as a message refers to them, and the grace period beyond."""

import pytest

from postroom.errors import BlobMissing, StoreUnavailable
from postroom.mailboxes.records import DELETED, Delivery
from postroom.mailboxes.references import blob_record_key
from postroom.mailboxes.store import Mailboxes, MailboxMissing
from postroom.platform.blobs import BlobKey
from postroom.platform.system import SystemRandomness
from postroom.platform.table import Key

from .conftest import ACCOUNT, DAY, Office
from .tables import FailingTable


def gone(office: Office, *blobs: BlobKey) -> list[bool]:
    return [_is_gone(office, blob) for blob in blobs]


def _is_gone(office: Office, blob: BlobKey) -> bool:
    try:
        office.store.blobs.get(blob)
    except BlobMissing:
        assert office.store.table.get(Key(f"blob/{blob}", "0")) is None
        return True
    assert office.store.table.get(Key(f"blob/{blob}", "0")) is not None
    return False


def remove(office: Office, name: str, uids: list[int]) -> None:
    office.mailboxes.store_flags(ACCOUNT, office.id(name), uids, add=[DELETED])
    office.mailboxes.expunge(ACCOUNT, office.id(name), uids)


def sweep_after(office: Office, days: int) -> int:
    office.clock.time += days * DAY
    return sum(iter(office.mailboxes.sweep, 0))


def test_a_blob_goes_after_the_grace_period(office: Office) -> None:
    office.fill("INBOX", 120)
    remove(office, "INBOX", list(range(1, 120)))
    assert sweep_after(office, 7) == 0
    assert gone(office, *office.blobs) == [False] * 120
    assert sweep_after(office, 1) == 119
    assert gone(office, *office.blobs) == [True] * 119 + [False]
    assert list(office.store.table.range("sweep")) == []


def test_the_last_of_several_references_takes_the_blob(office: Office) -> None:
    office.fill("INBOX", 1)
    inbox, sent, trash = (office.id(name) for name in ("INBOX", "Sent", "Trash"))
    office.mailboxes.copy(ACCOUNT, inbox, [1], sent)
    office.mailboxes.copy(ACCOUNT, inbox, [1], inbox)
    remove(office, "INBOX", [1, 2])
    assert sweep_after(office, 8) == 2
    assert gone(office, *office.blobs) == [False]
    office.mailboxes.move(ACCOUNT, sent, [1], trash)
    assert sweep_after(office, 8) == 1  # the tombstone of the move, which has no reference
    assert gone(office, *office.blobs) == [False]
    remove(office, "Trash", [1])
    assert sweep_after(office, 8) == 1
    assert gone(office, *office.blobs) == [True]


def test_one_delivery_to_many_mailboxes_plans_its_references_once(office: Office) -> None:
    names = ["INBOX", "Sent", "Trash"]
    letter = office.letter(references=3, claim="queue-id")
    for name in names:  # as the pipeline does; the first run stopped after one mailbox
        office.mailboxes.append(ACCOUNT, office.id(name), [letter])
    for name in names:
        assert gone(office, letter.blob) == [False]
        remove(office, name, [1])
        sweep_after(office, 8)
    assert gone(office, letter.blob) == [True]


@pytest.mark.parametrize("at_once", [True, False], ids=["in one call", "one after the other"])
def test_two_deliveries_of_one_blob_both_count(office: Office, at_once: bool) -> None:
    first = office.letter(claim="a")
    second = office.letter(blob=first.blob, claim="b")
    inbox = office.id("INBOX")
    if at_once:
        office.mailboxes.append(ACCOUNT, inbox, [first, second])
    else:
        for letter in (first, second, office.letter(blob=first.blob, claim="c")):
            office.mailboxes.append(ACCOUNT, inbox, [letter])
        remove(office, "INBOX", [3])
    remove(office, "INBOX", [1])
    sweep_after(office, 8)
    assert gone(office, first.blob) == [False]
    remove(office, "INBOX", [2])
    sweep_after(office, 8)
    assert gone(office, first.blob) == [True]


def test_a_blob_twice_in_one_batch_is_counted_twice(office: Office) -> None:
    letter = office.letter()
    office.mailboxes.append_many(
        [Delivery(ACCOUNT, office.id(name), [letter]) for name in ("INBOX", "Sent")]
    )
    remove(office, "INBOX", [1])
    sweep_after(office, 8)
    assert gone(office, letter.blob) == [False]


def test_a_deleted_mailbox_goes_whole(office: Office) -> None:
    office.mailboxes.create(ACCOUNT, "a")
    office.fill("a", 100)
    mailbox = office.id("a")
    remove(office, "a", [5])
    office.clock.time += 3 * DAY
    office.mailboxes.delete(ACCOUNT, "a")
    assert sweep_after(office, 5) == 1
    assert sweep_after(office, 3) == 99
    assert all(gone(office, *office.blobs))
    assert list(office.store.table.range(f"mailbox/{mailbox}")) == []
    assert office.mailboxes.deleted(ACCOUNT) == []
    with pytest.raises(MailboxMissing):
        office.mailboxes.undelete(ACCOUNT, mailbox, "b")


def test_a_mailbox_deleted_again_has_a_new_grace_period(office: Office) -> None:
    office.mailboxes.create(ACCOUNT, "a")
    office.fill("a", 1)
    mailbox = office.id("a")
    office.mailboxes.delete(ACCOUNT, "a")
    office.mailboxes.undelete(ACCOUNT, mailbox, "a")
    assert sweep_after(office, 6) == 0
    office.mailboxes.delete(ACCOUNT, "a")
    assert sweep_after(office, 7) == 0
    office.mailboxes.undelete(ACCOUNT, mailbox, "a")
    assert sweep_after(office, 100) == 0
    assert [each.uid for each in office.mailboxes.messages(mailbox)] == [1]
    assert gone(office, *office.blobs) == [False]


def test_a_restored_message_survives_the_sweep(office: Office) -> None:
    office.fill("INBOX", 2)
    remove(office, "INBOX", [1, 2])
    office.mailboxes.restore(ACCOUNT, office.id("INBOX"), [1])
    sweep_after(office, 8)
    assert gone(office, *office.blobs) == [False, True]
    assert office.mailboxes.restore(ACCOUNT, office.id("INBOX")) == []


def test_forgotten_tombstones_are_made_up_for(office: Office) -> None:
    office.fill("INBOX", 4)
    inbox = office.id("INBOX")
    remove(office, "INBOX", [2, 3])
    sweep_after(office, 8)
    changes = office.mailboxes.changes(ACCOUNT, inbox, 2)
    assert changes.expunged == [2, 3]
    assert [each.uid for each in changes.changed] == [1, 4]
    recent = office.mailboxes.changes(ACCOUNT, inbox, changes.mailbox.highest_mod_seq)
    assert (recent.changed, recent.expunged) == ([], [])


def test_sweep_does_a_little_at_a_time(office: Office) -> None:
    for name in ("INBOX", "Sent"):
        office.fill(name, 60)
        remove(office, name, list(range(1, 61)))
    office.clock.time += 8 * DAY
    counts = list(iter(lambda: office.mailboxes.sweep(most=50), 0))
    assert sum(counts) == 120
    assert max(counts) < 110


@pytest.mark.parametrize("after", [False, True], ids=["not done", "answer lost"])
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_a_sweep_that_is_cut_off_is_finished_by_the_next(
    office: Office, number: int, after: bool
) -> None:
    office.fill("INBOX", 60)
    office.mailboxes.copy(ACCOUNT, office.id("INBOX"), [1, 2], office.id("Sent"))
    remove(office, "INBOX", list(range(1, 61)))
    office.clock.time += 8 * DAY
    table = FailingTable(office.store.table)
    mailboxes = Mailboxes(
        table, office.store.blobs, office.store.topic, office.clock, SystemRandomness()
    )
    table.fail_at, table.after = number, after
    try:
        mailboxes.sweep()
    except StoreUnavailable:
        table.start()
    office.mailboxes.restore(ACCOUNT, office.id("INBOX"), [1, 60])
    sweep_after(office, 0)
    living = {each.blob for each in office.mailboxes.messages(office.id("INBOX"))}
    living |= {office.blobs[0], office.blobs[1]}  # copied
    assert gone(office, *office.blobs) == [blob not in living for blob in office.blobs]
    remove(office, "Sent", [1, 2])
    remove(office, "INBOX", list(range(60, 70)))
    sweep_after(office, 8)
    assert all(gone(office, *office.blobs))


def test_a_blob_that_somebody_knows_keeps_its_record(office: Office) -> None:
    inbox, sent = office.id("INBOX"), office.id("Sent")
    shared = office.letter(claim="delivery")
    office.mailboxes.append(ACCOUNT, inbox, [shared])
    again = office.letter(blob=shared.blob)
    office.mailboxes.append(ACCOUNT, sent, [office.letter(), again])
    fresh = office.letter()
    both = [Delivery(ACCOUNT, inbox, [fresh]), Delivery(ACCOUNT, sent, [fresh])]
    assert all(isinstance(done, list) for done in office.mailboxes.append_many(both))
    for blob in (shared.blob, fresh.blob):
        record = office.store.table.get(blob_record_key(blob))
        assert record is not None
        assert record.body["references"] == 2
