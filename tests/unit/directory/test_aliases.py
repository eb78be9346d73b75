"""Aliases that are disabled or temporary, forwards, and many aliases at once."""

from dataclasses import replace

import pytest

from postroom.directory.aliases import LONGEST_NOTE, MOST_ALIAS_TARGETS
from postroom.directory.errors import AlreadyThere, InUse, NotThere
from postroom.directory.records import Account, Alias, Forward
from postroom.directory.store import Directory
from tests.unit.directory.conftest import MovableClock
from tests.unit.directory.test_directory import count_reads, reached

OUTSIDE = ("x@elsewhere.test",)


@pytest.fixture
def alice(directory: Directory) -> Account:
    return directory.add_account("alice@example.test", "secret")


@pytest.mark.parametrize("name", ["sales", "sales-*"])
def test_a_disabled_alias_refuses_and_stays_on_the_list(
    directory: Directory, alice: Account, name: str
) -> None:
    directory.change_domain("example.test", lambda found: replace(found, catch_all=alice.address))
    made = directory.add_alias(Alias(f"{name}@example.test", (alice.address,), note="for \n shops"))
    asked = "sales-x@example.test" if "*" in name else "sales+x@example.test"
    assert directory.verdict(asked).kind == "local"
    off = directory.change_alias(made.address, lambda found: replace(found, enabled=False))
    assert off == Alias(made.address, (alice.address,), enabled=False, note="for shops")
    assert directory.verdict(asked).kind == "unknown"
    [route] = directory.routes([asked])
    assert (route.targets, route.reasons) == ((), (f"{asked}: it is disabled or expired",))
    assert not directory.may_send_as(alice.id, asked)
    assert directory.account(asked) is None
    assert list(directory.aliases("example.test")) == [off]
    directory.change_alias(made.address, lambda found: replace(found, enabled=True))
    assert directory.may_send_as(alice.id, asked)
    assert reached(directory, asked) == [alice.address]


def test_a_temporary_alias_ends_at_its_time(
    directory: Directory, alice: Account, clock: MovableClock
) -> None:
    until = int(clock.time) + 60
    directory.add_alias(Alias("fair@example.test", (alice.address,), expires=until))
    clock.time = until - 0.5
    assert directory.verdict("fair@example.test").kind == "local"
    clock.time = until
    assert directory.verdict("fair@example.test").kind == "unknown"
    assert reached(directory, "fair@example.test") == []
    [listed] = directory.aliases("example.test")
    assert not listed.is_open(clock.time)
    assert directory.alias("fair@example.test") == listed
    directory.set_alias(replace(listed, expires=0))
    assert reached(directory, "fair@example.test") == [alice.address]


def test_a_closed_alias_on_an_account_leaves_the_mail_to_it(
    directory: Directory, alice: Account, clock: MovableClock
) -> None:
    until = int(clock.time) + 60
    directory.add_alias(Alias(alice.address, OUTSIDE, expires=until))
    assert directory.routes([alice.address])[0].elsewhere == OUTSIDE
    clock.time = until
    assert reached(directory, alice.address) == [alice.address]
    assert directory.verdict(alice.address).account == alice.id
    directory.set_account(replace(alice, quota=5))
    assert directory.alias(alice.address) == Alias(alice.address, OUTSIDE, expires=until)


def test_an_alias_of_a_closed_alias_leads_to_the_rest(directory: Directory, alice: Account) -> None:
    directory.add_alias(Alias("old@example.test", OUTSIDE, enabled=False))
    directory.add_alias(Alias("all@example.test", ("old@example.test", alice.address)))
    [route] = directory.routes(["all@example.test"])
    assert [target.address for target in route.targets] == [alice.address]
    assert route.reasons == ("old@example.test: it is disabled or expired",)


def test_an_alias_is_bounded(directory: Directory) -> None:
    many = tuple(f"u{number}@elsewhere.test" for number in range(MOST_ALIAS_TARGETS))
    directory.add_alias(Alias("all@example.test", (*many, many[0])))
    with pytest.raises(InUse, match="mailing list"):
        directory.set_alias(Alias("all@example.test", (*many, "one@more.test")))
    with pytest.raises(InUse):
        directory.change_alias("all@example.test", lambda found: replace(found, targets=()))
    directory.change_alias("all@example.test", lambda found: replace(found, note="x" * 9999))
    found = directory.alias("all@example.test")
    assert found is not None
    assert (len(found.targets), len(found.note)) == (MOST_ALIAS_TARGETS, LONGEST_NOTE)


def test_what_is_no_alias_cannot_be_changed(directory: Directory, alice: Account) -> None:
    for address in (alice.address, "nobody@example.test"):
        with pytest.raises(NotThere):
            directory.change_alias(address, lambda found: found)
        with pytest.raises(NotThere):
            directory.remove_alias(address)
        assert directory.alias(address) is None


@pytest.mark.parametrize("keep", [True, False])
def test_an_account_forwards(directory: Directory, alice: Account, keep: bool) -> None:
    assert directory.forward(alice.address) is None
    made = directory.set_forward("Alice@example.test", ["Bob@Elsewhere.test"], keep=keep)
    assert made == Forward(alice.address, ("Bob@elsewhere.test",), keep)
    assert directory.forward(alice.address) == made
    [route] = directory.routes([alice.address])
    assert route.elsewhere == ("Bob@elsewhere.test",)
    assert [target.account for target in route.targets] == ([alice.id] if keep else [])
    # Another one takes its place; a target that is the address itself is what keep says.
    other = directory.set_forward(alice.address, [alice.address, *OUTSIDE], keep=keep)
    assert directory.forward(alice.address) == other == Forward(alice.address, OUTSIDE, keep)
    directory.clear_forward(alice.address)
    assert directory.forward(alice.address) is None
    assert reached(directory, alice.address) == [alice.address]
    with pytest.raises(NotThere, match="forwarding"):
        directory.clear_forward(alice.address)


def test_only_accounts_forward(directory: Directory, alice: Account) -> None:
    directory.add_alias(Alias("al@example.test", (alice.address,)))
    for address in ("al@example.test", "nobody@example.test"):
        with pytest.raises(NotThere, match="account"):
            directory.set_forward(address, OUTSIDE, keep=False)
        with pytest.raises(NotThere, match="account"):
            directory.forward(address)
    with pytest.raises(InUse, match="nobody else"):
        directory.set_forward(alice.address, [alice.address], keep=True)


def test_a_batch_says_what_became_of_each(directory: Directory, alice: Account) -> None:
    masked = directory.add_masked(alice.id)
    directory.add_alias(Alias("old@example.test", (alice.address,)))
    directory.add_alias(Alias("same@example.test", OUTSIDE))
    batch = [
        Alias("new@example.test", ("Alice@Example.test", alice.address)),
        Alias("Old@example.test", (alice.address,), note="changed"),
        Alias("same@example.test", OUTSIDE),
        Alias("p-*@example.test", OUTSIDE),
        Alias(alice.address, OUTSIDE),
        Alias("x@nowhere.test", OUTSIDE),
        Alias("no address", OUTSIDE),
        Alias("bad@example.test", ("no address",)),
        Alias("none@example.test", ()),
        Alias("a*b*@example.test", OUTSIDE),
        Alias(masked.address, OUTSIDE),
    ]
    changes = ["added", "changed", "same", "added", "added", *["refused"] * 6]
    before = list(directory.aliases("example.test"))
    dry = directory.put_aliases(batch, dry=True)
    assert [outcome.change for outcome in dry] == changes
    assert list(directory.aliases("example.test")) == before
    assert directory.put_aliases(batch) == dry
    assert [outcome.filed for outcome in dry[:3]] == [
        "new@example.test",
        "old@example.test",
        "same@example.test",
    ]
    assert [bool(outcome.reason) for outcome in dry] == [change == "refused" for change in changes]
    again = directory.put_aliases(batch)
    assert [outcome.change for outcome in again] == [*["same"] * 5, *["refused"] * 6]
    assert directory.alias("new@example.test") == Alias("new@example.test", (alice.address,))
    assert directory.verdict("p-x@example.test").kind == "local"
    assert directory.account(alice.address) == alice


def test_a_batch_may_name_an_address_twice(directory: Directory) -> None:
    first, second = Alias("a@example.test", OUTSIDE), Alias("A@example.test", ("y@elsewhere.test",))
    directory.put_aliases([first, second])
    found = directory.alias("a@example.test")
    assert found is not None
    assert found.targets == ("y@elsewhere.test",)


def test_a_large_batch_costs_a_request_for_many(directory: Directory) -> None:
    counted = count_reads(directory)
    directory.put_aliases([Alias(f"a{n}@example.test", OUTSIDE) for n in range(330)])
    assert counted.reads <= 3 + 10  # reads, and transactions
    assert len(list(directory.aliases("example.test"))) == 330


def test_records_that_are_too_large_together_go_one_by_one(directory: Directory) -> None:
    many = tuple(f"{'u' * 150}{number}@{'e' * 60}.test" for number in range(MOST_ALIAS_TARGETS))
    batch = [Alias(f"a{number}@example.test", many) for number in range(20)]
    assert {outcome.change for outcome in directory.put_aliases(batch)} == {"added"}
    larger = tuple(
        f"{'u' * 250}{number}@{'e' * 60}.{'f' * 60}.{'g' * 60}.test" for number in range(1000)
    )
    [outcome] = directory.put_aliases([Alias("b@example.test", larger)])
    assert outcome.change == "refused"
    assert "limit" in outcome.reason


def test_a_masked_address_is_no_alias(directory: Directory, alice: Account) -> None:
    masked = directory.add_masked(alice.id)
    assert directory.alias(masked.address) is None
    assert list(directory.aliases("example.test")) == []
    with pytest.raises(AlreadyThere, match="masked"):
        directory.set_alias(Alias(masked.address, OUTSIDE))
    with pytest.raises(NotThere):
        directory.remove_alias(masked.address)
