"""The directory over a real store, in which example.test is ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.directory.records import Domain
from postroom.directory.store import Directory
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemClock, SystemRandomness


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    store = EmbeddedStore(tmp_path, SystemClock())
    directory = Directory(store.table, SystemClock(), SystemRandomness())
    directory.add_domain(Domain("example.test"))
    yield directory
    store.close()
