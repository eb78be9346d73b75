"""`postroom vacation`, as a shell sees it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from local.cli.session import opened
from local.cli.user import user
from local.cli.vacation import vacation
from postroom.autoreply.form import BadForm
from postroom.directory.records import Domain
from postroom.errors import BadSetting

ALICE = "alice@example.test"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("POSTROOM_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("POSTROOM_STORE", "embedded")
    with opened(tmp_path / "var") as app:
        app.directory.add_domain(Domain("example.test"))
        app.directory.add_domain(Domain("alias.test", alias_of="example.test"))
        app.directory.add_account(ALICE, "secret")
    return lambda *words: CliRunner().invoke(vacation, words)


def away(run: Run) -> dict[str, Any]:
    [form] = json.loads(run("show", ALICE, "--json").output)
    found: dict[str, Any] = form["away"]
    return found


def test_set_show_off(run: Run) -> None:
    assert "does not answer by itself" in run("show", ALICE).output
    done = run("set", ALICE, "--text", "I am away.", "--until", "2026-07-14", "--every", "1d")
    assert f"{ALICE} answers until 2026-07-14 (UTC), each correspondent once a day" in done.output
    shown = run("show", ALICE).output
    assert "I am away." in shown
    assert "2026-07-14" in shown
    assert "vacation :seconds 86400" in run("show", ALICE, "--script").output
    run("off", ALICE)
    assert run("show", ALICE, "--script").output == ""
    assert away(run)["enabled"] is False


def test_nothing_of_it_outlives_its_user(run: Run, tmp_path: Path) -> None:
    run("set", ALICE, "--text", "I am away.")
    with opened(tmp_path / "var") as app:
        account = app.directory.account(ALICE)
        assert account is not None
        partition = f"account/{account.id}"
        assert [*app.table.range(partition, "form", "form~")]
    CliRunner().invoke(user, ["remove", ALICE, "--yes"])
    with opened(tmp_path / "var") as app:
        assert [*app.table.range(partition)] == []


def test_what_is_not_given_stays(run: Run) -> None:
    run("set", ALICE, "--text", "Away.", "--subject", "S", "--zone", "Europe/Berlin")
    run("off", ALICE)
    run("set", ALICE, "--from", "2026-07-01", "--only-known", "--also", "a@old.test")
    found = away(run)
    assert found["outside"] == {"text": "Away.", "subject": "S", "html": ""}
    assert (found["start"], found["zone"]) == ("2026-07-01", "Europe/Berlin")
    assert (found["enabled"], found["only_known"]) == (True, True)
    run("set", ALICE, "--from", "", "--everybody")
    found = away(run)
    assert (found["start"], found["only_known"]) == ("", False)
    assert found["addresses"] == ["a@old.test"]


def test_inside_and_outside_and_html(run: Run, tmp_path: Path) -> None:
    page, text = tmp_path / "page", tmp_path / "text"
    page.write_text("<p>Away")
    text.write_text("Call me.\n")
    run("set", ALICE, "--text", "Away.", "--html-file", str(page), "--inside-file", str(text))
    found = away(run)
    assert found["outside"]["html"] == "<p>Away"
    assert found["inside"]["text"] == "Call me.\n"
    script = run("show", ALICE, "--script").output
    assert 'envelope :domain "from" ["alias.test", "example.test"]' in script
    run("set", ALICE, "--no-outside")
    assert away(run)["outside"] is None
    run("set", ALICE, "--text", "New words.", "--no-inside")
    found = away(run)
    assert (found["inside"], found["outside"]["html"]) == (None, "")


def test_what_cannot_be(run: Run) -> None:
    assert isinstance(run("set", ALICE).exception, BadForm)
    assert isinstance(run("set", ALICE, "--text", "x", "--zone", "Mars").exception, BadForm)
    assert isinstance(run("set", ALICE, "--text", "x", "--every", "often").exception, BadSetting)
    assert isinstance(run("set", ALICE, "--inside-subject", "x").exception, BadSetting)
    nobody = run("set", "nobody@example.test", "--text", "x").exception
    assert isinstance(nobody, BadSetting)
    assert "nobody@example.test" in str(nobody)
    assert "does not answer by itself" in run("show", ALICE).output
