"""The text goes with the last who needs it: not before, and it is not forgotten either."""

import pytest
from msgspec.structs import replace

from postroom.errors import BlobMissing
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.pipeline.inbound import process
from postroom.relay.outbound import Outbound
from postroom.relay.waiting import (
    LATER,
    OUTBOUND,
    REPORT,
    Ticket,
    gone,
    guard,
    of_message,
    ticket,
)
from tests.unit.pipeline.rooms import Rooms
from tests.waiting import every

DAY = 86_400


def relayed(rooms: Rooms, accepted: Accepted) -> None:
    """What relay and bounce do at the end of all that waits for the message."""
    for kind in (OUTBOUND, REPORT):
        for waiting in of_message(rooms.app.table, kind, accepted.queue_id):
            rooms.app.table.write(gone(waiting))
            rooms.app.outbound.release(accepted.queue_id, accepted.blob)


def expunged(rooms: Rooms, name: str) -> None:
    account, mailboxes = rooms.accounts[name], rooms.app.mailboxes
    inbox = mailboxes.find(account.id, "INBOX").id
    uids = [message.uid for message in mailboxes.messages(inbox)]
    mailboxes.store_flags(account.id, inbox, uids, add=["\\Deleted"])
    mailboxes.expunge(account.id, inbox)
    rooms.clock.time += 40 * DAY
    while mailboxes.sweep():
        pass


def is_there(rooms: Rooms, accepted: Accepted) -> bool:
    try:
        rooms.app.blobs.get(accepted.blob)
    except BlobMissing:
        return False
    return True


def from_alice(rooms: Rooms, *recipients: str) -> Accepted:
    made = rooms.accept(b"x", *recipients, reverse_path="alice@example.test")
    return replace(made, account=rooms.accounts["alice"].id)


@pytest.mark.parametrize("notify", [("NEVER",), ("FAILURE", "DELAY"), ("SUCCESS",)])
@pytest.mark.parametrize("reverse_path", ["", "s@else.test"])
def test_what_is_asked_of_a_delivery_does_not_keep_the_text(
    rooms: Rooms, notify: tuple[str, ...], reverse_path: str
) -> None:
    accepted = rooms.accept(b"x", reverse_path=reverse_path)
    accepted = replace(accepted, recipients=(Recipient("bob@example.test", notify),))
    assert process(rooms.app, [accepted]) == {}
    relayed(rooms, accepted)
    assert rooms.blobs_of("bob") == [accepted.blob]
    assert is_there(rooms, accepted)
    expunged(rooms, "bob")
    assert not is_there(rooms, accepted)


def test_a_report_to_nobody_does_not_keep_the_text(rooms: Rooms) -> None:
    accepted = rooms.accept(b"x", "bob@example.test", "gone@example.test", reverse_path="")
    assert process(rooms.app, [accepted]) == {}
    expunged(rooms, "bob")
    assert not is_there(rooms, accepted)


def test_a_mailbox_and_the_relay_share_it(rooms: Rooms) -> None:
    accepted = from_alice(rooms, "bob@example.test", "x@elsewhere.test")
    assert process(rooms.app, [accepted]) == {}
    expunged(rooms, "bob")
    assert is_there(rooms, accepted), "the relay needs it"
    relayed(rooms, accepted)
    assert not is_there(rooms, accepted)


def test_a_letter_that_repeats_after_the_relay_is_done_keeps_nothing(rooms: Rooms) -> None:
    accepted = from_alice(rooms, "bob@example.test", "x@elsewhere.test")
    assert process(rooms.app, [accepted]) == {}
    relayed(rooms, accepted)
    assert process(rooms.app, [accepted]) == {}
    assert is_there(rooms, accepted)
    expunged(rooms, "bob")
    assert not is_there(rooms, accepted)


def test_what_is_done_while_the_others_are_written_keeps_nothing(rooms: Rooms) -> None:
    accepted = from_alice(rooms, "x@elsewhere.test")
    assert process(rooms.app, [accepted]) == {}
    rooms.app.table.write(guard(accepted.queue_id))  # a run that has died left it behind
    relayed(rooms, accepted)
    assert is_there(rooms, accepted), "more may come"
    assert process(rooms.app, [accepted]) == {}
    assert not is_there(rooms, accepted)


def for_later(rooms: Rooms) -> tuple[Accepted, Ticket]:
    """A message whose time has just come."""
    accepted = replace(
        from_alice(rooms, "x@elsewhere.test"), hold_until=int((rooms.clock.time + 60) * 1000)
    )
    assert process(rooms.app, [accepted]) == {}
    rooms.clock.time += 61
    return accepted, ticket(LATER, accepted.queue_id, "")


def test_a_message_for_later_that_leaves_before_its_record_goes(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted, letter = for_later(rooms)
    monkeypatch.setattr(Outbound, "ring", lambda *_: relayed(rooms, accepted))
    assert process(rooms.app, [letter]) == {}
    assert list(every(rooms.app.table, LATER)) == []
    assert not is_there(rooms, accepted)


def test_a_worker_that_dies_before_the_record_goes(rooms: Rooms) -> None:
    accepted, letter = for_later(rooms)
    rooms.table.start()
    rooms.table.fail_at = 3  # after the entry, and the index
    assert list(process(rooms.app, [letter])) == [0]
    rooms.table.start()
    relayed(rooms, accepted)
    assert is_there(rooms, accepted), "the record still waits"
    assert process(rooms.app, [letter]) == {}
    assert list(every(rooms.app.table, LATER)) == []
    assert not is_there(rooms, accepted)


def test_a_text_that_is_lost_is_not_taken_for_sent(rooms: Rooms) -> None:
    """That it has waited for its time says nothing about where it went."""
    accepted, letter = for_later(rooms)
    rooms.app.blobs.delete([accepted.blob])
    assert isinstance(process(rooms.app, [letter])[0], BlobMissing)
