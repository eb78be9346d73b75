"""The directory over a real store, in which example.test is ours."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.directory.records import Domain
from postroom.directory.store import Directory
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemRandomness


class MovableClock:
    """It stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0  # seconds since 1970

    def seconds(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def directory(tmp_path: Path, clock: MovableClock) -> Iterator[Directory]:
    store = EmbeddedStore(tmp_path, clock)
    directory = Directory(store.table, clock, SystemRandomness())
    directory.add_domain(Domain("example.test"))
    yield directory
    store.close()
