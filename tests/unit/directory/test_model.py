"""The directory against a model of it that is as simple as can be: lists, and no records."""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.directory.credentials import credentials_key
from postroom.directory.errors import InUse
from postroom.directory.records import Alias, Domain
from postroom.directory.store import Directory
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemRandomness
from postroom.platform.table import Put
from tests.unit.directory.conftest import MovableClock

OUTSIDE = "x@elsewhere.test"


@dataclass
class Place:
    """An address that the model knows, and what is there."""

    local: str
    account: bool = False
    enabled: bool = True
    targets: tuple[str, ...] = ()  # local parts, or OUTSIDE
    open: bool = True


@dataclass
class Model:
    separator: str = "+"
    dots: bool = False
    catch_all: str = ""
    places: list[Place] = field(default_factory=list)

    def same(self, one: str, other: str) -> bool:
        return (one.replace(".", "") == other.replace(".", "")) if self.dots else one == other

    def exact(self, local: str) -> Place | None:
        return next((place for place in self.places if self.same(place.local, local)), None)

    def find(self, local: str) -> Place | None:
        cuts = (
            cut
            for cut in range(len(local) - 1, 0, -1)
            if local[cut] in self.separator and local[cut] not in local[:cut]
        )
        names = [local, *(local[:cut] for cut in cuts)]
        for name in names:
            if (place := self.exact(name)) is not None:
                return place
        fitting = [
            (len(before), len(behind), place)
            for place in self.places
            if "*" in place.local
            for before, behind in [self.bare(place.local).split("*")]
            if any(
                re.fullmatch(f"{re.escape(before)}.+{re.escape(behind)}", self.bare(name))
                for name in names
            )
        ]
        if fitting:
            return max(fitting, key=lambda one: one[:2])[2]
        return self.exact(self.catch_all) if self.catch_all else None

    def bare(self, local: str) -> str:
        return local.replace(".", "") if self.dots else local

    def reached(self, local: str) -> set[str]:
        place = self.find(local)
        return set() if place is None else self._reached(place, [])

    def _reached(self, place: Place, seen: list[str]) -> set[str]:
        if not place.targets or not place.open:
            return {place.local} if place.account and place.enabled else set()
        if place.local in seen:
            return set()
        seen.append(place.local)
        found: set[str] = set()
        for target in place.targets:
            if target == OUTSIDE:
                found.add(OUTSIDE)
                continue
            below = self.find(target)
            if below is place:
                found |= {place.local} if place.account and place.enabled else set()
            elif below is not None:
                found |= self._reached(below, seen)
        return found

    def verdict(self, local: str) -> str:
        place = self.find(local)
        if place is None:
            return "unknown"
        if place.targets and place.open:
            return "local"
        if not place.account:
            return "unknown"
        return "local" if place.enabled else "disabled"

    def conflicts(self) -> bool:
        bare = [place.local.replace(".", "") for place in self.places]
        return len(set(bare)) < len(bare)


# Few, so that they meet: with each other, with details, without dots, and in patterns.
POOL = ("a", "b", "ab", "a.b", "a-b", "a+b", "a-b+b", "a+b-b", "ab+a", "a.b-b", "b-a", "b.a+b.b")
LOCALS = st.sampled_from(POOL)
PATTERNS = st.sampled_from(("*", "a*", "*b", "a-*", "a.*", "*-b", "a*b", "a.b*", "*.b", "ab-*"))
TARGETS = st.lists(LOCALS | st.just(OUTSIDE), min_size=1, max_size=3, unique=True).map(tuple)

STEPS = st.one_of(
    st.tuples(st.just("account"), LOCALS, st.booleans()),
    st.tuples(st.just("alias"), LOCALS | PATTERNS, TARGETS, st.booleans()),
    st.tuples(st.just("drop"), LOCALS | PATTERNS),
    st.tuples(st.just("masked"), LOCALS, st.booleans()),
    st.tuples(st.just("forward"), LOCALS, TARGETS),
    st.tuples(st.just("separator"), st.sampled_from(["", "+", "-", "+-", "-+"])),
    st.tuples(st.just("dots"), st.booleans()),
    st.tuples(st.just("catch-all"), LOCALS | st.just("")),
)


@dataclass
class Both:
    """The same steps, in the model and in the directory."""

    directory: Directory
    domain: str
    model: Model = field(default_factory=Model)

    def address(self, local: str) -> str:
        return local if local == OUTSIDE else f"{local}@{self.domain}"

    def take(self, step: tuple[object, ...]) -> None:
        getattr(self, "_" + str(step[0]).replace("-", "_"))(*step[1:])

    def _account(self, local: str, enabled: bool) -> None:
        if self.model.exact(local) is not None:
            return
        made = self.directory.add_account(self.address(local), "secret")
        self.directory.set_account(replace(made, enabled=enabled))
        self.model.places.append(Place(local, account=True, enabled=enabled))

    def _alias(self, local: str, targets: tuple[str, ...], is_open: bool) -> None:
        place = self.model.exact(local)
        if place is not None and place.targets:
            return
        made = Alias(self.address(local), tuple(map(self.address, targets)), enabled=is_open)
        self.directory.add_alias(made)
        if place is None:
            place = Place(local)
            self.model.places.append(place)
        place.targets, place.open = targets, is_open

    def _forward(self, local: str, targets: tuple[str, ...]) -> None:
        """One that keeps a copy, as those that are made one by one rarely do."""
        place = self.model.exact(local)
        if place is None or not place.account or all(self.model.same(t, local) for t in targets):
            return
        self.directory.set_forward(
            self.address(local), [self.address(target) for target in targets], keep=True
        )
        place.targets, place.open = (place.local, *targets), True

    def _drop(self, local: str) -> None:
        place = self.model.exact(local)
        if place is None or not place.targets:
            return
        self.directory.remove_alias(self.address(local))
        place.targets = ()
        if not place.account:
            self.model.places.remove(place)

    def _masked(self, local: str, is_open: bool) -> None:
        place = self.model.exact(local)
        if place is None or not place.account:
            return
        owner = self.directory.account(self.address(place.local))
        assert owner is not None
        made = self.directory.add_masked(owner.id)
        self.directory.change_masked(
            owner.id, made.address, lambda one: replace(one, enabled=is_open)
        )
        made_local = made.address.partition("@")[0]
        self.model.places.append(Place(made_local, targets=(place.local,), open=is_open))

    def _separator(self, separator: str) -> None:
        self.directory.change_domain(self.domain, lambda found: replace(found, separator=separator))
        self.model.separator = separator

    def _dots(self, ignored: bool) -> None:
        if ignored and self.model.conflicts():
            with pytest.raises(InUse):
                self.directory.ignore_dots(self.domain, ignored)
            return
        self.directory.ignore_dots(self.domain, ignored)
        self.model.dots = ignored

    def _catch_all(self, local: str) -> None:
        catch_all = self.address(local) if local else ""
        self.directory.change_domain(self.domain, lambda found: replace(found, catch_all=catch_all))
        self.model.catch_all = local

    def check(self, local: str) -> None:
        address = self.address(local)
        [route] = self.directory.routes([address])
        found = {target.address.partition("@")[0] for target in route.targets}
        assert found | set(route.elsewhere) == self.model.reached(local), address
        assert self.directory.verdict(address).kind == self.model.verdict(local), address


NUMBERS = count()


@pytest.fixture(scope="module")
def shared() -> Iterator[Directory]:
    """One for all examples, each of which has a domain of its own: and what is remembered of
    domains is old more often than not."""
    with tempfile.TemporaryDirectory() as folder:
        clock = MovableClock()
        store = EmbeddedStore(Path(folder), clock)
        directory = Directory(store.table, clock, SystemRandomness())
        # Passwords are not what this is about, and slow on purpose.
        directory._credentials.new = lambda account, _: Put(credentials_key(account), {})  # type: ignore[method-assign]
        yield directory
        store.close()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=16, max_size=32), LOCALS)
def test_the_directory_is_its_model(
    shared: Directory, steps: list[tuple[object, ...]], asked: str
) -> None:
    both = Both(shared, f"m{next(NUMBERS)}.test")
    shared.add_domain(Domain(both.domain))
    for step in steps:
        both.take(step)
        both.check(asked)
    for local in [*POOL, *(place.local for place in both.model.places)]:
        both.check(local)
    accounts = {account.address for account in shared.accounts(both.domain)}
    assert accounts == {both.address(p.local) for p in both.model.places if p.account}
    listed = {(alias.address, alias.enabled) for alias in shared.aliases(both.domain)}
    masked = {
        (one.address, one.enabled)
        for account in shared.accounts(both.domain)
        for one in shared.masked(account.id)
    }
    assert listed | masked == {
        (both.address(place.local), place.open) for place in both.model.places if place.targets
    }
