"""`postroom sieve`, as a shell sees it."""

from pathlib import Path

import pytest

from tests.unit.local.conftest import Run

ALICE = "alice@example.test"
GOOD = """\
require ["fileinto", "imap4flags"];
if header :contains "subject" "boat" {
    fileinto :flags "\\\\Seen" "Boats";
}
"""
BAD = 'require "fileinto";\nfilinto "Boats";\n'
MESSAGE = "From: bob@else.test\nTo: alice@example.test\nSubject: a {}\n\nHello.\n"


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.sieve"
    path.write_text(GOOD)
    return str(path)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    path = tmp_path / "bad.sieve"
    path.write_text(BAD)
    return str(path)


def test_check(run: Run, good: str, bad: str) -> None:
    assert "can be used" in run("sieve", "check", good).out
    ended = run("sieve", "check", bad)
    assert ended.code == 1
    assert 'line 2, column 1: unknown command "filinto": did you mean "fileinto"?' in ended.out
    assert '    filinto "Boats";\n    ^' in ended.out
    assert "bad.sieve cannot be used" in ended.err
    ended = run("sieve", "check", bad, "--json")
    assert (ended.code, [(row["line"], row["kind"]) for row in ended.json]) == (1, [(2, "error")])


def test_what_a_script_would_do_and_why(run: Run, good: str, tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.write_text(MESSAGE.format("boat"))
    said = run("sieve", "test", good, str(message)).out
    assert 'fileinto  mailbox "Boats"  flags \\Seen' in said
    assert "line 2    header :contains" in said
    message.write_text(MESSAGE.format("car"))
    assert "keep (nothing else was decided)" in run("sieve", "test", good, str(message)).out
    assert run("sieve", "test", good, str(tmp_path / "none")).code == 1


def test_scripts_beside_it_are_included(run: Run, good: str, tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.write_text(MESSAGE.format("boat"))
    script = tmp_path / "main.sieve"
    script.write_text('require "include"; include "good"; include :optional "none";\n')
    assert 'mailbox "Boats"' in run("sieve", "test", str(script), str(message)).out
    script.write_text('require "include"; include "none";\n')
    ended = run("sieve", "test", str(script), str(message))
    assert (ended.code, 'no personal script "none"' in ended.err) == (1, True)


def test_mail_without_a_sender_can_be_tried(run: Run, tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.write_text(MESSAGE.format("boat"))
    script = tmp_path / "null.sieve"
    script.write_text('require "envelope"; if envelope "from" "" { discard; }\n')
    command = ("sieve", "test", str(script), str(message))
    assert "discard" not in run(*command).out.partition("Why")[0]
    assert "discard" in run(*command, "--from", "<>").out.partition("Why")[0]


def test_scripts_of_a_user(peopled: Run, good: str, bad: str) -> None:
    assert "no scripts" in peopled("sieve", "list", ALICE).out
    assert "next: postroom sieve activate" in peopled("sieve", "put", ALICE, "boats", good).out
    assert peopled("sieve", "list", ALICE, "--json").json == [
        {"name": "boats", "size": len(GOOD), "active": False}
    ]
    assert peopled("sieve", "show", ALICE, "boats").out == GOOD
    assert peopled("sieve", "put", ALICE, "other", bad).code == 1
    assert peopled("sieve", "activate", ALICE, "boats").code == 0
    assert "activate another one" in peopled("sieve", "remove", ALICE, "boats").err
    assert peopled("sieve", "deactivate", ALICE).code == 0
    assert peopled("sieve", "remove", ALICE, "boats").code == 0
    assert "no user nobody@example.test" in peopled("sieve", "list", "nobody@example.test").err


def test_scripts_of_a_domain(peopled: Run, good: str) -> None:
    assert peopled("sieve", "put", "example.test", "before", good).code == 0
    assert peopled("sieve", "list", "example.test", "--json").json == [{"name": "before"}]
    assert peopled("sieve", "show", "example.test", "before").out == GOOD
    assert peopled("sieve", "remove", "example.test", "before").code == 0
    assert peopled("sieve", "put", "else.test", "before", good).code == 1


def test_who_is_removed_leaves_no_scripts(peopled: Run, good: str) -> None:
    peopled("sieve", "put", ALICE, "boats", good, "--activate")
    assert peopled("user", "remove", ALICE, "--yes").code == 0
    peopled("user", "add", ALICE, "--password-stdin", stdin="secret\n")
    assert peopled("sieve", "list", ALICE, "--json").json == []
