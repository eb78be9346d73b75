"""The Table port over SQLite."""

import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import msgspec

from postroom.errors import ConditionFailed, StoreUnavailable, TooLarge
from postroom.platform.clock import Clock
from postroom.platform.embedded.database import Database
from postroom.platform.embedded.sizes import (
    LARGEST_TRANSACTION,
    MOST_WRITES,
    check_key,
    check_record,
    check_transaction,
)
from postroom.platform.table import (
    Absent,
    Condition,
    Delete,
    Key,
    Present,
    Put,
    Record,
    Refusal,
    Write,
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    position INTEGER,  -- Record.order
    expires INTEGER,
    body BLOB NOT NULL,  -- MessagePack
    PRIMARY KEY (partition, sort)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_order ON records (partition, position) WHERE position IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_expiry ON records (expires) WHERE expires IS NOT NULL;
"""

FIRST_PAGE = 100  # records; a caller who stops early has not paid for a thousand
PAGE = 1000
LOOKUP = 100  # keys in one statement
PURGED_AT_ONCE = 200

_GET = "SELECT position, expires, body FROM records WHERE partition = ? AND sort = ?"
_PUT = (
    "INSERT INTO records (partition, sort, position, expires, body) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET position = excluded.position, expires = excluded.expires, "
    "body = excluded.body"
)
_DELETE = "DELETE FROM records WHERE partition = ? AND sort = ?"
_LIVE = "AND (expires IS NULL OR expires > ?)"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode

# A write made ready: what to check, and the statement to run if everything checks.
_Ready = tuple[Key, Condition | None, str, tuple[Any, ...]]


class EmbeddedTable:
    most_writes = MOST_WRITES
    largest_transaction = LARGEST_TRANSACTION

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def get(self, key: Key) -> Record | None:
        rows = self._database.query(_GET, key)
        if not rows:
            return None
        position, expires, body = rows[0]
        if expires is not None and expires <= self._clock.seconds():
            return None
        return Record(key, _decode(body), position, expires)

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        found: dict[Key, Record] = {}
        now = self._clock.seconds()
        for start in range(0, len(keys), LOOKUP):
            chunk = keys[start : start + LOOKUP]
            marks = "(?, ?), " * (len(chunk) - 1) + "(?, ?)"
            rows = self._database.query(
                # The order of a CROSS JOIN is kept: SQLite walks the keys, not the table.
                f"WITH keys (p, s) AS (VALUES {marks}) "  # noqa: S608 - marks only
                "SELECT partition, sort, position, expires, body FROM keys "
                "CROSS JOIN records ON partition = p AND sort = s",
                tuple([part for key in chunk for part in key]),
            )
            for partition, sort, position, expires, body in rows:
                if expires is None or expires > now:
                    key = Key(partition, sort)
                    found[key] = Record(key, _decode(body), position, expires)
        return found

    def range(
        self,
        partition: str,
        first: str = "",
        last: str | None = None,
        *,
        backwards: bool = False,
        limit: int | None = None,
    ) -> Iterator[Record]:
        lower, upper = ">=", "<="
        page, left = FIRST_PAGE, limit
        while left is None or left > 0:
            size = page if left is None else min(page, left)
            end = "" if last is None else f"AND sort {upper} ?"
            rows = self._database.query(
                "SELECT sort, position, expires, body FROM records "  # noqa: S608 - fixed pieces
                f"WHERE partition = ? AND sort {lower} ? {end} {_LIVE} "
                f"ORDER BY sort {'DESC' if backwards else 'ASC'} LIMIT ?",
                (
                    partition,
                    first,
                    *(() if last is None else (last,)),
                    self._clock.seconds(),
                    size,
                ),
            )
            for sort, position, expires, body in rows:
                yield Record(Key(partition, sort), _decode(body), position, expires)
            if len(rows) < size:
                return
            if left is not None:
                left -= size
            if backwards:
                last, upper = rows[-1][0], "<"
            else:
                first, lower = rows[-1][0], ">"
            page = PAGE

    def range_by_order(
        self,
        partition: str,
        above: int,
        *,
        backwards: bool = False,
        limit: int | None = None,
    ) -> Iterator[Record]:
        # Several records may share a number: a page ends inside them, so resume by (order, sort).
        page, left = FIRST_PAGE, limit
        way, beyond = ("DESC", "<") if backwards else ("ASC", ">")
        resume: tuple[int, str] | None = None
        while left is None or left > 0:
            size = page if left is None else min(page, left)
            after = "" if resume is None else f"AND (position, sort) {beyond} (?, ?)"
            rows = self._database.query(
                "SELECT sort, position, expires, body FROM records INDEXED BY by_order "  # noqa: S608 - fixed pieces
                f"WHERE partition = ? AND position > ? {after} {_LIVE} "
                f"ORDER BY position {way}, sort {way} LIMIT ?",
                (partition, above, *(resume or ()), self._clock.seconds(), size),
            )
            for sort, position, expires, body in rows:
                yield Record(Key(partition, sort), _decode(body), position, expires)
            if len(rows) < size:
                return
            if left is not None:
                left -= size
            resume = (rows[-1][1], rows[-1][0])
            page = PAGE

    def write(self, *writes: Write) -> None:
        if writes:
            self._database.run(partial(_apply, _ready(writes), self._clock))

    def write_soon(self, *writes: Write) -> "Future[None]":
        return self._database.run_soon(partial(_apply, _ready(writes), self._clock))

    def write_each(self, transactions: Sequence[Sequence[Write]]) -> list[Refusal | None]:
        ready = [_ready(writes) for writes in transactions]
        if not ready:
            return []
        try:
            return self._database.run(partial(_apply_each, ready, self._clock))
        except StoreUnavailable as error:
            return [error] * len(ready)

    def put_many(self, puts: Sequence[Put]) -> None:
        rows = [_row(put) for put in puts]
        if rows:
            self._database.run(partial(_put_all, rows))

    def purge(self) -> int:
        """Remove some expired records and return how many: a little at a time, in turn."""
        now = self._clock.seconds()
        due = "SELECT partition, sort FROM records WHERE expires <= ? LIMIT ?"
        if not self._database.query(due, (now, 1)):
            return 0

        def remove(writer: sqlite3.Connection) -> int:
            keys = writer.execute(due, (now, PURGED_AT_ONCE)).fetchall()
            writer.executemany(_DELETE, keys)
            return len(keys)

        return self._database.run(remove, durable=False)


def _row(put: Put) -> tuple[Any, ...]:
    try:
        body = _encode(put.body)
    except OverflowError:  # beyond what MessagePack can hold
        raise TooLarge("an integer of 2 to the power of", 64, 63) from None
    check_record(put, body)
    return (*put.key, put.order, put.expires, body)


def _ready(writes: Sequence[Write]) -> list[_Ready]:
    ready: list[_Ready] = []
    octets = 0
    for write in writes:
        if isinstance(write, Put):
            row = _row(write)
            octets += len(row[4])
            ready.append((write.key, write.condition, _PUT, row))
        elif isinstance(write, Delete):
            check_key(write.key)
            ready.append((write.key, write.condition, _DELETE, write.key))
        else:
            check_key(write.key)
            ready.append((write.key, write.condition, "", ()))
    check_transaction(writes, octets)
    return ready


def _apply(ready: list[_Ready], clock: Clock, writer: sqlite3.Connection) -> None:
    """Check everything, then write everything: a refused transaction has nothing to undo."""
    failed = [
        place
        for place, (key, condition, _, _) in enumerate(ready)
        if condition is not None and not _holds(condition, key, clock, writer)
    ]
    if failed:
        raise ConditionFailed(failed)
    for _, _, statement, row in ready:
        if statement:
            writer.execute(statement, row)


def _apply_each(
    transactions: list[list[_Ready]], clock: Clock, writer: sqlite3.Connection
) -> list[Refusal | None]:
    refused: list[Refusal | None] = []
    for ready in transactions:
        try:
            _apply(ready, clock, writer)
        except ConditionFailed as error:
            refused.append(error)
        else:
            refused.append(None)
    return refused


def _holds(condition: Condition, key: Key, clock: Clock, writer: sqlite3.Connection) -> bool:
    row = writer.execute(_GET, key).fetchone()
    if row is not None and row[1] is not None and row[1] <= clock.seconds():
        row = None
    if isinstance(condition, Absent):
        return row is None
    if row is None:
        return False
    if isinstance(condition, Present):
        return True
    found = _decode(row[2]).get(condition.name)
    return type(found) is type(condition.value) and found == condition.value


def _put_all(rows: list[tuple[Any, ...]], writer: sqlite3.Connection) -> None:
    writer.executemany(_PUT, rows)
