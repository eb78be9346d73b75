"""All that waits, for tests to look at; a program never walks through it."""

from collections.abc import Iterator

from postroom.platform.table import Table
from postroom.relay.waiting import SHARDS, Ticket, Waiting, waiting_of


def every(table: Table, kind: str) -> Iterator[Waiting]:
    """All records of a kind, shard by shard in order of queue ids."""
    for number in range(SHARDS):
        for record in table.range(f"waiting/{number}"):
            if Ticket(record.key.sort).kind == kind:
                yield waiting_of(record)
