"""Port: small records in the shape of DynamoDB, so that the domain code is written once.

A record lives in a *partition* under a *sort* key; a partition is read in the order of its sort
keys (as UTF-8 octets) or, for the records that have one, of their *order* number. Nothing scans
across partitions.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from postroom.errors import ConditionFailed, StoreUnavailable

Value = str | int | bytes | bool | None | list["Value"] | dict[str, "Value"]
Body = Mapping[str, Value]

# Limits of DynamoDB, kept by every adapter (TooLarge), so that what works here works there.
LARGEST_RECORD = 400 * 1024  # octets, names and keys included
# What a transaction may hold with every adapter; see Table.most_writes for those that take more.
MOST_WRITES = 100
LARGEST_TRANSACTION = 4 * 1024 * 1024
LARGEST_INTEGER = 2**63 - 1


class Key(NamedTuple):
    partition: str  # 1 to 1,024 octets
    sort: str  # 1 to 1,024 octets


class Record(NamedTuple):
    key: Key
    body: dict[str, Value]
    order: int | None = None
    expires: int | None = None  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Absent:
    """Holds when there is no live record under the key."""


@dataclass(frozen=True, slots=True)
class Present:
    """Holds when there is a live record under the key."""


@dataclass(frozen=True, slots=True)
class Holds:
    """Holds when the record is there and its attribute *name* equals *value* (scalars only)."""

    name: str
    value: str | int | bytes | bool


Condition = Absent | Present | Holds
Refusal = ConditionFailed | StoreUnavailable


@dataclass(frozen=True, slots=True)
class Put:
    """Write the whole record, replacing what was there."""

    key: Key
    body: Body
    order: int | None = None
    expires: int | None = None  # an expired record is not there: not read, and Absent holds
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the record; that it is not there is no error unless the condition says so."""

    key: Key
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but let the transaction fail unless the condition holds."""

    key: Key
    condition: Condition


Write = Put | Delete | Check


class Table(Protocol):
    """Every read sees every write that had returned before it began (strong consistency).

    All methods may raise StoreUnavailable. Expired records are never returned.
    """

    # What one transaction holds: MOST_WRITES and LARGEST_TRANSACTION, or more.
    most_writes: int
    largest_transaction: int

    def get(self, key: Key) -> Record | None:
        """Return the record, or None."""

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        """Return those of the records that exist. Any number of keys; 100 are one request."""

    def range(
        self,
        partition: str,
        first: str = "",
        last: str | None = None,
        *,
        backwards: bool = False,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Yield the records with ``first <= sort <= last`` in order of sort, lazily, in pages.

        *last* None means no upper end. *backwards* yields from the last to the first. Each page
        is read at the moment it is needed; a page is consistent in itself.
        """

    def range_by_order(
        self,
        partition: str,
        above: int,
        *,
        backwards: bool = False,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Yield the records with ``order > above`` in order of that number, lazily, in pages."""

    def write(self, *writes: Write) -> None:
        """Do all the writes or none; on return they survive a crash and every reader sees them.

        Each key at most once. Raises ConditionFailed, TooLarge.
        """

    def write_soon(self, *writes: Write) -> "Future[None]":
        """``write`` without waiting: the future resolves at the moment ``write`` would return.

        TooLarge is raised at once, not through the future.
        """

    def write_each(self, transactions: Sequence[Sequence[Write]]) -> "list[Refusal | None]":
        """``write`` for each of them, at the price of hardly more than one where that can be.

        They stand and fall by themselves, in no promised order: no two may name the same key.
        Returns for each why it was not done, if it was not; what is StoreUnavailable may be done
        all the same. Raises TooLarge before anything is written.
        """

    def put_many(self, puts: Sequence[Put]) -> None:
        """Write many records without conditions and not as one: after an error some may be there.

        Half the price of a transaction. Durable on return. Raises TooLarge.
        """


def prefix_end(prefix: str) -> str:
    """Return the *last* that, with ``first=prefix``, makes a range of all keys with the prefix."""
    return prefix + "\U0010ffff"
