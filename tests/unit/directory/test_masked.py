"""Masked addresses: made, closed and taken back by their owner alone."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.directory import masked as module
from postroom.directory.errors import AlreadyThere, InUse, NotThere
from postroom.directory.masked import masked_local_part
from postroom.directory.records import Account, Alias, Masked
from postroom.directory.store import Directory
from tests.unit.directory.conftest import MovableClock
from tests.unit.directory.test_directory import count_reads, reached


@pytest.fixture
def alice(directory: Directory) -> Account:
    return directory.add_account("alice@example.test", "secret")


@pytest.fixture
def bob(directory: Directory) -> Account:
    return directory.add_account("bob@example.test", "secret")


def test_a_masked_address_leads_to_its_owner(
    directory: Directory, alice: Account, bob: Account, clock: MovableClock
) -> None:
    made = directory.add_masked(alice.id, "shop.test", "the one with the\nshoes")
    assert re.fullmatch(r"[a-z]{5}\.[a-z]{5}\.[0-9]{4}@example\.test", made.address)
    assert made == Masked(
        made.address, alice.id, "shop.test", "the one with the shoes", int(clock.time)
    )
    assert directory.verdict(made.address).kind == "local"
    assert reached(directory, made.address) == [alice.address]
    assert directory.may_send_as(alice.id, made.address)
    assert not directory.may_send_as(bob.id, made.address)
    assert directory.masked(alice.id) == [made]
    assert directory.masked(bob.id) == []


def test_it_is_closed_and_opened(directory: Directory, alice: Account, clock: MovableClock) -> None:
    directory.change_domain("example.test", lambda found: replace(found, catch_all=alice.address))
    made = directory.add_masked(alice.id, "shop.test")
    off = directory.change_masked(alice.id, made.address, lambda one: replace(one, enabled=False))
    assert directory.masked(alice.id) == [off] == [replace(made, enabled=False)]
    assert directory.verdict(made.address).kind == "unknown"
    assert not directory.may_send_as(alice.id, made.address)
    until = int(clock.time) + 60
    directory.change_masked(
        alice.id, made.address, lambda one: replace(one, enabled=True, expires=until, note="n")
    )
    assert reached(directory, made.address) == [alice.address]
    clock.time = until
    assert reached(directory, made.address) == []
    assert directory.verdict(made.address).kind == "unknown"
    [found] = directory.masked(alice.id)
    assert (found.expires, found.note, found.is_open(clock.time)) == (until, "n", False)


def test_it_goes_for_good(directory: Directory, alice: Account) -> None:
    made = directory.add_masked(alice.id)
    with pytest.raises(InUse):
        directory.remove_domain("example.test")
    directory.remove_masked(alice.id, made.address)
    assert directory.masked(alice.id) == []
    assert directory.verdict(made.address).kind == "unknown"
    with pytest.raises(NotThere):
        directory.remove_masked(alice.id, made.address)


def test_nobody_touches_anothers(directory: Directory, alice: Account, bob: Account) -> None:
    made = directory.add_masked(alice.id)
    directory.add_alias(Alias("al@example.test", (bob.address,)))
    for address in (made.address, "al@example.test", bob.address, "no address", "a@nowhere.test"):
        with pytest.raises(NotThere):
            directory.remove_masked(bob.id, address)
        with pytest.raises(NotThere):
            directory.change_masked(bob.id, address, lambda one: replace(one, enabled=False))
    assert directory.masked(alice.id) == [made]
    with pytest.raises(NotThere):
        directory.add_masked("nobody")


def test_it_goes_with_its_owner(directory: Directory, alice: Account, bob: Account) -> None:
    made = [directory.add_masked(alice.id) for _ in range(3)]
    kept = directory.add_masked(bob.id)
    directory.remove_account(alice.address)
    assert {directory.verdict(one.address).kind for one in made} == {"unknown"}
    assert directory.masked(alice.id) == []
    assert list(directory.names("example.test", "masked")) == [kept.address]


def test_it_forwards_when_its_owner_does(directory: Directory, alice: Account) -> None:
    made = directory.add_masked(alice.id)
    directory.set_forward(alice.address, ["x@elsewhere.test"], keep=False)
    assert directory.routes([made.address])[0].elsewhere == ("x@elsewhere.test",)


def test_an_account_has_a_bounded_number(
    directory: Directory, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_MASKED", 2)
    first = directory.add_masked(alice.id)
    directory.add_masked(alice.id)
    with pytest.raises(InUse, match="2 masked"):
        directory.add_masked(alice.id)
    directory.remove_masked(alice.id, first.address)
    directory.add_masked(alice.id)


def test_the_list_is_one_read(directory: Directory, alice: Account) -> None:
    for _ in range(5):
        directory.add_masked(alice.id)
    counted = count_reads(directory)
    assert len(directory.masked(alice.id)) == 5
    assert counted.reads == 1


class Repeating:
    """Randomness that has little of it."""

    def __init__(self, *words: bytes) -> None:
        self._words = list(words)

    def octets(self, count: int) -> bytes:
        # Only local parts are of eight octets.
        return self._words.pop(0) if count == 8 else bytes(count)


def test_one_that_is_taken_is_not_given_again(directory: Directory, alice: Account) -> None:
    directory._randomness = Repeating(bytes(8), bytes(8), b"\xff" * 8)
    first, second = (directory.add_masked(alice.id).address for _ in range(2))
    assert (first, second) == ("babab.babab.0000@example.test", "zuzuz.zuzuz.7295@example.test")
    with pytest.raises(AlreadyThere):
        directory.add_account(first, "secret")


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8))
def test_other_bits_are_another_address(one: bytes, other: bytes) -> None:
    """The words hold all of their 32 bits."""
    first, second = masked_local_part(one), masked_local_part(other)
    assert (first[:11] == second[:11]) is (one[:4] == other[:4])
