"""What an operator sees and does."""

from itertools import islice

import pytest

from postroom.errors import BlobMissing
from postroom.relay.operations import Filter, NotInQueue, Operations
from postroom.relay.schedule import Schedule
from tests.unit.relay.world import LEASE, World


@pytest.fixture
def operations(world: World) -> Operations:
    return Operations(
        world.store.table, world.clock, world.journeys, world.outbound, Schedule(), LEASE
    )


def test_the_next_one_due_comes_first(world: World, operations: Operations) -> None:
    entries = []
    for _ in range(20):
        entries.append(world.entry())
        world.add(entries[-1])
        world.clock.time += 1
    found = [queued.entry.queue_id for queued in islice(operations.entries(Filter()), 5)]
    assert found == [entry.queue_id for entry in entries[:5]]


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        (Filter(domain="ELSEWHERE.test"), 2),
        (Filter(domain="other.test"), 1),
        (Filter(sender="alice@"), 3),
        (Filter(sender="bob"), 0),
        (Filter(recipient="Carol"), 1),
        (Filter(held=True), 0),
        (Filter(held=False), 3),
    ],
)
def test_filters_choose(world: World, operations: Operations, chosen: Filter, count: int) -> None:
    world.add(world.entry("bob@elsewhere.test", "carol@elsewhere.test"))
    world.add(world.entry("bob@elsewhere.test"))
    world.add(world.entry("bob@other.test"))
    assert len(list(operations.entries(chosen))) == count


def test_what_is_held_waits_until_it_is_released(world: World, operations: Operations) -> None:
    entry = world.entry(next_try=world.clock.milliseconds + 1)
    world.add(entry)
    world.letters()
    assert operations.hold(entry.queue_id, "looks odd") == 1
    assert [queued.entry for queued in operations.entries(Filter())] == []
    [queued] = operations.entries(Filter(held=True))
    assert (queued.entry.held, queued.due) == ("looks odd", None)
    assert operations.release(entry.queue_id) == 1
    assert world.letters() == [entry.ticket]
    [queued] = operations.entries(Filter())
    assert (queued.entry.held, queued.entry.next_try) == ("", 0)


def test_retry_does_not_wait(world: World, operations: Operations) -> None:
    entry = world.entry(next_try=world.clock.milliseconds + 1_000_000)
    world.add(entry)
    world.letters()
    operations.retry(entry.queue_id)
    assert world.letters() == [entry.ticket]


@pytest.mark.parametrize("tell", [False, True])
def test_what_is_deleted_is_gone_and_the_sender_hears_of_it_or_not(
    world: World, operations: Operations, tell: bool
) -> None:
    entry = world.entry()
    world.add(entry)
    assert operations.delete(entry.queue_id, tell=tell) == 1
    assert world.waiting(entry.queue_id) == []
    assert len(world.letters("bounces")) == (1 if tell else 0)
    [journey] = world.journeys.trace(entry.queue_id)
    assert journey.events[-1].step == "bounced"
    if tell:
        assert world.store.blobs.get(entry.blob)
    else:
        with pytest.raises(BlobMissing):
            world.store.blobs.get(entry.blob)


def test_what_is_not_there_is_told(operations: Operations) -> None:
    for name in ("1m86t8k38g20812qy91d1q", "nonsense", "../../x"):
        for act in (
            operations.retry,
            operations.release,
            operations.of_message,
            lambda name: operations.hold(name, "x"),
            lambda name: operations.delete(name, tell=False),
        ):
            with pytest.raises(NotInQueue, match="not in the outbound queue"):
                act(name)


def test_a_domain_that_is_resumed_frees_only_its_own(world: World, operations: Operations) -> None:
    paused = world.entry(held="elsewhere.test is paused: moving")
    other = world.entry(held="on hold")
    world.add(paused, other)
    assert operations.release_domain("elsewhere.test") == 1
    assert [queued.entry.queue_id for queued in operations.entries(Filter(held=True))] == [
        other.queue_id
    ]
