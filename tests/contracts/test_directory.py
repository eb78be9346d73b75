"""The directory does the same over every table: what it writes, what stops it, what it reads."""

from dataclasses import replace

import pytest

from postroom.directory.errors import AlreadyThere, InUse, NotThere
from postroom.directory.records import Account, Alias, Domain, Forward
from postroom.directory.store import Directory
from postroom.errors import ConditionFailed
from postroom.platform.system import SystemRandomness
from tests.contracts.conftest import World

OUTSIDE = ("x@elsewhere.test",)


@pytest.fixture
def directory(world: World) -> Directory:
    directory = Directory(world.platform.table, world.clock, SystemRandomness())
    directory.add_domain(Domain("example.test"))
    directory.add_domain(Domain("example.org", alias_of="example.test"))
    return directory


@pytest.fixture
def alice(directory: Directory) -> Account:
    return directory.add_account("alice@example.test", "secret")


def reached(directory: Directory, address: str) -> list[str]:
    [route] = directory.routes([address])
    assert (directory.verdict(address).kind == "local") is bool(route.targets or route.elsewhere)
    return [*(target.address for target in route.targets), *route.elsewhere]


def test_aliases_of_all_kinds(directory: Directory, alice: Account, world: World) -> None:
    now = int(world.clock.seconds())
    directory.add_alias(Alias("team@example.test", (alice.address, *OUTSIDE), note="all"))
    directory.add_alias(Alias("sales-*@example.test", ("team@example.test",), expires=now + 600))
    directory.change_domain("example.test", lambda found: replace(found, catch_all=alice.address))
    assert reached(directory, "sales-x@example.org") == [alice.address, *OUTSIDE]
    assert reached(directory, "anything@example.test") == [alice.address]
    directory.change_alias("team@example.test", lambda found: replace(found, enabled=False))
    assert reached(directory, "team@example.test") == []
    world.pass_time(601)
    assert reached(directory, "sales-x@example.test") == []
    assert [alias.address for alias in directory.aliases("example.test")] == [
        "sales-*@example.test",
        "team@example.test",
    ]
    with pytest.raises(AlreadyThere):
        directory.add_alias(Alias("team@example.test", OUTSIDE))
    directory.remove_alias("sales-*@example.test")
    directory.remove_alias("team@example.test")
    with pytest.raises(NotThere):
        directory.remove_alias("team@example.test")
    assert reached(directory, "sales-x@example.test") == [alice.address]


def test_forwards_and_answers_and_scripts(directory: Directory, alice: Account) -> None:
    directory.set_forward(alice.address, OUTSIDE, keep=True)
    directory.set_answering(alice.address, on=True)
    table = directory._table
    table.write(*directory.with_scripts(alice.id, "v1"))
    table.write(*directory.with_domain_scripts("example.test", "d1"))
    [route] = directory.routes(["alice+x@example.org"])
    [target] = route.targets
    assert (target.detail, target.scripts, target.domain_scripts) == ("x", "v1", "d1")
    assert (route.elsewhere, route.answering) == (OUTSIDE, (alice.address,))
    stale = directory.with_scripts(alice.id, "v2")
    directory.clear_forward(alice.address)
    with pytest.raises(ConditionFailed):
        table.write(*stale)
    assert directory.forward(alice.address) is None
    assert directory.account(alice.address) == replace(alice, scripts="v1")


def test_masked_addresses(directory: Directory, alice: Account) -> None:
    made = [directory.add_masked(alice.id, site=f"shop{number}.test") for number in range(3)]
    assert sorted(directory.masked(alice.id), key=lambda one: one.site) == made
    directory.change_masked(alice.id, made[0].address, lambda one: replace(one, enabled=False))
    directory.remove_masked(alice.id, made[1].address)
    assert [bool(reached(directory, one.address)) for one in made] == [False, False, True]
    with pytest.raises(InUse):
        directory.remove_domain("example.test")
    directory.remove_account(alice.address)
    assert reached(directory, made[2].address) == []
    directory.remove_domain("example.org")
    directory.remove_domain("example.test")


def test_dots_that_do_not_count(directory: Directory) -> None:
    account = directory.add_account("j.doe@example.test", "secret")
    directory.add_alias(Alias("a.b-*@example.test", (account.address,)))
    directory.set_forward(account.address, OUTSIDE, keep=True)
    directory.ignore_dots("example.test", ignored=True)
    for address in ("jdoe@example.test", "j.d.oe+x@example.org", "ab-c@example.test"):
        assert reached(directory, address) == [account.address, *OUTSIDE], address
    assert directory.forward("jdoe@example.test") == Forward(account.address, OUTSIDE, keep=True)
    directory.ignore_dots("example.test", ignored=False)
    assert reached(directory, "jdoe@example.test") == []
    assert reached(directory, "j.doe@example.test") == [account.address, *OUTSIDE]


def test_many_aliases_at_once(directory: Directory, alice: Account) -> None:
    batch = [Alias(f"a{n}@example.test", (alice.address,), note=f"n{n}") for n in range(120)]
    batch.append(Alias("p-*@example.test", OUTSIDE))
    batch.append(Alias("x@nowhere.test", OUTSIDE))
    for changes in (["added"] * 121, ["same"] * 121):
        outcomes = directory.put_aliases(batch)
        assert [outcome.change for outcome in outcomes] == [*changes, "refused"]
    assert {alias.note for alias in directory.aliases("example.test")} == {
        "",
        *(f"n{number}" for number in range(120)),
    }
