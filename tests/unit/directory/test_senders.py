"""Who may send as whom."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from postroom.directory.records import Account, Alias, Domain
from postroom.directory.store import Directory, NotThere
from tests.unit.directory.test_directory import count_reads


@pytest.fixture
def people(directory: Directory) -> Callable[[str, str], bool]:
    """``people("alice", "sales@example.test")``: may she?"""
    ids = {}
    for name in ("alice", "bob", "carol"):
        ids[name] = directory.add_account(f"{name}@example.test", "secret").id
    directory.add_domain(Domain("example.org", alias_of="example.test"))
    directory.add_domain(Domain("catch.test", catch_all="carol@example.test"))
    directory.add_alias(Alias("sales@example.test", ("alice@example.test", "bob@example.test")))
    directory.add_alias(Alias("shop@example.test", ("sales@example.test", "x@elsewhere.test")))
    directory.add_alias(Alias("desk@example.test", ("carol@example.test",)))
    directory.add_alias(Alias("carol@example.test", ("bob@example.test",)))  # she forwards
    directory.add_alias(Alias("loop@example.test", ("pool@example.test",)))
    directory.add_alias(Alias("pool@example.test", ("loop@example.test", "alice@example.test")))
    directory.grant("boss@elsewhere.test", ids["bob"])
    directory.grant("Carol@example.test", ids["bob"])
    directory.grant("@club.test", ids["alice"])
    return lambda name, address: directory.may_send_as(ids[name], address)


@pytest.mark.parametrize(
    ("name", "address", "may"),
    [
        pytest.param("alice", "Alice@Example.test", True, id="own address"),
        pytest.param("alice", "alice+lists@example.test", True, id="own address with a detail"),
        pytest.param("alice", "alice+x@example.org", True, id="in an alias domain"),
        pytest.param("bob", "alice@example.test", False, id="somebody else's"),
        pytest.param("bob", "nobody@example.test", False, id="nobody's"),
        pytest.param("bob", "bob@elsewhere.test", False, id="in a domain that is not ours"),
        pytest.param("bob", "not an address", False, id="no address"),
        pytest.param("bob", "", False, id="nothing"),
        pytest.param("alice", "sales@example.test", True, id="an alias of several"),
        pytest.param("bob", "sales+eu@example.org", True, id="the other of them, with a detail"),
        pytest.param("carol", "sales@example.test", False, id="an alias of others"),
        pytest.param("alice", "shop@example.test", True, id="an alias of an alias"),
        pytest.param("alice", "loop@example.test", True, id="through a loop"),
        pytest.param("carol", "loop@example.test", False, id="a loop that leads elsewhere"),
        pytest.param("carol", "carol@example.test", True, id="one's own, although it forwards"),
        pytest.param("carol", "desk@example.test", True, id="an alias of one who forwards"),
        pytest.param("bob", "desk@example.test", False, id="who gets forwarded mail is not her"),
        pytest.param("carol", "whoever@catch.test", True, id="a catch-all's"),
        pytest.param("bob", "whoever@catch.test", False, id="somebody else's catch-all"),
        pytest.param("bob", "Boss@elsewhere.test", True, id="granted, in another domain"),
        pytest.param("bob", "boss+x@elsewhere.test", True, id="granted, with a detail"),
        pytest.param("alice", "boss@elsewhere.test", False, id="granted to another"),
        pytest.param("bob", "carol@example.test", True, id="granted, another's own"),
        pytest.param("alice", "any.thing@club.test", True, id="a whole domain is granted"),
        pytest.param("bob", "any.thing@club.test", False, id="a domain granted to another"),
    ],
)
def test_who_may(people: Callable[[str, str], bool], name: str, address: str, may: bool) -> None:
    assert people(name, address) is may


def test_grants_end(directory: Directory) -> None:
    bob = directory.add_account("bob@example.test", "secret")
    directory.grant("Team@example.test", bob.id)
    directory.grant("@club.test", bob.id)
    assert directory.identities(bob.id) == ["@club.test", "team@example.test"]
    directory.revoke("TEAM@example.test", bob.id)
    assert not directory.may_send_as(bob.id, "team@example.test")
    with pytest.raises(NotThere):
        directory.revoke("team@example.test", bob.id)
    directory.remove_account("bob@example.test")
    assert not directory.may_send_as(bob.id, "x@club.test")
    assert directory.identities(bob.id) == []


def test_a_disabled_account_sends_as_nobody(directory: Directory) -> None:
    bob = directory.add_account("bob@example.test", "secret")
    directory.set_account(replace(bob, enabled=False))
    assert not directory.may_send_as(bob.id, "bob@example.test")


def test_what_it_costs(directory: Directory) -> None:
    bob = directory.add_account("bob@example.test", "secret")
    directory.add_alias(Alias("al@example.test", ("bob@example.test",)))
    directory.grant("boss@elsewhere.test", bob.id)
    counted = count_reads(directory)
    for address, reads in (
        ("bob+x@example.test", 1),
        ("boss@elsewhere.test", 1),
        ("nobody@elsewhere.test", 1),
        ("al@example.test", 2),
    ):
        counted.reads = 0
        directory.may_send_as(bob.id, address)
        assert counted.reads == reads, address


def test_an_account_keeps_what_is_set(directory: Directory) -> None:
    bob = directory.add_account("bob@example.test", "secret")
    assert (bob.language, bob.messages_per_hour, bob.recipients_per_day) == ("", 0, 0)
    changed = Account(bob.id, bob.address, 5, True, "pt-BR", 20, 300)
    directory.set_account(changed)
    assert directory.account("bob@example.test") == changed
    assert list(directory.accounts("example.test")) == [changed]
    directory.add_alias(Alias("bob@example.test", ("al@elsewhere.test",)))
    directory.remove_alias("bob@example.test")
    assert list(directory.accounts("example.test")) == [changed]
