"""One world for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.relay.world import World, opened


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with opened(tmp_path) as found:
        yield found
