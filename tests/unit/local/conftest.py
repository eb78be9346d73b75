"""Commands print for a wide terminal, so that no word of a table is folded."""

import pytest

from local.cli import session


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.console, "_width", 200)
