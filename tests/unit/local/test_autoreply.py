"""`postroom autoreply`, as a shell sees it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from local.cli.autoreply import autoreply
from local.cli.session import opened
from postroom.autoreply.replies import BadReply
from postroom.directory.errors import NotThere
from postroom.directory.records import Alias, Domain
from postroom.errors import BadSetting

SUPPORT = "support@example.test"
MESSAGE = b"From: Bob <bob@else.test>\r\nTo: support@example.test\r\nMessage-ID: <1@else.test>\r\n"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("POSTROOM_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("POSTROOM_STORE", "embedded")
    with opened(tmp_path / "var") as app:
        app.directory.add_domain(Domain("example.test"))
        app.directory.add_account("alice@example.test", "secret")
        app.directory.add_alias(Alias(SUPPORT, ("alice@example.test",)))
        app.directory.add_alias(Alias("help@example.test", (SUPPORT,)))
    return lambda *words: CliRunner().invoke(autoreply, words)


def written(path: Path, text: str | bytes) -> str:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def test_set_show_remove(run: Run, tmp_path: Path) -> None:
    text = written(tmp_path / "text", "We got it: {{ ticket }}\n")
    done = run("set", SUPPORT, "--text-file", text, "--every", "12h").output
    assert "support@example.test answers each correspondent once in 12 hours" in done
    assert "We got it: {{ ticket }}" in run("show", SUPPORT).output
    [shown] = json.loads(run("show", SUPPORT, "--json").output)
    assert (shown["address"], shown["interval"]) == (SUPPORT, 43_200)
    assert SUPPORT in run("show", "help@example.test").output  # on the way of its mail
    assert "does not answer by itself" in run("remove", SUPPORT).output
    assert isinstance(run("show", SUPPORT).exception, NotThere)


def test_what_would_be_answered_is_shown_and_why_not(run: Run, tmp_path: Path) -> None:
    text = written(tmp_path / "text", "Hello {{ author }}")
    run("set", SUPPORT, "--text-file", text)
    asked = written(tmp_path / "asked", MESSAGE + b"Subject: Printer\r\n\r\nHelp\r\n")
    answer = run("test", SUPPORT, asked).output
    assert "answers once a day to bob@else.test" in answer
    assert "Hello Bob" in answer
    assert "] Printer" in answer
    listed = written(tmp_path / "listed", MESSAGE + b"List-Id: <x.y>\r\n\r\n")
    assert "answers nothing: it is from a list" in run("test", SUPPORT, listed).output
    silent = run("test", SUPPORT, asked, "--sender", "").output
    assert "answers nothing: its reverse-path is null" in silent
    nobody = written(tmp_path / "nobody", b"Subject: x\r\n\r\n")
    assert isinstance(run("test", SUPPORT, nobody).exception, BadSetting)


def test_what_cannot_be(run: Run, tmp_path: Path) -> None:
    bad = written(tmp_path / "bad", "{% for x in y %}{% endfor %}")
    refused = run("set", SUPPORT, "--text-file", bad).exception
    assert isinstance(refused, BadReply)
    assert "line 1: for cannot be used here" in str(refused)
    good = written(tmp_path / "good", "x")
    assert isinstance(run("set", "nobody@example.test", "--text-file", good).exception, NotThere)
    every = run("set", SUPPORT, "--text-file", good, "--every", "soon").exception
    assert isinstance(every, BadSetting)
    latin = written(tmp_path / "latin", b"caf\xe9")
    assert isinstance(run("set", SUPPORT, "--text-file", latin).exception, BadSetting)
