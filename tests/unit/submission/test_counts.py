"""Counting what accounts send, over a real store and with many counting at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.platform.embedded.store import EmbeddedStore
from postroom.submission.counts import MESSAGES, RECIPIENTS, Counts, LimitReached


@dataclass
class SettableClock:
    time: float = 1_700_000_000.0 - 1_700_000_000 % 86_400

    def seconds(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def counts(tmp_path: Path, clock: SettableClock) -> Iterator[Counts]:
    store = EmbeddedStore(tmp_path, clock)
    yield Counts(store.table, clock)
    store.close()


def test_the_limit_is_exact(counts: Counts, clock: SettableClock) -> None:
    assert [counts.take("a", MESSAGES, 1, 3).count for _ in range(3)] == [1, 1, 1]
    clock.time += 2880
    with pytest.raises(LimitReached) as caught:
        counts.take("a", MESSAGES, 1, 3)
    assert str(caught.value) == (
        "You have sent 3 messages in this hour, the limit is 3; try again in 12 minutes"
    )
    assert counts.take("b", MESSAGES, 1, 3).count == 1  # another's count is another's
    assert counts.take("a", RECIPIENTS, 1, 1).count == 1
    with pytest.raises(LimitReached) as caught:
        counts.take("a", RECIPIENTS, 1, 1)
    assert str(caught.value) == (
        "You have sent to 1 recipient today, the limit is 1; try again in 23 hours"
    )
    clock.time += 720
    assert counts.take("a", MESSAGES, 1, 3).count == 1  # the next hour
    assert counts.take("a", MESSAGES, 1, 3).until == clock.time + 3600


def test_blocks_become_smaller_near_the_limit(counts: Counts) -> None:
    taken: list[int] = []
    while sum(taken) < 200:
        taken.append(counts.take("a", MESSAGES, 10, 200).count)
    with pytest.raises(LimitReached):
        counts.take("a", MESSAGES, 10, 200)
    assert taken[0] == 10
    assert taken[-1] == 1
    assert taken == sorted(taken, reverse=True)


def test_nothing_is_counted_twice_or_forgotten(counts: Counts) -> None:
    """Eight that count at once never give out more than the limit, nor less."""

    def take_all(_: int) -> int:
        total = 0
        while True:
            try:
                total += counts.take("a", MESSAGES, 7, 300).count
            except LimitReached:
                return total

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take_all, range(8))) == 300


def test_a_raised_limit_holds_at_once(counts: Counts) -> None:
    counts.take("a", MESSAGES, 1, 1)
    with pytest.raises(LimitReached):
        counts.take("a", MESSAGES, 1, 1)
    assert counts.take("a", MESSAGES, 10, 100).count == 9
