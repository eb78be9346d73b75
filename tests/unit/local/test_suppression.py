"""`postroom suppression`, as a shell sees it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from local.cli.suppression import suppression
from postroom.directory.addresses import BadAddress
from postroom.relay.suppression import NotSuppressed

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("POSTROOM_DATA", str(tmp_path))
    monkeypatch.setenv("POSTROOM_STORE", "embedded")
    return lambda *words: CliRunner().invoke(suppression, words)


def test_add_list_show_remove(run: Run) -> None:
    assert "no address is suppressed" in run("list", "example.test").output
    added = run("add", "example.test", "Bob@Other.test", "--reason", "asked by phone")
    assert "example.test no longer writes to bob@other.test" in added.output
    listed = run("list", "example.test").output
    assert "bob@other.test" in listed
    assert "asked by phone" in listed
    [entry] = json.loads(run("list", "example.test", "--json").output)
    assert (entry["address"], entry["kind"], entry["until"]) == ("bob@other.test", "manual", 0)
    [entry] = json.loads(run("show", "example.test", "bob@other.test", "--json").output)
    assert entry["holds"] is True
    assert "it is removed" in run("show", "example.test", "bob@other.test").output
    assert (
        "writes to bob@other.test again" in run("remove", "example.test", "bob@other.test").output
    )
    assert json.loads(run("list", "example.test", "--json").output) == []


def test_for_some_days(run: Run) -> None:
    assert " until " in run("add", "example.test", "bob@other.test", "--days", "7").output
    [entry] = json.loads(run("list", "example.test", "--json").output)
    assert entry["until"] - entry["since"] == 7 * 86_400_000


def test_what_cannot_be(run: Run) -> None:
    assert isinstance(run("remove", "example.test", "bob@other.test").exception, NotSuppressed)
    assert isinstance(run("show", "example.test", "bob@other.test").exception, NotSuppressed)
    assert isinstance(run("add", "example.test", "nobody").exception, BadAddress)
