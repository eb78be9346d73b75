"""What mail learns on its way, without another read: versions of scripts, addresses that answer."""

from dataclasses import replace

import pytest

from postroom.directory.errors import InUse, NotThere
from postroom.directory.records import Account, Alias, Domain, Target
from postroom.directory.store import Directory
from postroom.errors import ConditionFailed
from tests.unit.directory.test_directory import count_reads


@pytest.fixture
def alice(directory: Directory) -> Account:
    return directory.add_account("alice@example.test", "secret")


def target(directory: Directory, address: str) -> Target:
    [route] = directory.routes([address])
    [found] = route.targets
    return found


def test_a_route_names_the_versions_of_scripts(directory: Directory, alice: Account) -> None:
    assert (target(directory, alice.address).scripts, alice.scripts) == ("", "")
    directory._table.write(*directory.with_scripts(alice.id, "v1"))
    directory._table.write(*directory.with_domain_scripts("Example.test", "d1"))
    directory.add_domain(Domain("example.org", alias_of="example.test"))
    directory.add_alias(Alias("al@example.test", ("alice@example.test",)))
    for address in ("alice+x@example.test", "alice@example.org", "al@example.test"):
        found = target(directory, address)
        assert (found.scripts, found.domain_scripts) == ("v1", "d1"), address
    assert directory.account(alice.address) == replace(alice, scripts="v1")
    assert [found.scripts for found in directory.accounts("example.test")] == ["v1"]
    domain = directory.domain("example.test")
    assert domain is not None
    assert domain.scripts == "d1"


def test_scripts_of_the_domain_run_also_for_what_a_catch_all_elsewhere_brings(
    directory: Directory, alice: Account
) -> None:
    directory._table.write(*directory.with_domain_scripts("example.test", "d1"))
    directory.add_domain(Domain("catch.test", catch_all=alice.address))
    assert target(directory, "any@catch.test").domain_scripts == "d1"
    counted = count_reads(directory)  # it has not met the domain yet
    for reads in (3, 1):
        counted.reads = 0
        assert target(directory, "other@catch.test").domain_scripts == "d1"
        assert counted.reads == reads


def test_changes_of_other_things_keep_the_versions(directory: Directory, alice: Account) -> None:
    directory._table.write(*directory.with_scripts(alice.id, "v1"))
    directory._table.write(*directory.with_domain_scripts("example.test", "d1"))
    directory.set_account(replace(alice, quota=7))  # as it was read before there were scripts
    directory.add_alias(Alias(alice.address, (alice.address, "x@elsewhere.test")))
    directory.add_alias(Alias("sales-*@example.test", (alice.address,)))
    directory.change_domain("example.test", lambda domain: replace(domain, separator="-"))
    directory.remove_alias(alice.address)
    found = target(directory, alice.address)
    assert (found.scripts, found.domain_scripts) == ("v1", "d1")
    assert directory.account(alice.address) == replace(alice, quota=7, scripts="v1")
    directory._table.write(*directory.with_scripts(alice.id, ""))
    assert target(directory, alice.address).scripts == ""


def test_a_version_is_not_set_beside_another_change(directory: Directory, alice: Account) -> None:
    writes = directory.with_scripts(alice.id, "v1")
    directory.change_account(alice.address, lambda found: replace(found, language="de"))
    with pytest.raises(ConditionFailed):
        directory._table.write(*writes)
    writes = directory.with_domain_scripts("example.test", "d1")
    directory.change_domain("example.test", lambda found: replace(found, separator=""))
    with pytest.raises(ConditionFailed):
        directory._table.write(*writes)
    assert target(directory, alice.address) == Target(alice.id, alice.address, separator="")


def test_nobody_has_no_scripts(directory: Directory, alice: Account) -> None:
    directory.remove_account(alice.address)
    again = directory.add_account(alice.address, "secret")
    with pytest.raises(NotThere):
        directory.with_scripts(alice.id, "v1")
    with pytest.raises(NotThere):
        directory.with_domain_scripts("nowhere.test", "d1")
    assert target(directory, again.address).scripts == ""


def test_addresses_that_answer_are_named(directory: Directory, alice: Account) -> None:
    directory.add_alias(Alias("support@example.test", ("team@example.test", "x@elsewhere.test")))
    directory.add_alias(Alias("team@example.test", (alice.address,)))
    assert directory.routes(["support@example.test"])[0].answering == ()
    assert directory.set_answering("Support@example.test", on=True) == "support@example.test"
    directory.set_answering(alice.address, on=True)
    [route] = directory.routes(["support+x@example.test"])
    assert route.answering == ("support@example.test", alice.address)
    directory.set_account(replace(alice, quota=1))
    directory.change_alias("support@example.test", lambda found: replace(found, note="changed"))
    assert directory.routes(["support@example.test"])[0].answering == route.answering
    directory.set_answering("support@example.test", on=False)
    assert directory.routes(["support@example.test"])[0].answering == (alice.address,)
    directory.change_alias("support@example.test", lambda found: replace(found, enabled=False))
    assert directory.routes(["support@example.test"])[0].answering == ()


def test_only_addresses_answer(directory: Directory, alice: Account) -> None:
    directory.add_alias(Alias("sales-*@example.test", (alice.address,)))
    with pytest.raises(InUse):
        directory.set_answering("sales-*@example.test", on=True)
    with pytest.raises(NotThere):
        directory.set_answering("nobody@example.test", on=True)
    directory.set_answering(alice.address, on=True)
    directory.remove_account(alice.address)
    directory.add_account(alice.address, "secret")
    assert directory.routes([alice.address])[0].answering == ()
