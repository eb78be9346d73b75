"""Records as DynamoDB items, in as few octets as they fit: DynamoDB bills by the KiB.

=============  ====  ======================================================================
``pk``, ``sk``  S    partition and sort key of the record
``order``       N    sort key of the index ``by-order``; only where the record has one
``expires``     N    seconds since 1970; DynamoDB removes the item some time later (TTL)
a body's name         a scalar of the body, under its own name, so that conditions can see it
``rest``        B    the body's lists and dicts in one msgpack map; only where there are any
=============  ====  ======================================================================

An item's size is that of its names and values: names and strings as UTF-8, one octet for each
two digits of a number and one more, one for a truth value or null. Short names in bodies save
money.
"""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from postroom.errors import TooLarge
from postroom.platform.table import (
    LARGEST_INTEGER,
    LARGEST_RECORD,
    Body,
    Key,
    Put,
    Record,
    Value,
)

Item = dict[str, Any]

_LARGEST_KEY = 1024
_OURS = frozenset({"pk", "sk", "order", "expires", "rest"})
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(dict[str, Any]).decode


def attribute_name(name: str) -> str:
    """Where a body's value *name* lies: under its own name, unless that is one of ours."""
    return "_" + name if name in _OURS or name == "" or name[0] == "_" else name


def attribute_value(value: str | int | bytes | bool | None) -> dict[str, Any]:
    """The scalar in DynamoDB's typed form."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        if not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
            raise TooLarge("an integer", value, LARGEST_INTEGER)
        return {"N": str(value)}
    if isinstance(value, bytes):
        return {"B": value}
    if value is None:
        return {"NULL": True}
    raise TypeError(f"a record cannot hold a {type(value).__name__}")


def key_item(key: Key) -> Item:
    for what, text in (("a partition key", key.partition), ("a sort key", key.sort)):
        octets = len(text.encode())
        if octets > _LARGEST_KEY:
            raise TooLarge(what, octets, _LARGEST_KEY)
        if not octets:
            raise ValueError(f"{what} is empty")
    return {"pk": {"S": key.partition}, "sk": {"S": key.sort}}


def item_of(put: Put) -> tuple[Item, int]:
    """Return the item and its size in octets. Raises TooLarge."""
    item = key_item(put.key)
    rest: dict[str, Value] = {}
    for name, value in put.body.items():
        if isinstance(value, (list, dict)):
            rest[name] = value
        else:
            item[attribute_name(name)] = attribute_value(value)
    if rest:
        _check_integers(rest)
        item["rest"] = {"B": _pack(rest)}
    if put.order is not None:
        item["order"] = attribute_value(put.order)
    if put.expires is not None:
        item["expires"] = attribute_value(put.expires)
    size = size_of(item)
    if size > LARGEST_RECORD:
        raise TooLarge(f"record {put.key.partition} {put.key.sort}", size, LARGEST_RECORD)
    return item, size


def size_of(item: Mapping[str, Any]) -> int:
    """Octets as DynamoDB counts them, of an item as ``item_of`` makes it."""
    size = 0
    for name, typed in item.items():
        size += len(name.encode())
        for kind, value in typed.items():
            if kind == "S":
                size += len(value.encode())
            elif kind == "N":
                size += (len(value.lstrip("-")) + 1) // 2 + 1 + value.startswith("-")
            elif kind == "B":
                size += len(value)
            else:
                size += 1
    return size


def record_of(item: Mapping[str, Any], now: float) -> Record | None:
    """Return the record, or None when it has expired and only waits to be removed.

    The item is as it came over the wire: binary values still in base64 (``wire.py``).
    """
    body: dict[str, Value] = {}
    partition = sort = ""
    order: int | None = None
    expires: int | None = None
    for name, typed in item.items():
        ((kind, value),) = typed.items()
        if name == "pk":
            partition = value
        elif name == "sk":
            sort = value
        elif name == "order":
            order = int(value)
        elif name == "expires":
            expires = int(value)
            if expires <= now:
                return None
        elif name == "rest":
            body.update(_unpack(base64.b64decode(value)))
        else:
            if name[0] == "_":
                name = name[1:]
            if kind == "N":
                body[name] = int(value)
            elif kind == "B":
                body[name] = base64.b64decode(value)
            elif kind == "NULL":
                body[name] = None
            else:
                body[name] = value
    return Record(Key(partition, sort), body, order, expires)


def _check_integers(value: Value | Body) -> None:
    if isinstance(value, dict):
        for inner in value.values():
            _check_integers(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_integers(inner)
    elif not isinstance(value, Mapping):
        attribute_value(value)
