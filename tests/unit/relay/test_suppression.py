"""The suppression list over a real store, through months of failures."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.directory.addresses import BadAddress
from postroom.platform.embedded.store import EmbeddedStore
from postroom.relay.suppression import (
    PERIODS,
    REMEMBERED,
    STATUS,
    NotSuppressed,
    Suppression,
    counts_as_hard,
)

OURS, BOB = "example.test", "bob@other.test"
DAY = 86_400


class SetClock:
    time = 1_800_000_000.0

    def seconds(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def suppression(tmp_path: Path, clock: SetClock) -> Iterator[Suppression]:
    store = EmbeddedStore(tmp_path, clock)
    yield Suppression(store.table, clock)
    store.close()


def bounce(suppression: Suppression, queue_id: str, address: str = BOB, domain: str = OURS) -> None:
    suppression.note(domain, address, "bounce", "5.1.1", "550 No such user", queue_id)


def is_suppressed(suppression: Suppression, address: str = BOB, domain: str = OURS) -> bool:
    return bool(suppression.find([(domain, address)]))


@pytest.mark.parametrize(
    ("status", "hard"),
    [
        ("5.1.1", True),
        ("5.1.2", True),
        ("5.1.3", True),
        ("5.1.6", True),
        ("5.1.10", True),
        ("5.2.1", True),
        ("5.2.2", False),
        ("4.1.1", False),
        ("4.4.1", False),
        ("5.4.7", False),
        ("5.7.1", False),
        ("5.7.26", False),
        ("5.0.0", False),
        ("", False),
        (STATUS, False),
    ],
)
def test_only_what_is_about_the_address_counts(status: str, hard: bool) -> None:
    assert counts_as_hard(status) is hard


def test_periods_grow_with_each_failure_after_the_last_is_over(
    suppression: Suppression, clock: SetClock
) -> None:
    for number, period in enumerate([*PERIODS, PERIODS[-1]]):
        bounce(suppression, f"q{number}")
        [found] = suppression.find([(OURS, BOB)]).values()
        assert found.until == clock.time * 1000 + period
        assert found.count == number + 1
        clock.time += period / 1000 - 1
        assert is_suppressed(suppression)
        clock.time += 2
        assert not is_suppressed(suppression)


def test_messages_that_were_under_way_change_nothing(
    suppression: Suppression, clock: SetClock
) -> None:
    bounce(suppression, "q1")
    first = suppression.get(OURS, BOB)
    for number in range(100):
        clock.time += 60
        bounce(suppression, f"under way {number}")
    assert suppression.get(OURS, BOB) == first


def test_a_repeat_about_one_message_counts_once(suppression: Suppression, clock: SetClock) -> None:
    bounce(suppression, "q1")
    clock.time += 2 * DAY
    bounce(suppression, "q1")
    found = suppression.get(OURS, BOB)
    assert found is not None
    assert found.count == 1
    assert not is_suppressed(suppression)


def test_the_past_is_forgotten_at_last(suppression: Suppression, clock: SetClock) -> None:
    bounce(suppression, "q1")
    clock.time += (PERIODS[0] + REMEMBERED) / 1000 + 2
    assert suppression.get(OURS, BOB) is None
    bounce(suppression, "q2")
    found = suppression.get(OURS, BOB)
    assert found is not None
    assert found.count == 1


def test_a_complaint_stays_until_it_is_removed(suppression: Suppression, clock: SetClock) -> None:
    bounce(suppression, "q1")
    suppression.note(OURS, BOB, "complaint", "", "abuse", "q2")
    clock.time += 5000 * DAY
    bounce(suppression, "q3")
    [found] = suppression.find([(OURS, BOB)]).values()
    assert (found.kind, found.until, found.queue_id) == ("complaint", 0, "q2")
    suppression.remove(OURS, BOB)
    assert not is_suppressed(suppression)
    with pytest.raises(NotSuppressed):
        suppression.remove(OURS, BOB)


def test_by_hand(suppression: Suppression, clock: SetClock) -> None:
    entry = suppression.add(OURS, "Bob@OTHER.test", "asked by phone")
    assert (entry.address, entry.kind) == (BOB, "manual")
    bounce(suppression, "q1")
    assert suppression.get(OURS, BOB) == entry
    assert "an administrator put it there (asked by phone)" in entry.sentence
    suppression.add(OURS, BOB, until=int(clock.time + DAY) * 1000)
    clock.time += DAY + 1
    assert not is_suppressed(suppression)
    with pytest.raises(BadAddress):
        suppression.add(OURS, "no address")


def test_each_domain_has_its_own_list_and_one_spelling(suppression: Suppression) -> None:
    bounce(suppression, "q1", "Jürgen@BÜCHER.test")
    pairs = [
        (OURS, "jürgen@xn--bcher-kva.test"),
        ("EXAMPLE.test", "JÜRGEN@bücher.test"),
        ("second.test", "jürgen@bücher.test"),
        (OURS, "nobody@bücher.test"),
        (OURS, "not an address"),
        ("", BOB),
    ]
    assert set(suppression.find(pairs)) == set(pairs[:2])
    assert suppression.find([]) == {}


def test_a_list_shows_what_holds_in_order(suppression: Suppression, clock: SetClock) -> None:
    bounce(suppression, "q1", "old@other.test")
    clock.time += 2 * DAY
    for name in ("c", "a", "b"):
        bounce(suppression, name, f"{name}@other.test")
    bounce(suppression, "q2", "x@other.test", domain="second.test")
    assert [entry.address for entry in suppression.list(OURS)] == [
        "a@other.test",
        "b@other.test",
        "c@other.test",
    ]


def test_what_no_list_can_keep_is_passed_over(suppression: Suppression) -> None:
    for address in ("", "@", "a@", "x" * 400 + "@a.test", "a@" + "b" * 300, "a\0@b.test"):
        bounce(suppression, "q", address)
    assert list(suppression.list(OURS)) == []


def test_failures_at_one_moment_count_once(suppression: Suppression) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: bounce(suppression, f"q{number}"), range(40)))
    found = suppression.get(OURS, BOB)
    assert found is not None
    assert found.count == 1


def test_who_was_not_tried_is_told_when_and_why(suppression: Suppression, clock: SetClock) -> None:
    bounce(suppression, "q1")
    [found] = suppression.find([(OURS, BOB)]).values()
    told = found.told("Bob@other.test", "rfc822;bob@other.test", 5)
    assert (told.action, told.status, told.suppressed) == ("failed", STATUS, "bounce")
    assert (told.since, told.until) == (int(clock.time * 1000), found.until)
    assert told.reason == (
        "Not tried: it is on the suppression list of example.test, "
        "because mail for it had come back as undeliverable (550 No such user)"
    )
    assert not counts_as_hard(told.status)
