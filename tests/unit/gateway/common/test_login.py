import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway import login as login_module
from gateway.crossing import Crossing
from gateway.login import Login, LoginLimits, TooManyFailures
from postroom.app import App, build
from postroom.directory.records import Account, Domain

ALICE = "alice@example.test"
HOME, OFFICE = "192.0.2.1", "198.51.100.1"


@dataclass
class SettableClock:
    time: float = 1_000_000.0

    def seconds(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


@dataclass
class World:
    app: App
    login: Login
    clock: SettableClock
    checked: list[str]  # names whose password was computed
    slept: list[float] = field(default_factory=list)

    async def fails(self, name: str = ALICE, client: str = HOME, password: str = "") -> None:
        password = password or f"wrong {len(self.slept)}"
        assert await self.login.check(name, password, client) is None

    async def is_limited(self, name: str = ALICE, client: str = HOME) -> bool:
        try:
            await self.login.check(name, f"also wrong {len(self.slept)}", client)
        except TooManyFailures:
            return True
        return False


class Counting:
    """The directory, with a note of who was authenticated."""

    def __init__(self, app: App, checked: list[str]) -> None:
        self._directory = app.directory
        self._checked = checked
        self.account = app.directory.account
        self.account_by_id = app.directory.account_by_id
        self.credential_version = app.directory.credential_version
        self.scram_verifier = app.directory.scram_verifier

    def authenticate(self, name: str, password: str) -> Account | None:
        self._checked.append(name)
        return self._directory.authenticate(name, password)


@asynccontextmanager
async def world_in(folder: Path, limits: LoginLimits) -> AsyncIterator[World]:
    app = build({"POSTROOM_DATA": str(folder)})
    app.directory.add_domain(Domain("example.test"))
    app.directory.add_account(ALICE, "secret")
    crossing, clock = Crossing(app, 4), SettableClock()
    checked: list[str] = []
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    login = Login(Counting(app, checked), crossing, clock, limits=limits, sleep=sleep)
    try:
        yield World(app, login, clock, checked, slept)
    finally:
        await asyncio.to_thread(crossing.close)
        app.platform.close()


def with_world(
    folder: Path,
    test: Callable[[World], Coroutine[Any, Any, None]],
    limits: LoginLimits | None = None,
) -> None:
    async def run() -> None:
        async with world_in(folder, limits or LoginLimits()) as world:
            await asyncio.wait_for(test(world), 60)

    asyncio.run(run())


def test_a_password_is_computed_once_in_a_while(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        for _ in range(5):
            account = await world.login.check("Alice@example.test", "secret", HOME)
            assert account is not None
            assert account.address == ALICE
        assert len(world.checked) == 1
        world.clock.time += 46
        assert await world.login.check(ALICE, "secret", HOME)
        assert len(world.checked) == 2

    with_world(tmp_path, test)


def test_connections_at_once_compute_it_once(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        world.login._cores = asyncio.Semaphore(1)
        found = await asyncio.gather(*(world.login.check(ALICE, "secret", HOME) for _ in range(8)))
        assert all(found)
        assert len(world.checked) == 1

    with_world(tmp_path, test)


def test_a_new_password_takes_effect_at_once(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        assert await world.login.check(ALICE, "secret", HOME)
        world.app.directory.set_password(ALICE, "new")
        assert await world.login.check(ALICE, "secret", HOME) is None
        assert await world.login.check(ALICE, "new", HOME)

    with_world(tmp_path, test)


def test_a_password_changed_while_it_is_checked_is_not_remembered(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        directory = world.login._directory
        authenticate = directory.authenticate

        def slow(name: str, password: str) -> Account | None:
            found = authenticate(name, password)
            world.app.directory.set_password(ALICE, "new")
            return found

        directory.authenticate = slow  # type: ignore[method-assign]
        assert await world.login.check(ALICE, "secret", HOME)
        directory.authenticate = authenticate  # type: ignore[method-assign]
        assert await world.login.check(ALICE, "secret", HOME) is None

    with_world(tmp_path, test)


def test_a_disabled_account_is_out_at_once(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        account = await world.login.check(ALICE, "secret", HOME)
        assert account is not None
        world.app.directory.set_account(replace(account, enabled=False))
        assert await world.login.check(ALICE, "secret", HOME) is None

    with_world(tmp_path, test)


def test_failures_are_slowed_more_and_more(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        for _ in range(7):
            await world.fails()
        assert world.slept == [0.5, 1, 2, 4, 8, 8, 8]

    with_world(tmp_path, test)


def test_who_guesses_is_limited_and_time_forgives(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        for _ in range(3):
            await world.fails()
        assert await world.is_limited()
        computed = len(world.checked)
        with pytest.raises(TooManyFailures) as caught:
            await world.login.check(ALICE, "secret", HOME)  # even the right one
        assert 0 < caught.value.wait <= 900
        assert len(world.checked) == computed
        assert not await world.is_limited(client=OFFICE)
        world.clock.time += 901
        assert await world.login.check(ALICE, "secret", HOME)

    with_world(tmp_path, test, LoginLimits(of_pair=3))


def test_one_client_with_many_names(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        for number in range(4):
            await world.fails(name=f"user{number}@example.test", client=f"2001:db8::{number}")
        assert await world.is_limited(name="user9@example.test", client="2001:db8::9")
        assert not await world.is_limited(name="user9@example.test", client="2001:db8:0:1::9")

    with_world(tmp_path, test, LoginLimits(of_client=4))


def test_many_clients_cannot_lock_the_owner_out(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        assert await world.login.check(ALICE, "secret", HOME)
        for number in range(4):
            await world.fails(client=f"203.0.113.{number}")
        assert await world.is_limited(client="203.0.113.9")
        world.clock.time += 60
        assert await world.login.check(ALICE, "secret", HOME)

    with_world(tmp_path, test, LoginLimits(of_name=4))


def test_the_same_wrong_password_counts_once(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        for _ in range(6):
            await world.fails(password="the old one")
        assert await world.login.check(ALICE, "secret", HOME)

    with_world(tmp_path, test, LoginLimits(of_pair=2))


def test_unknown_names_fail_like_known_ones(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.fails(name="nobody@example.test")
        await world.fails(name="not an address")
        await world.fails(name="x" * 5000)
        await world.fails(name=ALICE, password="p" * 5000)
        assert len(world.checked) == 4  # each was computed

    with_world(tmp_path, test)


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_module, "_MOST_ENTRIES", 5)

    async def test(world: World) -> None:
        for number in range(4):
            await world.fails(name=f"{number}@example.test", client=f"192.0.2.{number}")
        login = world.login
        assert max(len(login._failures), len(login._wrong), len(login._right)) <= 5

    with_world(tmp_path, test)
