"""The limits of DynamoDB for records, so that what works here works there, and our own for
transactions."""

import re
from collections.abc import Mapping, Sequence

from postroom.errors import TooLarge
from postroom.platform.table import (
    LARGEST_INTEGER,
    LARGEST_RECORD,
    Key,
    Put,
    Value,
    Write,
)

LONGEST_KEY = 1024  # octets of each half
_SURELY_SHORT = LONGEST_KEY // 4  # characters: none takes more than four octets

# More than DynamoDB takes, so that what a client asks of two thousand messages is done whole or
# not at all; less than what would keep other writers waiting for long.
MOST_WRITES = 4000
LARGEST_TRANSACTION = 32 * 1024 * 1024

# No value takes more than this many times its octets of MessagePack: only a record that may be
# over the limit by that measure has its exact size reckoned.
_MARGIN = 4

# How MessagePack begins an integer from 2**63 to 2**64 - 1; other octets may look like it.
_TOO_LONG = re.compile(rb"\xcf[\x80-\xff]")


def check_key(key: Key) -> None:
    """Raises TooLarge; ValueError for an empty one."""
    if 0 < len(key.partition) <= _SURELY_SHORT and 0 < len(key.sort) <= _SURELY_SHORT:
        return
    for name, text in zip(("partition key", "sort key"), key, strict=True):
        octets = len(text.encode())
        if not octets:
            raise ValueError(f"the {name} is empty")
        if octets > LONGEST_KEY:
            raise TooLarge(f"the {name} in octets", octets, LONGEST_KEY)


def check_record(put: Put, encoded: bytes) -> None:
    """Raises TooLarge for a record, or a number in it, beyond what DynamoDB keeps."""
    check_key(put.key)
    for number in (put.order, put.expires):
        if number is not None and abs(number) > LARGEST_INTEGER:
            raise TooLarge("an integer", number, LARGEST_INTEGER)
    if _TOO_LONG.search(encoded) is not None:
        _check_integers(put.body)
    if len(encoded) * _MARGIN > LARGEST_RECORD:
        octets = record_octets(put)
        if octets > LARGEST_RECORD:
            raise TooLarge("the record in octets", octets, LARGEST_RECORD)


def check_transaction(writes: Sequence[Write], encoded: int) -> None:
    """Raises TooLarge; ValueError for a key named twice."""
    if len(writes) > MOST_WRITES:
        raise TooLarge("the number of writes in a transaction", len(writes), MOST_WRITES)
    if len({write.key for write in writes}) < len(writes):
        raise ValueError("a transaction names a key twice")
    if encoded * _MARGIN > LARGEST_TRANSACTION:
        octets = sum(record_octets(write) for write in writes if isinstance(write, Put))
        if octets > LARGEST_TRANSACTION:
            raise TooLarge("the transaction in octets", octets, LARGEST_TRANSACTION)


def record_octets(put: Put) -> int:
    """Return the size as DynamoDB reckons it (Developer Guide, "item sizes and formats")."""
    return sum(len(part.encode()) for part in put.key) + _octets(put.body)


def _check_integers(value: Value | Mapping[str, Value]) -> None:
    if isinstance(value, Mapping):
        for item in value.values():
            _check_integers(item)
    elif isinstance(value, list):
        for item in value:
            _check_integers(item)
    elif isinstance(value, int) and value > LARGEST_INTEGER:
        raise TooLarge("an integer", value, LARGEST_INTEGER)


def _octets(value: Value | Mapping[str, Value]) -> int:
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, int):
        return (len(str(abs(value))) + 1) // 2 + 2
    if isinstance(value, Mapping):
        return 3 + sum(1 + len(name.encode()) + _octets(item) for name, item in value.items())
    return 3 + sum(1 + _octets(item) for item in value)
