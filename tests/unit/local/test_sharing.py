"""`postroom group` and `postroom share`, as a shell sees them."""

from tests.unit.local.conftest import Run

ALICE, BOB, TEAM = "alice@example.test", "bob@example.test", "team@example.test"


def test_groups_come_and_go(peopled: Run) -> None:
    assert "no groups yet" in peopled("group", "list").out
    assert "can be shared with $team@example.test" in peopled("group", "add", TEAM).out
    assert "already a group" in peopled("group", "add", f"${TEAM}").err
    assert "no domain elsewhere.test" in peopled("group", "add", "a@elsewhere.test").err
    assert f"{BOB} is in $team" in peopled("group", "join", TEAM, BOB, ALICE).out
    assert peopled("group", "list", "--json").json == [{"group": TEAM, "members": 2}]
    assert peopled("group", "members", TEAM, "--json").json == [{"user": ALICE}, {"user": BOB}]
    assert f"{BOB} is no longer in" in peopled("group", "leave", TEAM, BOB).out
    assert "no member" in peopled("group", "leave", TEAM, BOB).err
    assert "no account" in peopled("group", "join", TEAM, "nobody@example.test").err
    peopled("user", "remove", ALICE, "--yes")
    assert "nobody yet" in peopled("group", "members", TEAM).out
    assert "is gone" in peopled("group", "remove", TEAM).out
    assert "no group" in peopled("group", "members", TEAM).err


def test_mailboxes_are_shared_and_no_longer(peopled: Run) -> None:
    peopled("group", "add", TEAM)
    assert "nothing is shared" in peopled("share", "list", ALICE).out
    assert "has lrs on INBOX" in peopled("share", "set", ALICE, "INBOX", BOB, "lrs").out
    peopled("share", "set", ALICE, "Sent", "$team", "lr")
    taken = peopled("share", "set", "--", ALICE, "Sent", "-bob", "r").out
    assert "bob never has r on Sent" in taken
    shared = [
        {"mailbox": "INBOX", "with": BOB, "rights": "lrs"},
        {"mailbox": "Sent", "with": f"${TEAM}", "rights": "lr"},
        {"mailbox": "Sent", "with": f"-{BOB}", "rights": "r"},
    ]
    assert peopled("share", "list", ALICE, "--json").json == shared
    assert "the owner has all rights" in peopled("share", "set", ALICE, "INBOX", ALICE, "lr").err
    assert "is no user" in peopled("share", "set", ALICE, "INBOX", "x@example.test", "lr").err
    assert "not a right" in peopled("share", "set", ALICE, "INBOX", BOB, "lq").err
    missing = peopled("share", "set", ALICE, "None", BOB, "lr").err
    assert f"{ALICE} has no mailbox None" in missing
    peopled("share", "remove", ALICE, "INBOX", BOB)
    assert peopled("share", "list", ALICE, "--json").json == shared[1:]
    peopled("group", "remove", TEAM)
    peopled("user", "remove", BOB, "--yes")
    assert "nothing is shared" in peopled("share", "list", ALICE).out
