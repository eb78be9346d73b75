"""What deliveries run: in order, read once for each version, and what a broken script says."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from postroom.directory.records import Account, Domain
from postroom.directory.store import Directory
from postroom.errors import StoreUnavailable
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemClock, SystemRandomness
from postroom.platform.table import Table, Write
from postroom.scripts import running
from postroom.scripts.errors import NoSuchScript
from postroom.scripts.store import Listed, Scripts
from postroom.sieve.engine import Program, compile_script
from postroom.sieve.errors import Position, Problem, ScriptError
from tests.unit.mailboxes.tables import FailingTable

DOMAIN = "example.test"


class MeddlingTable(FailingTable):
    """Lets somebody else change something just before the next write."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.meddle: Callable[[], object] | None = None

    def write(self, *writes: Write) -> None:
        meddle, self.meddle = self.meddle, None
        if meddle is not None:
            meddle()
        super().write(*writes)


@dataclass
class Shop:
    table: MeddlingTable
    directory: Directory
    scripts: Scripts
    alice: Account

    def versions(self) -> tuple[str, str]:
        [route] = self.directory.routes([self.alice.address])
        return route.targets[0].scripts, route.targets[0].domain_scripts

    def chain(self) -> list[Program]:
        own, common = self.versions()
        return self.scripts.chain(self.alice.id, own, DOMAIN, common)

    def included(self, location: Literal["personal", "global"], name: str) -> Program | None:
        own, common = self.versions()
        return self.scripts.included(self.alice.id, own, DOMAIN, common, location, name)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    store = EmbeddedStore(tmp_path, SystemClock())
    table = MeddlingTable(store.table)
    directory = Directory(table, SystemClock(), SystemRandomness())
    directory.add_domain(Domain(DOMAIN))
    alice = directory.add_account(f"alice@{DOMAIN}", "secret")
    yield Shop(table, directory, Scripts(table, directory, SystemRandomness()), alice)
    store.close()


def same(programs: Sequence[Program | None], *texts: bytes) -> bool:
    digests = [one and one.digest for one in programs]
    return digests == [compile_script(text).digest for text in texts]


def test_the_order_of_a_delivery(shop: Shop) -> None:
    texts = {name: f"# {name}\nkeep;".encode() for name in ("before", "form", "mine", "after")}
    shop.scripts.put_domain(DOMAIN, "after", texts["after"])
    shop.scripts.put(shop.alice.id, "mine", texts["mine"])
    shop.scripts.set_active(shop.alice.id, "mine")
    shop.scripts.put_domain(DOMAIN, "before", texts["before"])
    shop.scripts.put_form(shop.alice.id, texts["form"])
    assert same(shop.chain(), *texts.values())


def test_a_version_is_read_once_and_a_change_at_once(shop: Shop) -> None:
    shop.scripts.put(shop.alice.id, "mine", b"keep;")
    shop.scripts.set_active(shop.alice.id, "mine")
    shop.scripts.put_domain(DOMAIN, "before", b"stop;")
    versions = shop.versions()
    shop.table.start()
    for _ in range(3):
        assert same(
            shop.scripts.chain(shop.alice.id, versions[0], DOMAIN, versions[1]), b"stop;", b"keep;"
        )
    assert shop.table.reads == 2  # one for the account, one for the domain
    shop.scripts.put(shop.alice.id, "mine", b"discard;")
    assert same(shop.chain(), b"stop;", b"discard;")


def test_without_versions_nothing_is_read(shop: Shop) -> None:
    shop.table.start()
    assert shop.scripts.chain(shop.alice.id, "", DOMAIN, "") == []
    assert shop.table.reads == 0


def test_a_text_is_compiled_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = shop.directory.add_account(f"bob@{DOMAIN}", "secret")
    for account in (shop.alice, bob):
        shop.scripts.put(account.id, "mine", b"keep;")
        shop.scripts.set_active(account.id, "mine")
    compiled = []

    def compile_once(text: bytes) -> Program:
        compiled.append(text)
        return compile_script(text)

    monkeypatch.setattr(running, "compile_script", compile_once)
    for account in (shop.alice, bob):
        [route] = shop.directory.routes([account.address])
        shop.scripts.chain(account.id, route.targets[0].scripts, DOMAIN, "")
    assert compiled == [b"keep;"]


def test_includes(shop: Shop) -> None:
    shop.scripts.put(shop.alice.id, "mine", b"keep;")
    assert same([shop.included("personal", "mine")], b"keep;")
    shop.scripts.set_active(shop.alice.id, "mine")
    shop.scripts.put(shop.alice.id, "sp\u00e9cial", b"stop;")
    shop.scripts.put_domain(DOMAIN, "common", b"discard;")
    for _ in range(2):
        assert same([shop.included("personal", "spe\u0301cial")], b"stop;")
        assert same([shop.included("global", "common")], b"discard;")
        assert shop.included("global", "mine") is None
        assert shop.included("personal", "common") is None
        assert shop.included("personal", "no\nname") is None
    own, common = shop.versions()
    shop.table.start()
    for name in ("sp\u00e9cial", "common"):
        shop.scripts.included(shop.alice.id, own, DOMAIN, common, "personal", name)
        shop.scripts.included(shop.alice.id, own, DOMAIN, common, "global", name)
    assert shop.table.reads == 1  # of the one that nobody has asked for yet
    shop.scripts.put(shop.alice.id, "sp\u00e9cial", b"keep;")
    assert same([shop.included("personal", "sp\u00e9cial")], b"keep;")


def test_a_script_that_no_longer_compiles_is_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.scripts.put(shop.alice.id, "mine", b"keep;")
    shop.scripts.put(shop.alice.id, "other", b"stop;")
    shop.scripts.set_active(shop.alice.id, "mine")

    def changed(text: bytes) -> Program:
        raise ScriptError([Problem(Position(1, 1), "no such thing any more")])

    monkeypatch.setattr(running, "compile_script", changed)
    fresh = Scripts(shop.table, shop.directory, SystemRandomness())
    own, common = shop.versions()
    for _ in range(2):
        with pytest.raises(ScriptError, match=r"any more \(in the active script\)") as raised:
            fresh.chain(shop.alice.id, own, DOMAIN, common)
        assert raised.value.problems[0].position == Position(1, 1)
        with pytest.raises(ScriptError, match=r'\(in the script "other"\)'):
            fresh.included(shop.alice.id, own, DOMAIN, common, "personal", "other")


def test_two_changes_at_once_are_both_done(shop: Shop) -> None:
    alice = shop.alice.id
    shop.scripts.put(alice, "a", b"keep;")
    shop.scripts.put(alice, "b", b"stop;")
    shop.table.meddle = lambda: shop.scripts.set_active(alice, "a")
    shop.scripts.set_active(alice, "b")
    assert [one.name for one in shop.scripts.names(alice) if one.active] == ["b"]
    shop.table.meddle = lambda: shop.scripts.put(alice, "b", b"discard;")
    shop.scripts.rename(alice, "b", "c")
    assert shop.scripts.get(alice, "c") == b"discard;"
    assert same(shop.chain(), b"discard;")
    shop.table.meddle = lambda: shop.directory.change_account(shop.alice.address, lambda one: one)
    shop.scripts.put(alice, "c", b"keep;")
    assert same(shop.chain(), b"keep;")


def test_who_activates_what_another_deletes_meanwhile_is_told(shop: Shop) -> None:
    shop.scripts.put(shop.alice.id, "a", b"keep;")
    shop.table.meddle = lambda: shop.scripts.delete(shop.alice.id, "a")
    with pytest.raises(NoSuchScript):
        shop.scripts.set_active(shop.alice.id, "a")
    assert shop.versions()[0] == ""


def test_who_is_always_too_late_is_told_to_try_again(shop: Shop) -> None:
    elsewhere = Scripts(shop.table._table, shop.directory, SystemRandomness())

    def meddle() -> None:
        elsewhere.put(shop.alice.id, "other", b"keep;")
        shop.table.meddle = meddle

    shop.table.meddle = meddle
    with pytest.raises(StoreUnavailable):
        shop.scripts.put(shop.alice.id, "mine", b"keep;")
    assert [one.name for one in shop.scripts.names(shop.alice.id)] == ["other"]


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "its answer lost"])
def test_a_store_that_fails_leaves_all_or_nothing(shop: Shop, after: bool) -> None:
    alice = shop.alice.id
    shop.scripts.put(alice, "a", b"keep;")
    shop.scripts.set_active(alice, "a")
    shop.table.start()
    shop.table.fail_at, shop.table.after = 1, after
    with pytest.raises(StoreUnavailable):
        shop.scripts.rename(alice, "a", "b")
    name = "b" if after else "a"
    assert shop.scripts.names(alice) == [Listed(name, 5, True)]
    assert shop.scripts.get(alice, name) == b"keep;"
    assert same(shop.chain(), b"keep;")
