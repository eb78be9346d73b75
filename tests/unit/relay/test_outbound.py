"""Entries are made once, whatever repeats or fails, and the text goes with the last of them."""

from collections.abc import Iterator

import pytest

from postroom.errors import BlobMissing
from postroom.journeys.store import Event, Journey
from postroom.platform.table import Record, Table
from postroom.relay.entries import Entry
from postroom.relay.outbound import Dispatch, Unit
from postroom.relay.reports import Report, Told
from postroom.relay.waiting import (
    OUTBOUND,
    REPORT,
    Ticket,
    feed,
    get_many,
    gone,
    new,
    of_message,
    ticket,
)
from tests.unit.relay.world import LEASE, World
from tests.waiting import every


def many(world: World, count: int) -> tuple[Dispatch, list[Entry]]:
    first = world.entry()
    entries = [world.entry(f"x@d{number}.test", queue_id=first.queue_id) for number in range(count)]
    return Dispatch(first.queue_id, [world.unit(entry) for entry in entries]), entries


def done_with(world: World, ticket: Ticket) -> None:
    [waiting] = get_many(world.store.table, [ticket]).values()
    world.store.table.write(gone(waiting))


@pytest.mark.parametrize("count", [1, 3, 40, 41, 200])
def test_all_wait_and_the_relay_is_told_of_each(world: World, count: int) -> None:
    dispatch, entries = many(world, count)
    assert world.outbound.add([dispatch]) == [None]
    assert set(world.letters()) == {entry.ticket for entry in entries}
    assert len(world.waiting(dispatch.queue_id)) == count
    assert world.outbound.add([dispatch]) == [None], "a repeat"
    assert len(world.waiting(dispatch.queue_id)) == count


def test_what_is_done_is_not_made_again_but_what_is_new_is(world: World) -> None:
    dispatch, entries = many(world, 3)
    world.outbound.add([dispatch])
    done_with(world, entries[0].ticket)
    more = world.entry("x@new.test", queue_id=dispatch.queue_id)
    dispatch.units.append(world.unit(more))
    world.letters()
    assert world.outbound.add([dispatch]) == [None]
    names = {entry.name for entry in world.waiting(dispatch.queue_id)}
    assert names == {"d1.test", "d2.test", "new.test"}


def test_the_text_goes_with_the_last(world: World) -> None:
    dispatch, entries = many(world, 2)
    world.outbound.add([dispatch])
    queue_id, blob = dispatch.queue_id, entries[0].blob
    for entry in entries:
        world.outbound.release(queue_id, blob)
        assert world.store.blobs.get(blob)
        done_with(world, entry.ticket)
    world.outbound.release(queue_id, blob)
    world.outbound.release(queue_id, blob)
    with pytest.raises(BlobMissing):
        world.store.blobs.get(blob)


def test_a_report_keeps_the_text_too(world: World) -> None:
    entry = world.entry()
    told = (Told("bob@elsewhere.test", "failed", "5.1.1", "no", 0),)
    report = Report(entry.queue_id, "x", entry.blob, 1, 0, "alice@example.test", told)
    unit = Unit(
        Journey(entry.queue_id, "!", "", "", (), (Event(0, "accepted", ""),)), report=report
    )
    world.outbound.add([Dispatch(entry.queue_id, [unit])])
    assert world.letters("bounces") == [report.ticket]
    world.outbound.release(entry.queue_id, entry.blob)
    assert world.store.blobs.get(entry.blob)


def test_one_message_that_cannot_wait_does_not_hinder_others(world: World) -> None:
    good, poison = world.entry(), world.entry("x" * 500_000 + "@elsewhere.test")
    errors = world.outbound.add([Dispatch(e.queue_id, [world.unit(e)]) for e in (poison, good)])
    assert errors[0] is not None
    assert errors[1] is None
    assert world.letters() == [good.ticket]


def test_a_lost_letter_is_fed_again_once_a_lease(world: World) -> None:
    entry = world.entry()
    world.add(entry)
    world.letters()

    def fed() -> int:
        return feed(world.store.table, world.store, world.clock, LEASE, 100)

    assert fed() == 0
    world.clock.time += LEASE + 1
    assert fed() == 1
    assert world.letters() == [entry.ticket]
    assert fed() == 0
    world.clock.time += LEASE + 1
    assert fed() == 1


def test_what_is_due_is_fed_up_to_a_number_and_the_rest_next_time(world: World) -> None:
    for _ in range(50):
        world.add(world.entry())
    world.clock.time += LEASE + 1
    count = 0
    for _ in range(20):
        count += feed(world.store.table, world.store, world.clock, LEASE, 16)
    assert count == 50
    assert len(list(every(world.store.table, OUTBOUND))) == 50
    assert list(every(world.store.table, REPORT)) == []


def test_messages_are_told_apart(world: World) -> None:
    one, two = world.entry(), world.entry()
    world.add(one, two)
    [found] = of_message(world.store.table, OUTBOUND, one.queue_id)
    assert found.ticket == one.ticket
    assert (found.ticket.kind, found.ticket.queue_id, found.ticket.name) == (
        OUTBOUND,
        one.queue_id,
        "elsewhere.test",
    )


class PayingTable:
    """Reads what it is asked for, like DynamoDB, and not only what is taken."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.read = 0

    def range_by_order(self, partition: str, above: int, *, limit: int) -> Iterator[Record]:
        found = list(self._table.range_by_order(partition, above, limit=limit))
        self.read += len(found)
        return iter(found)

    def __getattr__(self, name: str) -> object:
        return getattr(self._table, name)


@pytest.mark.parametrize("due", [0, 1, 20])
def test_a_tick_reads_little_more_than_what_is_due(world: World, due: int) -> None:
    entries = [world.entry() for _ in range(400)]
    world.add(*entries[due:])
    world.clock.time -= LEASE + 1
    world.add(*entries[:due])
    world.clock.time += LEASE + 1
    table = PayingTable(world.store.table)
    assert feed(table, world.store, world.clock, LEASE, 5000) == due  # type: ignore[arg-type]
    assert table.read <= 8 * (10 + due)


@pytest.mark.parametrize("kind", [OUTBOUND, REPORT])
def test_a_report_that_cannot_be_written_comes_less_and_less_often(world: World, kind: str) -> None:
    """Each time is a dead letter; an entry counts its attempts itself."""
    waits = new(ticket(kind, world.queue_id(), "x"), b"", world.clock.milliseconds)
    world.store.table.write(waits)
    fed = 0
    for _ in range(int(10 * 86_400 / LEASE)):
        fed += feed(world.store.table, world.store, world.clock, LEASE, 5000)
        world.clock.time += LEASE
    assert (fed > 1000) if kind == OUTBOUND else (5 < fed < 40)
