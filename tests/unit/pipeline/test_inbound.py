"""The steps from queue entry to mailboxes: whatever fails, everyone gets everything once."""

from collections.abc import Sequence

import pytest

from postroom.directory.records import Account, Alias
from postroom.errors import BlobMissing, PostroomError, StoreUnavailable
from postroom.mailboxes.store import MailboxMissing
from postroom.message import summary
from postroom.message.summary import Summary
from postroom.pipeline import inbound
from postroom.pipeline.accepted import Accepted
from postroom.pipeline.inbound import process
from postroom.platform.blobs import BlobKey
from postroom.relay.reports import Report, report_of
from postroom.relay.waiting import REPORT
from tests.unit.pipeline.rooms import Rooms
from tests.waiting import every

DAY = 86_400


def batch_of(rooms: Rooms) -> list[Accepted]:
    return [
        rooms.accept(b"one", "alice@example.test"),
        rooms.accept(b"two", "alice@example.test", "bob@example.test"),
        rooms.accept(b"three", "team@example.test", "bob+x@example.test"),
    ]


def attempt(rooms: Rooms, batch: Sequence[Accepted]) -> list[Accepted]:
    """Run the pipeline as the function does; return what the queue would bring back."""
    try:
        failed = process(rooms.app, batch)
    except PostroomError:
        return list(batch)
    return [batch[position] for position in failed]


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, but the answer is lost"])
@pytest.mark.parametrize("fail_at", range(1, 12))
def test_a_store_that_fails_at_any_write_doubles_and_loses_nothing(
    rooms: Rooms, fail_at: int, after: bool
) -> None:
    rooms.app.directory.add_alias(
        Alias("team@example.test", ("alice@example.test", "carol@example.test"))
    )
    batch = batch_of(rooms)
    rooms.table.start()
    rooms.table.fail_at, rooms.table.after = fail_at, after
    waiting = attempt(rooms, batch)
    rooms.table.start()
    for _ in range(5):
        if not waiting:
            break
        waiting = attempt(rooms, waiting)
    assert waiting == []
    one, two, three = (entry.blob for entry in batch)
    assert sorted(rooms.blobs_of("alice")) == sorted([one, two, three])
    assert sorted(rooms.blobs_of("bob")) == sorted([two, three])
    assert rooms.blobs_of("carol") == [three]
    for entry, places in zip(batch, (1, 2, 3), strict=True):
        assert len(rooms.app.journeys.trace(entry.queue_id)) == places
    for address in ("alice@example.test", "team@example.test", "bob+x@example.test"):
        assert rooms.app.journeys.trace(address), address
    _everybody_deletes_everything(rooms)
    for key in (one, two, three):
        with pytest.raises(BlobMissing):
            rooms.app.blobs.get(key)


def _everybody_deletes_everything(rooms: Rooms) -> None:
    """Each blob has the right number of references when it goes with the last, not before."""
    for account in rooms.accounts.values():
        for blob in {blob for name in rooms.accounts for blob in rooms.blobs_of(name)}:
            rooms.app.blobs.get(BlobKey(blob))
        inbox = rooms.app.mailboxes.find(account.id, "INBOX").id
        uids = [message.uid for message in rooms.app.mailboxes.messages(inbox)]
        rooms.app.mailboxes.store_flags(account.id, inbox, uids, add=["\\Deleted"])
        rooms.app.mailboxes.expunge(account.id, inbox)
        rooms.clock.time += 40 * DAY
        while rooms.app.mailboxes.sweep():
            pass


def test_the_writes_that_can_fail_are_all_tried(rooms: Rooms) -> None:
    """If delivery takes more writes one day, the test above must try more."""
    rooms.app.directory.add_alias(
        Alias("team@example.test", ("alice@example.test", "carol@example.test"))
    )
    rooms.table.start()
    assert process(rooms.app, batch_of(rooms)) == {}
    assert rooms.table.writes < 11


def test_each_gets_a_prefix_of_its_own(rooms: Rooms) -> None:
    entry = rooms.accept(b"x", "Alice+Lists@example.test", "bob@example.test")
    assert process(rooms.app, [entry]) == {}
    for name in ("alice", "bob"):
        assert rooms.prefixes_of(name) == [
            b"Return-Path: <s@else.test>\r\nDelivered-To: %b@example.test\r\n" % name.encode()
        ]


def test_failures_are_told_by_their_position(rooms: Rooms) -> None:
    entries = [rooms.accept(b"%d" % number, "alice@example.test") for number in range(4)]
    rooms.app.blobs.delete([entries[1].blob, entries[2].blob])
    failed = process(rooms.app, entries)
    assert set(failed) == {1, 2}
    assert all(isinstance(error, BlobMissing) for error in failed.values())
    assert rooms.blobs_of("alice") == [entries[0].blob, entries[3].blob]
    assert process(rooms.app, []) == {}


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [
        pytest.param("gone@example.test", "gone@example.test: no such address here", id="gone"),
        pytest.param("x@elsewhere.test", "x@elsewhere.test: not in a domain of ours", id="else"),
        pytest.param("loop@example.test", "its aliases form a loop", id="loop"),
        pytest.param("disabled@example.test", "the account is disabled", id="disabled"),
        pytest.param("a b@example.test", "a b@example.test", id="no address"),
    ],
)
def test_a_recipient_that_leads_nowhere_is_reported_and_the_others_served(
    rooms: Rooms, recipient: str, reason: str
) -> None:
    directory = rooms.app.directory
    directory.add_alias(Alias("loop@example.test", ("pool@example.test",)))
    directory.add_alias(Alias("pool@example.test", ("loop@example.test",)))
    disabled = directory.add_account("disabled@example.test", "secret")
    rooms.app.mailboxes.create_account(disabled.id)
    directory.set_account(Account(disabled.id, disabled.address, 0, enabled=False))
    entry = rooms.accept(b"x", recipient, "alice@example.test")
    for _ in range(2):  # the queue repeats itself
        assert process(rooms.app, [entry]) == {}
        assert rooms.blobs_of("alice") == [entry.blob]
    [report] = reports(rooms)
    assert report.reverse_path == entry.reverse_path
    [told] = report.told
    assert (told.address, told.action, told.status) == (recipient, "failed", "5.1.1")
    assert reason in told.reason
    journeys = {journey.place: journey for journey in rooms.app.journeys.trace(entry.queue_id)}
    assert journeys["!"].events[-1].step == "bounced"
    assert set(journeys) == {"!", rooms.accounts["alice"].id}


def reports(rooms: Rooms) -> list[Report]:
    return [report_of(waiting) for waiting in every(rooms.app.table, REPORT)]


def test_an_account_without_mailboxes_is_being_made_and_comes_back(rooms: Rooms) -> None:
    dave = rooms.app.directory.add_account("dave@example.test", "secret")
    entry = rooms.accept(b"x", "dave@example.test", "alice@example.test")
    assert isinstance(process(rooms.app, [entry])[0], MailboxMissing)
    assert rooms.blobs_of("alice") == [entry.blob]
    rooms.app.mailboxes.create_account(dave.id)
    rooms.accounts["dave"] = dave
    assert process(rooms.app, [entry]) == {}
    assert rooms.blobs_of("dave") == [entry.blob]
    assert reports(rooms) == []


def test_nobody_is_told_of_lost_mail_without_a_sender(rooms: Rooms) -> None:
    entry = rooms.accept(b"x", "gone@example.test", reverse_path="")
    assert process(rooms.app, [entry]) == {}
    assert reports(rooms) == []
    [journey] = rooms.app.journeys.trace(entry.queue_id)
    assert journey.events[-1].step == "bounced"
    with pytest.raises(BlobMissing):
        rooms.app.blobs.get(entry.blob)


def test_a_replay_that_reaches_more_people_counts_them(rooms: Rooms) -> None:
    """Else the blob would go with the last of those who were counted at first."""
    dave = rooms.app.directory.add_account("dave@example.test", "secret")
    directory = rooms.app.directory
    directory.add_alias(Alias("team@example.test", ("alice@example.test",)))
    entry = rooms.accept(b"x", "team@example.test")
    assert process(rooms.app, [entry]) == {}
    rooms.app.mailboxes.create_account(dave.id)
    directory.remove_alias("team@example.test")
    directory.add_alias(Alias("team@example.test", ("alice@example.test", "dave@example.test")))
    assert process(rooms.app, [entry]) == {}
    assert rooms.blobs_of("alice") == [entry.blob]
    _everybody_deletes_everything(rooms)
    rooms.accounts["dave"] = dave
    assert rooms.blobs_of("dave") == [entry.blob]
    rooms.app.blobs.get(entry.blob)


def test_two_copies_in_one_batch_are_one_message(rooms: Rooms) -> None:
    entry, lost = rooms.accept(b"x", "alice@example.test"), rooms.accept(b"y", "gone@example.test")
    copies = [Accepted.from_json(each.to_json()) for each in (entry, lost, entry, lost)]
    assert process(rooms.app, copies) == {}
    assert len(reports(rooms)) == 1
    assert rooms.blobs_of("alice") == [entry.blob]
    _everybody_deletes_everything(rooms)
    with pytest.raises(BlobMissing):  # it was counted once
        rooms.app.blobs.get(entry.blob)


def test_an_alias_that_reaches_somebody_is_delivered_though_a_target_is_gone(rooms: Rooms) -> None:
    rooms.app.directory.add_alias(
        Alias("team@example.test", ("alice@example.test", "gone@example.test"))
    )
    entry = rooms.accept(b"x", "team@example.test")
    assert process(rooms.app, [entry]) == {}
    assert rooms.blobs_of("alice") == [entry.blob]


def test_a_message_that_cannot_be_understood_is_delivered_all_the_same(rooms: Rooms) -> None:
    entry = rooms.accept(b"x", "alice@example.test")
    octets = bytes(range(256)) * 50 + b"Content-Type: multipart/mixed; boundary=\0\r\r\n\n--\0"
    rooms.app.blobs.delete([entry.blob])
    rooms.app.blobs.put(entry.blob, octets)
    assert process(rooms.app, [entry]) == {}
    assert rooms.blobs_of("alice") == [entry.blob]
    assert rooms.app.blobs.get(entry.blob) == octets


def test_a_message_that_does_the_unforeseen_leaves_the_others_alone(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def summarise(text: bytes) -> Summary:
        if b"poison" in text:
            raise ZeroDivisionError
        return summary.summarise(text)

    monkeypatch.setattr(inbound, "summarise", summarise)
    entries = [rooms.accept(text, "bob@example.test") for text in (b"one", b"poison", b"three")]
    failed = process(rooms.app, entries)
    assert {number: type(error) for number, error in failed.items()} == {1: ZeroDivisionError}
    assert rooms.blobs_of("bob") == [entries[0].blob, entries[2].blob]


def test_one_mailbox_gets_a_batch_in_its_order(rooms: Rooms) -> None:
    entries = [rooms.accept(b"%d" % number, "alice@example.test") for number in range(10)]
    assert process(rooms.app, entries) == {}
    assert rooms.blobs_of("alice") == [entry.blob for entry in entries]


def test_when_the_store_is_down_all_come_back(rooms: Rooms) -> None:
    entries = batch_of(rooms)
    rooms.store.close()
    assert attempt(rooms, entries) == entries
    with pytest.raises(StoreUnavailable):
        process(rooms.app, entries)
