"""What an operator sees and does."""

from itertools import islice

import pytest

from postroom.errors import BadSetting, BlobMissing
from postroom.relay.operations import Busy, Filter, NotInQueue, Operations
from postroom.relay.outbound import Dispatch
from postroom.relay.schedule import Schedule
from postroom.relay.waiting import feed
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
    world.add(world.entry(next_try=world.clock.milliseconds + 10**9))
    [_, queued] = operations.entries(Filter())  # it is still to be seen, after all the others
    assert (queued.entry.held, queued.due) == ("looks odd", None)
    assert [queued] == list(operations.entries(Filter(held=True)))
    world.clock.time += 30 * 86_400
    assert feed(world.store.table, world.store, world.clock, LEASE, 10) == 1
    assert entry.ticket not in world.letters()
    assert operations.release(entry.queue_id) == 1
    assert world.letters() == [entry.ticket]
    queued = next(operations.entries(Filter()))
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
            operations.of_message,
            lambda name: operations.hold(name, "x"),
            lambda name: operations.delete(name, tell=False),
        ):
            with pytest.raises(NotInQueue, match="not in the outbound queue"):
                act(name)


def test_what_is_not_held_cannot_be_released(world: World, operations: Operations) -> None:
    entry = world.entry()
    world.add(entry)
    with pytest.raises(NotInQueue, match="is not on hold"):
        operations.release(entry.queue_id)


def test_nobody_takes_a_message_from_a_worker(world: World, operations: Operations) -> None:
    """Its outcome could not be written down, and the message would go out once more."""
    entry = world.entry(busy_until=world.clock.milliseconds + 1)
    world.add(entry)
    for act in (
        operations.retry,
        lambda name: operations.hold(name, "x"),
        lambda name: operations.lead(name, "mx:"),
        lambda name: operations.delete(name, tell=False),
    ):
        with pytest.raises(Busy, match="being attempted at this moment"):
            act(entry.queue_id)
    world.clock.time += 1
    assert operations.retry(entry.queue_id) == 1


def test_only_the_chosen_destinations_of_a_message(world: World, operations: Operations) -> None:
    first = world.entry("bob@elsewhere.test")
    second = world.entry("bob@other.test", queue_id=first.queue_id)
    units = [world.unit(first), world.unit(second)]
    world.outbound.add([Dispatch(first.queue_id, units)])
    assert operations.hold(first.queue_id, "x", Filter(domain="other.test")) == 1
    assert operations.delete(first.queue_id, tell=False, chosen=Filter(recipient="elsewhere")) == 1
    [left] = world.waiting(first.queue_id)
    assert (left.domain, left.held) == ("other.test", "x")
    with pytest.raises(NotInQueue, match="no such part"):
        operations.retry(first.queue_id, Filter(domain="elsewhere.test"))


def test_a_message_is_led_another_way(world: World, operations: Operations) -> None:
    entry = world.entry(next_try=world.clock.milliseconds + 1_000_000)
    world.add(entry)
    world.letters()
    operations.lead(entry.queue_id, "smtp://Relay.Example.test:26")
    [led] = world.waiting(entry.queue_id)
    assert (led.via, led.next_try) == ("smtp://relay.example.test:26", 0)
    assert world.letters() == [entry.ticket]
    operations.hold(entry.queue_id, "x")
    operations.lead(entry.queue_id, "")
    [led] = world.waiting(entry.queue_id)
    assert (led.via, led.held) == ("", "x")
    assert world.letters() == []


@pytest.mark.parametrize("url", ["nonsense", "smtp://user@host.test", "smtp://u:secret@host.test"])
def test_a_way_that_cannot_be_taken(world: World, operations: Operations, url: str) -> None:
    entry = world.entry()
    world.add(entry)
    with pytest.raises(BadSetting) as caught:
        operations.lead(entry.queue_id, url)
    assert "secret" not in str(caught.value)
    assert world.waiting(entry.queue_id)[0].via == ""


def test_a_domain_that_is_resumed_frees_only_its_own(world: World, operations: Operations) -> None:
    paused, other = world.entry(), world.entry()
    world.add(paused, other)
    operations.hold(paused.queue_id, "elsewhere.test is paused: moving")
    operations.hold(other.queue_id, "on hold")
    assert operations.release_domain("elsewhere.test") == 1
    assert [queued.entry.queue_id for queued in operations.entries(Filter(held=True))] == [
        other.queue_id
    ]
