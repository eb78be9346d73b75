"""What a client hears while the store does not answer, and that it is the truth."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from postroom.app import App, wire
from postroom.errors import StoreUnavailable
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemClock, SystemRandomness
from postroom.platform.table import Key, Put, Record, Refusal, Table, Write
from postroom.settings import Settings
from tests.conversations.imap_world import World, new_data


class Faulty:
    """A table that can be made to fail, at once or after the next commit."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.most_writes = table.most_writes
        self.largest_transaction = table.largest_transaction
        self.down = False
        self.down_after_commit = False

    def _up(self) -> Table:
        if self.down:
            raise StoreUnavailable("the table does not answer")
        return self._table

    def get(self, key: Key) -> Record | None:
        return self._up().get(key)

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        return self._up().get_many(keys)

    def range(self, *args: Any, **options: Any) -> Iterator[Record]:
        return self._up().range(*args, **options)

    def range_by_order(self, *args: Any, **options: Any) -> Iterator[Record]:
        return self._up().range_by_order(*args, **options)

    def write(self, *writes: Write) -> None:
        self._up().write(*writes)
        self._committed(writes)

    def write_soon(self, *writes: Write) -> "Future[None]":
        written = self._up().write_soon(*writes)
        written.result()
        self._committed(writes)
        return written

    def write_each(self, transactions: Sequence[Sequence[Write]]) -> list[Refusal | None]:
        if self.down:
            return [StoreUnavailable("the table does not answer")] * len(transactions)
        refused = self._table.write_each(transactions)
        for writes in transactions:
            self._committed(writes)
        return refused

    def _committed(self, writes: Sequence[Write]) -> None:
        """A transaction, not the record of a blob that is written before it."""
        self.down |= self.down_after_commit and len(writes) > 1

    def put_many(self, puts: Sequence[Put]) -> None:
        self._up().put_many(puts)


def faulty_app(data: Path) -> tuple[App, Faulty]:
    clock = SystemClock()
    store = EmbeddedStore(data, clock)
    table = Faulty(store.table)
    store.table = table
    return wire(Settings(data=data), store, clock, SystemRandomness()), table


def test_a_command_that_is_done_gets_its_ok(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = new_data(tmp_path_factory.getbasetemp(), tmp_path)

    async def talk() -> None:
        app, table = faulty_app(data)
        world = World(data, app=app)
        client = await world.client("INBOX")
        table.down_after_commit = True
        answer = await client.ask(b"APPEND INBOX {4+}\r\na: b")
        assert answer.startswith(b"t OK [APPENDUID ")
        table.down = table.down_after_commit = False
        assert b"* 1 EXISTS\r\n" in await client.ask(b"NOOP")
        await world.close()

    asyncio.run(talk())


def test_a_store_that_is_down_is_said_and_survived(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = new_data(tmp_path_factory.getbasetemp(), tmp_path)

    async def talk() -> None:
        app, table = faulty_app(data)
        world = World(data, app=app)
        world.deliver(b"Subject: a\r\n\r\n")
        client = await world.client("INBOX")
        table.down = True
        for command in (
            b"FETCH 1 ENVELOPE",
            b"STORE 1 +FLAGS (\\Seen)",
            b"SELECT Archive",
            b'LIST "" *',
            b"APPEND INBOX {4+}\r\na: b",
        ):
            answer = await client.ask(command)
            assert b"t NO [UNAVAILABLE] " in answer, command
        table.down = False
        assert b"t OK " in await client.ask(b"SELECT INBOX")
        await world.close()

    asyncio.run(talk())
