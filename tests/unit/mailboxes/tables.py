"""The real table, watched or made to fail at a chosen write."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from postroom.errors import ConditionFailed, StoreUnavailable
from postroom.platform.table import (
    LARGEST_TRANSACTION,
    MOST_WRITES,
    Key,
    Put,
    Record,
    Refusal,
    Table,
    Write,
)


class CountingTable:
    """Counts requests as DynamoDB would see them: a page of a range is one."""

    PAGE = 1000
    most_writes = MOST_WRITES
    largest_transaction = LARGEST_TRANSACTION

    def __init__(self, table: Table) -> None:
        self._table = table
        self.reads = 0
        self.writes = 0

    def start(self) -> None:
        self.reads = self.writes = 0

    def get(self, key: Key) -> Record | None:
        self.reads += 1
        return self._table.get(key)

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        self.reads += -(-len(keys) // 100)
        return self._table.get_many(keys)

    def range(self, *given: Any, **named: Any) -> Iterator[Record]:
        return self._paged(self._table.range(*given, **named))

    def range_by_order(self, *given: Any, **named: Any) -> Iterator[Record]:
        return self._paged(self._table.range_by_order(*given, **named))

    def _paged(self, records: Iterator[Record]) -> Iterator[Record]:
        self.reads += 1
        for number, record in enumerate(records, 1):
            self.reads += number % self.PAGE == 0
            yield record

    def write(self, *writes: Write) -> None:
        self.writes += 1
        self._table.write(*writes)

    def write_soon(self, *writes: Write) -> "Future[None]":
        self.writes += 1
        return self._table.write_soon(*writes)

    def write_each(self, transactions: Sequence[Sequence[Write]]) -> list[Refusal | None]:
        refused: list[Refusal | None] = []
        for writes in transactions:
            try:
                self.write(*writes)
            except (ConditionFailed, StoreUnavailable) as error:
                refused.append(error)
            else:
                refused.append(None)
        return refused

    def put_many(self, puts: Sequence[Put]) -> None:
        self.writes += -(-len(puts) // 25)
        self._table.put_many(puts)


class FailingTable(CountingTable):
    """Raises StoreUnavailable at one write: before it is done, or after (the answer is lost)."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.fail_at = 0  # number of the write; 0 for never
        self.after = False

    def start(self) -> None:
        super().start()
        self.fail_at = 0

    def write(self, *writes: Write) -> None:
        self.writes += 1
        failing = self.writes == self.fail_at
        if not failing or self.after:
            self._table.write(*writes)
        if failing:
            raise StoreUnavailable("the test says so")

    def write_soon(self, *writes: Write) -> "Future[None]":
        future: Future[None] = Future()
        try:
            self.write(*writes)
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(None)
        return future
