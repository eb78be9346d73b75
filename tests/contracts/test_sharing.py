"""Who has which rights is the same over every table: what is written, found and forgotten."""

import pytest

from postroom.directory.errors import AlreadyThere, InUse, NotThere
from postroom.directory.identifiers import (
    UnknownIdentifier,
    applying_among,
    applying_to,
    identifier_of,
    spelled,
)
from postroom.directory.records import Account, Domain
from postroom.directory.store import Directory
from postroom.mailboxes.errors import MailboxMissing, NotPermitted, TooManyIdentifiers
from postroom.mailboxes.rights import NONE, combined, parse_rights
from postroom.mailboxes.sharing import MOST_ENTRIES
from postroom.mailboxes.store import Mailboxes, MailboxExists
from postroom.platform.system import SystemRandomness
from tests.contracts.conftest import World

READ = parse_rights("lr")


@pytest.fixture
def directory(world: World) -> Directory:
    directory = Directory(world.platform.table, world.clock, SystemRandomness())
    directory.add_domain(Domain("example.test"))
    directory.add_domain(Domain("example.org"))
    return directory


@pytest.fixture
def mailboxes(world: World) -> Mailboxes:
    platform = world.platform
    return Mailboxes(
        platform.table, platform.blobs, platform.topic, world.clock, SystemRandomness()
    )


@pytest.fixture
def people(directory: Directory, mailboxes: Mailboxes) -> tuple[Account, Account, Account]:
    """Alice and Bob, and Eve of another domain."""
    names = ("alice@example.test", "bob@example.test", "eve@example.org")
    made = [directory.add_account(name, "secret") for name in names]
    for account in made:
        mailboxes.create_account(account.id)
    alice, bob, eve = made
    return alice, bob, eve


People = tuple[Account, Account, Account]


def test_groups_have_members_while_both_are_there(directory: Directory, people: People) -> None:
    alice, bob, _ = people
    team = directory.add_group("Team@example.test")
    with pytest.raises(AlreadyThere):
        directory.add_group("$team@example.test")
    with pytest.raises(NotThere):
        directory.add_group("team@elsewhere.test")
    directory.join("team@example.test", alice.address)
    directory.join("team@example.test", bob.address)
    directory.join("team@example.test", bob.address)
    assert directory.members(team.id) == [alice, bob]
    assert directory.groups_of(bob.id) == [team.id]
    assert directory.groups_among(bob.id, [team.id, "x"]) == {team.id}
    directory.remove_account(alice.address)
    assert directory.members(team.id) == [bob]
    with pytest.raises(NotThere):
        directory.leave("team@example.test", alice.address)
    again = directory.add_account(alice.address, "secret")
    assert directory.groups_of(again.id) == []
    directory.remove_group("$team@example.test")
    assert directory.groups_of(bob.id) == []
    assert list(directory.groups("example.test")) == []
    assert directory.add_group("team@example.test").id != team.id
    directory.remove_account(again.address)
    directory.remove_account(bob.address)
    with pytest.raises(InUse, match="groups"):
        directory.remove_domain("example.test")


def test_identifiers_stand_for_ids_that_are_never_reused(
    directory: Directory, people: People
) -> None:
    alice, bob, eve = people
    team = directory.add_group("team@example.org")
    directory.join("team@example.org", bob.address)
    for text in ("bob", "BOB@example.test", "bob+x@example.test"):
        assert identifier_of(directory, text, alice) == f"user/{bob.id}"
    assert identifier_of(directory, "anyone", alice) == "anyone/example.test"
    assert identifier_of(directory, "$team@example.org", alice) == f"group/{team.id}"
    for text in ("eve", "$team", "$x@example.org", "anonymous", "a b", "x@elsewhere.test"):
        with pytest.raises(UnknownIdentifier):
            identifier_of(directory, text, alice)
    all_of_bob = {f"user/{bob.id}", "anyone/example.test", f"group/{team.id}"}
    assert applying_to(directory, bob) == all_of_bob
    assert applying_to(directory, eve) == {f"user/{eve.id}", "anyone/example.org"}
    named = {*all_of_bob, f"user/{alice.id}", "group/x"}
    assert applying_among(directory, bob, named) == all_of_bob
    assert [spelled(directory, each) for each in (f"group/{team.id}", f"user/{bob.id}")] == [
        "$team@example.org",
        bob.address,
    ]
    directory.remove_account(bob.address)
    assert spelled(directory, f"user/{bob.id}") is None
    assert spelled(directory, "group/x") is None


def test_who_is_named_finds_the_owner_until_no_longer(mailboxes: Mailboxes, people: People) -> None:
    alice = people[0]
    sharing, inbox = mailboxes.sharing, mailboxes.inbox(alice.id)
    sent = mailboxes.find(alice.id, "Sent").id
    sharing.change(alice.id, inbox, "user/bob", lambda _: READ)
    sharing.change(alice.id, sent, "user/bob", lambda before: before | {"l"})
    sharing.change(alice.id, sent, "-user/eve", lambda _: READ)
    assert sharing.entries(alice.id, inbox) == {"user/bob": READ}
    assert sharing.all_of(alice.id) == {
        inbox: {"user/bob": READ},
        sent: {"user/bob": {"l"}, "-user/eve": READ},
    }
    assert sharing.owners(["user/bob", "user/eve", "anyone/x"]) == [alice.id]
    sharing.change(alice.id, inbox, "user/bob", lambda _: NONE)
    assert sharing.entries(alice.id, inbox) == {}
    assert sharing.owners(["user/bob"]) == [alice.id]
    sharing.forget("user/bob")
    sharing.forget("user/eve")
    assert sharing.owners(["user/bob", "user/eve"]) == []
    assert sharing.all_of(alice.id) == {}
    with pytest.raises(MailboxMissing):
        sharing.change(alice.id, "none", "user/bob", lambda _: READ)


def test_rights_live_as_long_as_the_mailbox(mailboxes: Mailboxes, people: People) -> None:
    account = people[0].id
    sharing = mailboxes.sharing
    work = mailboxes.create(account, "work").id
    sharing.change(account, work, "user/bob", lambda _: READ)
    below = mailboxes.create(account, "work/new/plans").id
    assert sharing.all_of(account).keys() == {work, mailboxes.find(account, "work/new").id, below}
    mailboxes.rename(account, "work", "done")
    assert sharing.entries(account, below) == {"user/bob": READ}
    mailboxes.delete(account, "done")
    mailboxes.undelete(account, work, "back")
    assert sharing.entries(account, work) == {}
    assert sharing.owners(["user/bob"]) == [account]
    mailboxes.remove_account(account)
    assert sharing.owners(["user/bob"]) == []
    assert sharing.all_of(account) == {}


def test_others_need_the_right_at_the_moment_of_the_change(
    mailboxes: Mailboxes, people: People
) -> None:
    account, sharing = people[0].id, mailboxes.sharing
    work = mailboxes.create(account, "work").id
    hidden = mailboxes.create(account, "hidden").id
    by = frozenset({"user/bob"})
    for name in ("work/x", "hidden/x", "top"):
        with pytest.raises(NotPermitted):
            mailboxes.create(account, name, by=by)
    with pytest.raises(MailboxMissing):
        mailboxes.delete(account, "hidden", by=by)
    with pytest.raises(MailboxMissing):
        sharing.change(account, hidden, "user/bob", lambda _: READ, by)
    sharing.change(account, work, "user/bob", lambda _: parse_rights("lk"))
    mailboxes.create(account, "work/x", by=by)
    with pytest.raises(NotPermitted):
        mailboxes.delete(account, "work/x", by=by)
    with pytest.raises(NotPermitted):
        mailboxes.rename(account, "work/x", "work/y", by=by)
    with pytest.raises(NotPermitted):
        sharing.change(account, work, "user/bob", lambda _: parse_rights("a"), by)
    sharing.change(account, work, "user/bob", lambda _: parse_rights("lkxa"))
    with pytest.raises(NotPermitted):
        mailboxes.rename(account, "work", "top", by=by)
    with pytest.raises(MailboxExists):
        mailboxes.rename(account, "work", "Sent", by=None)
    sharing.change(account, work, "user/eve", lambda _: READ, by)
    assert combined(sharing.entries(account, work), ["user/eve"]) == READ


def test_an_acl_names_a_bounded_number(mailboxes: Mailboxes, people: People) -> None:
    account, sharing = people[0].id, mailboxes.sharing
    work = mailboxes.create(account, "work").id
    for number in range(MOST_ENTRIES):
        sharing.change(account, work, f"user/{number}", lambda _: READ)
    with pytest.raises(TooManyIdentifiers):
        sharing.change(account, work, "user/more", lambda _: READ)
    mailboxes.create(account, "/".join(["work", *"abcdefghijklmnopqrstuvwxyz"]))
    mailboxes.delete(account, "work")
    mailboxes.remove_account(account)
    assert sharing.owners([f"user/{number}" for number in range(MOST_ENTRIES)]) == []
