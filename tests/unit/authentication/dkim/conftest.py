from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.authentication.dkim.material import Office, office


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Office]:
    opened = office(tmp_path / "store")
    yield opened
    opened.store.close()
