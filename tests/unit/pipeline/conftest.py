"""example.test with alice, bob and carol."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.app import wire
from postroom.directory.records import Domain
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemRandomness
from postroom.settings import Settings
from tests.unit.pipeline.rooms import Rooms, SetClock, Table


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    clock = SetClock()
    store = EmbeddedStore(tmp_path, clock)
    table = Table(store.table)
    store.table = table  # type: ignore[assignment]
    app = wire(Settings(data=tmp_path), store, clock, SystemRandomness())
    app.directory.add_domain(Domain("example.test"))
    accounts = {}
    for name in ("alice", "bob", "carol"):
        accounts[name] = app.directory.add_account(f"{name}@example.test", "secret")
        app.mailboxes.create_account(accounts[name].id)
    yield Rooms(app, store, table, clock, accounts)
    store.close()
