"""Destinations that cannot keep up get less, and more again; all workers agree."""

import pytest

from postroom.platform.table import Delete
from postroom.relay.pace import EASY, MOST_CONNECTIONS, Paces
from tests.unit.relay.world import LEASE, World

DOMAIN = "elsewhere.test"


@pytest.fixture
def paces(world: World) -> Paces:
    return Paces(world.store.table, world.clock, world.randomness, LEASE)


def test_one_that_keeps_up_costs_and_leaves_nothing(world: World, paces: Paces) -> None:
    admission = paces.admit(DOMAIN, EASY, 10)
    assert (admission.messages, admission.slot) == (10, None)
    paces.done(DOMAIN, None, "", "", good=True)
    assert list(world.store.table.range(f"destination/{DOMAIN}")) == []


def test_a_dead_one_rests_longer_each_time(world: World, paces: Paces) -> None:
    rests = []
    for _ in range(9):
        paces.done(DOMAIN, None, "down", "no route", good=False)
        pace = paces.of([DOMAIN])[DOMAIN]
        admission = paces.admit(DOMAIN, pace, 5)
        assert admission.messages == 0
        assert admission.reason == "no route"
        rests.append(admission.wait)
        world.clock.time += admission.wait
        admission = paces.admit(DOMAIN, pace, 5)
        assert admission.messages == 5
        assert admission.slot is not None
        world.store.table.write(Delete(admission.slot))
    assert rests[:6] == sorted(rests[:6])
    assert rests[0] < 60
    assert rests[-1] <= 1800 * 1.25


def test_workers_that_find_one_dead_at_the_same_time_are_one_failure(
    world: World, paces: Paces
) -> None:
    for _ in range(20):
        paces.done(DOMAIN, None, "down", "no route", good=False)
    pace = paces.of([DOMAIN])[DOMAIN]
    assert pace.failures == 1
    assert paces.admit(DOMAIN, pace, 1).wait < 60


def test_a_busy_one_gets_fewer_connections_until_it_recovers(world: World, paces: Paces) -> None:
    for _ in range(4):
        paces.done(DOMAIN, None, "busy", "421 too many", good=False)
    pace = paces.of([DOMAIN])[DOMAIN]
    assert pace.connections == MOST_CONNECTIONS // 16
    first = paces.admit(DOMAIN, pace, 1)
    assert first.slot is not None
    world.clock.time += 60
    second = paces.admit(DOMAIN, paces.of([DOMAIN])[DOMAIN], 1)
    assert second.messages == 0, "the only connection is in use"
    for _ in range(40):
        paces.done(DOMAIN, first.slot, "", "", good=True)
    assert paces.of([DOMAIN])[DOMAIN].easy
    assert list(world.store.table.range(f"destination/{DOMAIN}")) == []


def test_a_slot_of_a_dead_worker_comes_back(world: World, paces: Paces) -> None:
    paces.limit(DOMAIN, 1, 0)
    pace = paces.of([DOMAIN])[DOMAIN]
    assert paces.admit(DOMAIN, pace, 1).messages == 1
    assert paces.admit(DOMAIN, pace, 1).messages == 0
    world.clock.time += LEASE + 1
    assert paces.admit(DOMAIN, pace, 1).messages == 1


def test_an_interval_holds_between_all_workers(world: World, paces: Paces) -> None:
    paces.limit(DOMAIN, 0, 400)
    started = []
    for _ in range(20):
        admission = paces.admit(DOMAIN, paces.of([DOMAIN])[DOMAIN], 10)
        if admission.slot is not None:
            paces.done(DOMAIN, admission.slot, "", "", good=True)
        started.append(admission.messages)
        world.clock.time += 0.1
    assert 2 <= sum(started) <= 2 * 0.1 * 20 / 0.4 + 3


def test_what_an_operator_sets_stays(paces: Paces) -> None:
    paces.limit(DOMAIN, 3, 100)
    paces.pause(DOMAIN, "moving house")
    assert paces.of([DOMAIN])[DOMAIN].paused == "moving house"
    paces.resume(DOMAIN)
    for _ in range(30):
        paces.done(DOMAIN, None, "busy", "421", good=False)
    pace = paces.of([DOMAIN])[DOMAIN]
    assert pace.interval == 30_000
    slot = None
    for _ in range(60):
        admission = paces.admit(DOMAIN, paces.of([DOMAIN])[DOMAIN], 1)
        slot = admission.slot or slot
        paces.done(DOMAIN, slot, "", "", good=True)
    pace = paces.of([DOMAIN])[DOMAIN]
    assert (pace.connections, pace.interval, pace.paused) == (3, 100, "")
    paces.limit(DOMAIN, 0, 0)
    assert paces.of([DOMAIN])[DOMAIN].easy
