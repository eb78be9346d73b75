"""`postroom dkim`, as a shell sees it."""

import json
from collections.abc import Callable
from pathlib import Path

import dns.zone
import pytest
from typer.testing import CliRunner, Result

from local.cli.dkim import dkim
from postroom.authentication.dkim.keys import NoSuchKey
from postroom.directory.addresses import BadAddress
from postroom.errors import BadSetting
from tests.unit.authentication.dkim.examples import RSA_8463

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("POSTROOM_DATA", str(tmp_path / "store"))
    monkeypatch.setenv("POSTROOM_STORE", "embedded")
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(dkim, words)


def states(run: Run) -> dict[str, str]:
    rows = json.loads(run("list", "--json").output)
    return {row["algorithm"] + str(number): row["state"] for number, row in enumerate(rows)}


def test_first_keys(run: Run) -> None:
    assert "postroom dkim make DOMAIN" in run("list").output
    made = run("make", "Example.org").output
    assert "signed with" in made
    records = made.partition("✓")[0]
    zone = dns.zone.from_text(records, "example.org", relativize=False, check_origin=False)
    published = {
        name.to_text(omit_final_dot=True): b"".join(data.strings).decode()
        for name, _, data in zone.iterate_rdatas()
    }
    rows = json.loads(run("list", "example.org", "--json").output)
    assert published == {row["record"]["name"]: row["record"]["text"] for row in rows}
    assert sorted(run("list", "--records").output.split()) == sorted(records.split())
    assert set(states(run).values()) == {"signing"}
    listed = run("list").output
    assert "rsa 2048" in listed
    assert "followed from" in listed


def test_from_one_key_to_the_next(run: Run) -> None:
    run("make", "example.org", "--algorithm", "ed25519")
    assert "once the records above are seen" in run("rotate", "example.org").output
    announced = [
        row["selector"]
        for row in json.loads(run("list", "--json").output)
        if (row["algorithm"], row["state"]) == ("ed25519-sha256", "announced")
    ]
    assert len(announced) == 1
    again = run("rotate", "example.org", "--algorithm", "ed25519").output
    assert announced[0] in again  # no other one is made
    assert isinstance(run("make", "example.org", "--algorithm", "ed25519").exception, BadSetting)
    assert f"signs with {announced[0]}" in run("activate", "example.org", announced[0]).output
    assert sorted(states(run).values()) == ["retired", "signing", "signing"]


def test_the_end_of_a_key(run: Run) -> None:
    run("make", "example.org", "--algorithm", "ed25519")
    [row] = json.loads(run("list", "--json").output)
    refused = run("remove", "example.org", row["selector"])
    assert isinstance(refused.exception, BadSetting)
    assert "leaves unsigned now" in run("retire", "example.org", row["selector"]).output
    assert "gone on" in run("list").output
    gone = run("remove", "example.org", row["selector"]).output
    assert f"remove {row['record']['name']} from the DNS" in gone
    assert json.loads(run("list", "--json").output) == []


def test_a_key_from_elsewhere(run: Run, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(RSA_8463)
    said = run("import", "example.org", "Mail1", str(tmp_path / "key.pem")).output
    assert "example.org signs with mail1 (rsa-sha256)" in said
    (tmp_path / "key.pem").write_text("nonsense")
    assert isinstance(
        run("import", "example.org", "s2", str(tmp_path / "key.pem")).exception, BadSetting
    )


def test_how_a_domain_signs(run: Run) -> None:
    assert isinstance(run("set", "example.org", "--rotate-days", "3").exception, NoSuchKey)
    run("make", "example.org", "--algorithm", "ed25519")
    said = run("set", "example.org", "--rotate-days", "90", "--expire-days", "14").output
    assert "every 90 days" in said
    assert "end after 14 days" in said
    assert "stay for ever" in run("set", "example.org", "--rotate-days", "0").output
    [row] = json.loads(run("list", "--json").output)
    assert (row["rotate_days"], row["expire_days"]) == (0, 14)


def test_what_cannot_be(run: Run) -> None:
    assert isinstance(run("make", "a b").exception, BadAddress)
    assert isinstance(run("rotate", "example.org").exception, NoSuchKey)
    for command in ("activate", "retire", "remove"):
        assert isinstance(run(command, "example.org", "s1").exception, NoSuchKey)
    assert isinstance(run("make", "example.org", "--bits", "1024").exception, BadSetting)
    assert run("make", "example.org", "--algorithm", "dsa").exit_code == 2
