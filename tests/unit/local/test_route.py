"""`postroom route` as a shell sees it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from local.cli.route import route
from postroom.app import build
from postroom.errors import BadSetting
from postroom.relaying import routes_of


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSTROOM_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("POSTROOM_STORE", "embedded")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "data"


def run(*words: str, stdin: str = "") -> Result:
    result = CliRunner().invoke(route, words, input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.usefixtures("data")
def test_set_list_remove() -> None:
    assert "no routes" in run("list").stdout
    assert "mail for .example.org leaves by smtp://relay.test" in run(
        "set", ".Example.ORG", "smtp://relay.test:25"
    ).stdout.replace("\n", " ")
    run("set", "*", "ses:")
    assert json.loads(run("list", "--json").stdout) == [
        {"pattern": "*", "url": "ses:", "problem": ""},
        {"pattern": ".example.org", "url": "smtp://relay.test", "problem": ""},
    ]
    run("remove", "*")
    assert [row["pattern"] for row in json.loads(run("list", "--json").stdout)] == [".example.org"]
    with pytest.raises(BadSetting, match=r"there is no route for \*"):
        run("remove", "*")


@pytest.mark.parametrize(
    ("option", "stdin"), [(("--password-stdin",), "sesame\n"), ((), "sesame\n")]
)
def test_a_password_comes_by_standard_input(
    data: Path, option: tuple[str, ...], stdin: str
) -> None:
    result = run("set", "*", "smtps://me@relay.test", *option, stdin=stdin)
    assert "sesame" not in result.output
    assert "sesame" not in run("list").output
    app = build({"POSTROOM_DATA": str(data)})
    try:
        [found] = routes_of(app).find([("", "x.test")])
    finally:
        app.platform.close()
    assert (found.user, found.password) == ("me", "sesame")


@pytest.mark.usefixtures("data")
def test_what_cannot_be_followed_is_refused() -> None:
    for words in (("*", "http://x.test"), ("a b", "mx:"), ("*", "smtp://me:pw@relay.test")):
        with pytest.raises(BadSetting):
            run("set", *words)
    with pytest.raises(BadSetting, match="needs a password"):
        run("set", "*", "smtps://me@relay.test", "--password-stdin")
