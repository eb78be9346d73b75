"""The contract of postroom.platform.clock, which every platform shares."""

from datetime import UTC, datetime

from postroom.platform.system import SystemClock, SystemRandomness


def test_both_readings_are_the_same_time_in_utc() -> None:
    clock = SystemClock()
    before, now, after = clock.seconds(), clock.now(), clock.seconds()
    assert now.tzinfo is UTC
    assert before <= now.timestamp() <= after
    assert before > datetime(2024, 1, 1, tzinfo=UTC).timestamp()


def test_random_octets_differ() -> None:
    randomness = SystemRandomness()
    assert len(randomness.octets(16)) == 16
    assert len({randomness.octets(16) for _ in range(100)}) == 100
