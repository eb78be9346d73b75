"""The `postroom` command as a shell sees it: output, exit codes, and its last words."""

from pathlib import Path

import pytest

from postroom.app import build
from postroom.journeys.ids import new_queue_id
from postroom.journeys.store import Event, Journey
from postroom.pipeline.dead_letters import DeadLetters
from tests.unit.local.conftest import Run


def test_domains_come_and_go(run: Run) -> None:
    assert run("domain", "list", "--json").json == []
    assert "no domains yet" in run("domain", "list").out
    assert run("domain", "add", "Example.TEST").code == 0
    added = run("domain", "add", "also.test", "--alias-of", "example.test", "--separator", "-")
    assert added.code == 0
    plain = {"alias_of": "", "catch_all": "", "separator": "+", "dots": True}
    assert run("domain", "list", "--json").json == [
        {**plain, "domain": "also.test", "alias_of": "example.test", "separator": "-"},
        {**plain, "domain": "example.test"},
    ]
    assert "also.test" in run("domain", "list").out
    assert run("domain", "remove", "also.test").code == 0
    assert run("domain", "remove", "example.test").code == 0
    assert run("domain", "list", "--json").json == []


def test_users_come_and_go(peopled: Run, data: Path) -> None:
    assert [user["address"] for user in peopled("user", "list", "--json").json] == [
        "alice@example.test",
        "bob@example.test",
    ]
    [shown] = peopled("user", "show", "alice@example.test", "--json").json
    assert (shown["usage"], shown["quota"], shown["enabled"]) == (0, 0, True)
    assert shown["mailboxes"][0] == {"mailbox": "INBOX", "messages": 0, "unseen": 0, "size": 0}
    assert {"Drafts", "Sent", "Trash"} <= {one["mailbox"] for one in shown["mailboxes"]}
    assert "INBOX" in peopled("user", "show", "alice@example.test").out
    assert peopled("user", "quota", "alice@example.test", "1.5 GB").code == 0
    [shown] = peopled("user", "show", "alice@example.test", "--json").json
    assert shown["quota"] == 1_500_000_000
    [domain] = peopled("domain", "show", "example.test", "--json").json
    assert domain["users"] == ["alice@example.test", "bob@example.test"]
    assert peopled("user", "remove", "bob@example.test", "--yes").code == 0
    assert len(peopled("user", "list", "example.test", "--json").json) == 1


def test_a_user_is_removed_only_when_it_is_confirmed(peopled: Run) -> None:
    refused = peopled("user", "remove", "bob@example.test", stdin="n\n")
    assert refused.code == 1
    assert len(peopled("user", "list", "--json").json) == 2
    assert peopled("user", "remove", "bob@example.test", stdin="y\n").code == 0
    assert len(peopled("user", "list", "--json").json) == 1


def test_passwords_are_set_and_made(peopled: Run, data: Path) -> None:
    made = peopled("user", "password", "alice@example.test")
    word = made.out.split("password (shown only now): ")[1].split()[0]
    given = peopled(
        "user", "password", "bob@example.test", "--password-stdin", stdin="pass wörd \r\n"
    )
    assert given.code == 0
    assert "wörd" not in given.out
    app = build({"POSTROOM_DATA": str(data)})
    try:
        assert app.directory.authenticate("alice@example.test", "alice") is None
        assert app.directory.authenticate("alice@example.test", word) is not None
        assert app.directory.authenticate("bob@example.test", "pass wörd ") is not None
    finally:
        app.platform.close()


def test_a_forward_of_ones_own_address_never_stands_for_another_user(peopled: Run) -> None:
    """`user remove alice` must not remove Bob because Alice's mail goes to him."""
    assert peopled("alias", "add", "alice@example.test", "bob@example.test").code == 0
    assert peopled("user", "remove", "alice@example.test", "--yes").code == 0
    left = peopled("user", "list", "--json").json
    assert [user["address"] for user in left] == ["bob@example.test"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param("domain add example.test", "there is already a domain", id="domain twice"),
        pytest.param("domain add not..a.domain", "not..a.domain", id="no domain name"),
        pytest.param("domain add a.test --alias-of b.test", "no domain b.test", id="alias of none"),
        pytest.param("domain show nowhere.test", "no domain nowhere.test", id="unknown domain"),
        pytest.param("domain remove example.test", "still has accounts", id="domain in use"),
        pytest.param("domain remove nowhere.test", "no domain", id="remove unknown domain"),
        pytest.param("user add alice@example.test", "already", id="user twice"),
        pytest.param("user add x@nowhere.test", "no domain nowhere.test", id="user elsewhere"),
        pytest.param("user add nonsense", "nonsense", id="no address"),
        pytest.param("user add [/x]@example.test", "[/x]@example.test", id="markup"),
        pytest.param("user add x@example.test --quota 3XB", "'3XB' is no size", id="no size"),
        pytest.param("user add x@example.test --password-stdin", "password", id="no password"),
        pytest.param("user list nowhere.test", "no domain nowhere.test", id="users of none"),
        pytest.param("user show x@example.test", "no user x@example.test", id="unknown user"),
        pytest.param("user show both@example.test", "no user both@", id="alias is no user"),
        pytest.param("user remove x@example.test --yes", "no user", id="remove unknown user"),
        pytest.param("user remove one@example.test --yes", "no user", id="remove by an alias"),
        pytest.param("user password x@example.test", "no user", id="password of nobody"),
        pytest.param("user quota x@example.test 1GB", "no user", id="quota of nobody"),
        pytest.param("alias add one@example.test bob@example.test", "already", id="alias twice"),
        pytest.param("alias add x@nowhere.test y@example.test", "nowhere.test", id="not ours"),
        pytest.param("alias add x@example.test no-domain", "no-domain", id="goes nowhere"),
        pytest.param("user grant @no_domain bob@example.test", "no_domain", id="no identity"),
        pytest.param("user revoke x@y.test bob@example.test", "no grant", id="nothing granted"),
        pytest.param("user set bob@example.test --language d!", "BCP 47", id="no language"),
        pytest.param("alias show x@example.test", "no alias", id="unknown alias"),
        pytest.param("alias remove x@example.test", "no alias", id="remove unknown alias"),
        pytest.param("alias list nowhere.test", "no domain nowhere.test", id="aliases of none"),
        pytest.param("dlq list --queue no/name", "cannot be the name", id="no queue"),
        pytest.param("trace <unknown@example.test>", "nothing is known", id="trace unknown id"),
        pytest.param("trace alice@example.test --json", "nothing is known", id="trace unknown"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_1(
    peopled: Run, words: str, reason: str
) -> None:
    peopled("alias", "add", "one@example.test", "alice@example.test")
    peopled("alias", "add", "both@example.test", "alice@example.test", "bob@example.test")
    before = peopled("user", "list", "--json").out + peopled("alias", "list", "--json").out
    ended = peopled(*words.split())
    assert ended.code == 1
    assert ended.out == ""
    assert reason in ended.err
    assert len(ended.err.splitlines()) == 1
    after = peopled("user", "list", "--json").out + peopled("alias", "list", "--json").out
    assert after == before


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("nonsense", id="unknown command"),
        pytest.param("user add", id="argument missing"),
        pytest.param("user list --no-such-option", id="unknown option"),
        pytest.param("dlq replay", id="neither ids nor all"),
        pytest.param("dlq drop 3 --all", id="both ids and all"),
        pytest.param("up --smtp 70000", id="no port"),
        pytest.param("up --workers 0", id="no workers"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(run: Run, words: str) -> None:
    ended = run(*words.split())
    assert ended.code == 2
    assert ended.err


@pytest.mark.parametrize("words", ["", "user", "domain", "alias", "forward", "masked", "dlq"])
def test_help_names_the_commands(run: Run, words: str) -> None:
    ended = run(*words.split(), "--help")
    assert ended.code == 0
    assert "Usage: postroom" in ended.out


def test_a_data_folder_that_is_a_file_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = run("domain", "list", "--data", str(tmp_path / "file"))
    assert ended.code == 1
    assert str(tmp_path / "file") in ended.err


def test_a_store_that_does_not_exist_is_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTROOM_STORE", "paper")
    ended = run("domain", "list")
    assert ended.code == 1
    assert "POSTROOM_STORE is 'paper'" in ended.err


def test_a_journey_is_told(peopled: Run, data: Path) -> None:
    queue_id = new_queue_id(1_700_000_000.5, bytes(9), "<1@elsewhere.test>")
    journey = Journey(
        queue_id,
        "account-1",
        "<1@elsewhere.test>",
        "sender@elsewhere.test",
        ("alice@example.test",),
        (
            Event(1_700_000_000_500, "accepted", "from \033[1m[/mx]"),
            Event(1_700_000_001_000, "delivered", "x"),
        ),
        root=b"\xff" * 10,
    )
    app = build({"POSTROOM_DATA": str(data)})
    app.platform.table.write(app.journeys.marker(journey))
    app.journeys.index([("alice@example.test", queue_id)])
    app.platform.close()
    for name in (queue_id, "<1@elsewhere.test>", "1@elsewhere.test", "Alice@example.test"):
        told = peopled("trace", name)
        assert told.code == 0
        assert queue_id in told.out
        assert "from \ufffd[1m[/mx]" in told.out  # it neither steers the terminal nor is markup
        [found] = peopled("trace", name, "--json").json
        assert found["queue_id"] == queue_id
        assert found["recipients"] == ["alice@example.test"]
        assert [event["step"] for event in found["events"]] == ["accepted", "delivered"]


def test_dead_letters_are_listed_replayed_and_dropped(run: Run, data: Path) -> None:
    assert run("dlq", "list", "--json").json == []
    app = build({"POSTROOM_DATA": str(data)})
    for number in range(3):
        app.platform.queue("inbound-dead").send(f"[red]letter {number}[/]")
    app.platform.close()
    for _ in range(12):  # looking is free: however often, they stay
        listed = run("dlq", "list", "--json").json
    assert {letter["body"] for letter in listed} == {f"[red]letter {n}[/]" for n in range(3)}
    assert all(letter["reason"].startswith("not recorded") for letter in listed)
    assert "[red]letter 1[/]" in run("dlq", "list").out
    first, second, third = (letter["id"] for letter in listed)
    assert "1 letter back in inbound" in run("dlq", "replay", first).out
    assert run("dlq", "drop", second).code == 0
    absent = run("dlq", "drop", second)
    assert (absent.code, absent.out) == (1, "")
    assert "1 of the letters were not there" in absent.err
    assert [letter["id"] for letter in run("dlq", "list", "--json").json] == [third]
    assert "1 letter dropped" in run("dlq", "drop", "--all").out
    assert run("dlq", "list", "--json").json == []
    app = build({"POSTROOM_DATA": str(data)})
    assert len(app.platform.queue("inbound").receive()) == 1
    assert DeadLetters(app.platform, "inbound", app.clock).all() == []
    app.platform.close()
