"""Destinations over a real resolver, a name server here, and the embedded store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.names import NameServer
from tests.unit.relay.destinations.places import Places, opened


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


@pytest.fixture
def places(tmp_path: Path, names: NameServer) -> Iterator[Places]:
    with opened(tmp_path, names) as found:
        yield found
