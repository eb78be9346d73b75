from pathlib import Path

import pytest

from tests.conversations.smtp_world import new_data


@pytest.fixture
def data(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_data(tmp_path_factory.getbasetemp(), tmp_path)
