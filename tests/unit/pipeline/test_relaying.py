"""What leaves is dispatched once, whatever the suppression list has learnt since."""

import msgspec

from postroom.pipeline.accepted import Accepted, Recipient
from postroom.pipeline.inbound import process
from postroom.relay.entries import entry_of
from postroom.relay.reports import report_of
from postroom.relay.waiting import OUTBOUND, REPORT, any_of_message, gone, guard
from tests.unit.pipeline.rooms import Rooms
from tests.waiting import every


def sent(rooms: Rooms, *recipients: str) -> Accepted:
    entry = rooms.accept(b"x", *recipients, reverse_path="alice@example.test")
    return msgspec.structs.replace(entry, account=rooms.accounts["alice"].id)


def suppress(rooms: Rooms, address: str, queue_id: str) -> None:
    said = ("5.1.1", "550 5.1.1 No such user")
    rooms.app.suppression.note("example.test", address, "bounce", *said, queue_id)


def goals(rooms: Rooms) -> list[str]:
    found = [entry_of(waiting) for waiting in every(rooms.app.table, OUTBOUND)]
    return sorted(goal.address for entry in found for goal in entry.goals)


def told(rooms: Rooms) -> list[str]:
    found = [report_of(waiting) for waiting in every(rooms.app.table, REPORT)]
    return sorted(told.address for report in found for told in report.told)


def test_a_letter_that_repeats_after_its_message_has_failed_tells_nothing_more(
    rooms: Rooms,
) -> None:
    """The relay has put the address on the list meanwhile."""
    entry = sent(rooms, "gone@one.test", "here@two.test")
    assert process(rooms.app, [entry]) == {}
    suppress(rooms, "gone@one.test", entry.queue_id)
    assert process(rooms.app, [entry]) == {}
    assert goals(rooms) == ["gone@one.test", "here@two.test"]
    assert told(rooms) == []


def test_a_letter_that_repeats_tells_of_the_suppressed_once(rooms: Rooms) -> None:
    suppress(rooms, "gone@one.test", "earlier")
    entry = sent(rooms, "gone@one.test", "other@one.test", "later@two.test")
    assert process(rooms.app, [entry]) == {}
    suppress(rooms, "later@two.test", "earlier")
    assert process(rooms.app, [entry]) == {}
    assert goals(rooms) == ["later@two.test", "other@one.test"]
    assert told(rooms) == ["gone@one.test"]


def test_a_crash_amid_many_entries_leaves_nobody_out(rooms: Rooms) -> None:
    """More than a transaction takes: some are written, then the list grows, then the rest."""
    suppress(rooms, "gone@d00.test", "earlier")
    addresses = [f"gone@d{number:02}.test" for number in range(90)]
    entry = sent(rooms, *addresses)
    rooms.table.start()
    rooms.table.fail_at = 3  # the guard, forty units, and then it fails
    assert list(process(rooms.app, [entry])) == [0]
    rooms.table.start()
    assert 0 < len(goals(rooms)) < 89
    for address in addresses:
        suppress(rooms, address, "meanwhile")
    assert process(rooms.app, [entry]) == {}
    assert sorted(goals(rooms) + told(rooms)) == addresses
    assert told(rooms) == ["gone@d00.test"]


def test_hundreds_of_recipients_with_long_names_fit_into_records(rooms: Rooms) -> None:
    """A message that no record takes would be accepted, and never leave nor come back."""
    suppressed = [f"{'a' * 50}{number}@{'d' * 60}.test" for number in range(400)]
    gone = [f"{'b' * 50}{number}@example.test" for number in range(300)]
    going = [f"{'c' * 50}{number}@elsewhere.test" for number in range(300)]
    for address in suppressed:
        rooms.app.suppression.note(
            "example.test", address, "bounce", "5.1.1", "\u00fc" * 500, "earlier"
        )
    entry = sent(rooms)
    original = f"rfc822;{'o' * 400}"
    recipients = [Recipient(name, (), original) for name in suppressed + gone + going]
    entry = msgspec.structs.replace(entry, recipients=tuple(recipients))
    for _ in range(2):  # the queue repeats itself
        assert process(rooms.app, [entry]) == {}
        assert goals(rooms) == sorted(going)
        assert told(rooms) == sorted(suppressed + gone)


def test_a_run_that_died_late_leaves_no_guard(rooms: Rooms) -> None:
    """Its letter had come again, while the relay sent the message and let go of its text."""
    entry = sent(rooms, "here@one.test")
    assert process(rooms.app, [entry]) == {}
    for waiting in list(every(rooms.app.table, OUTBOUND)):
        rooms.app.table.write(gone(waiting))
    rooms.app.outbound.release(entry.queue_id, entry.blob)
    rooms.app.table.write(guard(entry.queue_id))
    assert process(rooms.app, [entry]) == {}
    assert not any_of_message(rooms.app.table, entry.queue_id)
