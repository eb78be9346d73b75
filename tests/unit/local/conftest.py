"""Commands as a shell runs them: on a wide terminal, so that no word of a table is folded."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.cli import main, session


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("POSTROOM_DATA", str(data))
    monkeypatch.setenv("POSTROOM_STORE", "embedded")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str, stdin: str = "") -> Ended:
        monkeypatch.setattr(sys, "argv", ["postroom", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = 0
        try:
            main.run()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return Ended(code, said.out, said.err)

    return run


@pytest.fixture
def peopled(run: Run) -> Run:
    """example.test with alice and bob, whose passwords are their names."""
    assert run("domain", "add", "example.test").code == 0
    for name in ("alice", "bob"):
        added = run("user", "add", f"{name}@example.test", "--password-stdin", stdin=f"{name}\n")
        assert added.code == 0, added.err
    return run


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.console, "_width", 200)
