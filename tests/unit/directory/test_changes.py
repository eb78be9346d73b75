"""Changes made at the same moment: none is lost, and each rule holds afterwards."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations

import pytest

from postroom.directory.errors import AlreadyThere, InUse, NotThere
from postroom.directory.patterns import MOST_PATTERNS
from postroom.directory.records import Account, Alias
from postroom.directory.store import Directory
from postroom.errors import ConditionFailed
from postroom.platform.table import Put, Record, Write


class Meanwhile:
    """A table before whose next writes, which are *times* many, something else happens."""

    def __init__(self, directory: Directory, happens: Callable[[], object], times: int = 1) -> None:
        self._table = directory._table
        self._happens = happens
        self._left = times
        directory._table = self  # type: ignore[assignment]
        self._directory = directory

    def __getattr__(self, name: str) -> object:
        return getattr(self._table, name)

    def write(self, *writes: Write) -> None:
        self._directory._table = self._table
        self._happens()
        self._left -= 1
        if self._left and self._directory._table is self._table:
            self._directory._table = self  # type: ignore[assignment]
        self._table.write(*writes)


@pytest.fixture
def alice(directory: Directory) -> Account:
    return directory.add_account("alice@example.test", "secret")


def record_of(directory: Directory, address: str) -> Record:
    record = directory._stand(address).record
    assert record is not None
    return record


ALICE = "alice@example.test"
CHANGES: Sequence[tuple[str, Callable[[Directory], object]]] = [
    ("an alias is put on it", lambda d: d.add_alias(Alias(ALICE, ("x@elsewhere.test",)))),
    ("its quota", lambda d: d.change_account(ALICE, lambda found: replace(found, quota=9))),
    (
        "its language",
        lambda d: d.change_account(ALICE, lambda found: replace(found, language="de")),
    ),
    ("it answers", lambda d: d.set_answering(ALICE, on=True)),
]


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(first, second, id=f"{CHANGES[first][0]}, {CHANGES[second][0]}")
        for first, second in permutations(range(len(CHANGES)), 2)
    ],
)
def test_two_changes_of_one_address_both_hold(
    directory: Directory, first: int, second: int
) -> None:
    Meanwhile(directory, lambda: CHANGES[second][1](directory))
    CHANGES[first][1](directory)
    body = record_of(directory, ALICE).body
    held = {
        0: body["targets"] == ["x@elsewhere.test"],
        1: body["quota"] == 9,
        2: body.get("language") == "de",
        3: body.get("answers") is True,
    }
    assert held == {number: number in (first, second) for number in range(len(CHANGES))}


def version_set(directory: Directory, version: str) -> bool:
    try:
        directory._table.write(*directory.with_domain_scripts("example.test", version))
    except ConditionFailed:
        return False
    return True


def test_many_writers_of_one_domain_lose_nothing(directory: Directory, alice: Account) -> None:
    def change(number: int) -> None:
        if number % 2:
            directory.add_alias(Alias(f"p{number}-*@example.test", (alice.address,)))
        else:
            # The one who changes both at once, as `postroom.scripts` does.
            while not version_set(directory, f"v{number}"):
                pass

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(change, range(24)))
    domain = directory.domain("example.test")
    assert domain is not None
    assert sorted(domain.patterns) == sorted(f"p{number}-*" for number in range(1, 24, 2))
    assert domain.scripts.startswith("v")


def test_many_writers_of_one_address_lose_nothing(directory: Directory, alice: Account) -> None:
    directory.add_alias(Alias("list@example.test", (alice.address,)))

    def subscribe(number: int) -> None:
        directory.change_alias(
            "list@example.test",
            lambda found: replace(found, targets=(*found.targets, f"u{number}@elsewhere.test")),
        )

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(subscribe, range(24)))
    found = directory.alias("list@example.test")
    assert found is not None
    assert set(found.targets) == {alice.address, *(f"u{n}@elsewhere.test" for n in range(24))}


def test_a_name_is_taken_by_one(directory: Directory, alice: Account) -> None:
    Meanwhile(directory, lambda: directory.add_account("new@example.test", "secret"))
    with pytest.raises(AlreadyThere):
        directory.add_account("new@example.test", "other")
    Meanwhile(directory, lambda: directory.add_alias(Alias("al@example.test", (alice.address,))))
    with pytest.raises(AlreadyThere):
        directory.add_alias(Alias("al@example.test", ("x@elsewhere.test",)))


def test_an_account_that_goes_takes_nothing_of_its_successor(
    directory: Directory, alice: Account
) -> None:
    def replaced() -> None:
        directory.remove_account(ALICE)
        directory.add_account(ALICE, "another person")

    Meanwhile(directory, replaced)
    with pytest.raises(NotThere):
        directory.set_account(replace(alice, quota=9))
    found = directory.account(ALICE)
    assert found is not None
    assert (found.id != alice.id, found.quota) == (True, 0)


def test_a_domain_and_its_last_address_do_not_pass_each_other(directory: Directory) -> None:
    """Either the domain is gone and the address was refused, or both are there."""
    Meanwhile(directory, lambda: directory.remove_domain("example.test"))
    with pytest.raises(NotThere):
        directory.add_alias(Alias("al@example.test", ("x@elsewhere.test",)))
    assert directory.domain("example.test") is None


def test_an_address_added_while_its_domain_is_removed_keeps_it(directory: Directory) -> None:
    added = Alias("al@example.test", ("x@elsewhere.test",))
    Meanwhile(directory, lambda: directory.add_alias(added))
    with pytest.raises(InUse):
        directory.remove_domain("example.test")
    assert directory.verdict("al@example.test").kind == "local"
    assert [domain.name for domain in directory.domains()] == ["example.test"]


def test_a_domain_has_a_bounded_number_of_patterns(directory: Directory) -> None:
    for number in range(MOST_PATTERNS - 1):
        directory.add_alias(Alias(f"p{number}-*@example.test", ("x@elsewhere.test",)))
    last = Alias("last-*@example.test", ("x@elsewhere.test",))
    Meanwhile(directory, lambda: directory.add_alias(last))
    with pytest.raises(InUse, match="100 patterns"):
        directory.add_alias(Alias("one-more-*@example.test", ("x@elsewhere.test",)))
    directory.remove_alias("last-*@example.test")
    directory.add_alias(Alias("one-more-*@example.test", ("x@elsewhere.test",)))


def test_a_record_from_before_there_were_revisions_can_be_changed(
    directory: Directory, alice: Account
) -> None:
    for record in (record_of(directory, ALICE), directory._stand(ALICE).domain_record):
        old = {name: value for name, value in record.body.items() if name != "revision"}
        directory._table.write(Put(record.key, old))
    directory.set_account(replace(alice, quota=3))
    directory.change_domain("example.test", lambda found: replace(found, separator="-"))
    assert directory.verdict("alice-x@example.test").quota == 3
