"""Counts AWS calls as they are made, and the capacity units that DynamoDB would bill for them.

moto does not work out capacity, so it is done here, from the items themselves, by the rules of
DynamoDB's developer guide ("Read and write operations", "Local secondary indexes",
"Transactions: capacity management"): a write is billed by the larger of the item before and
after, in KB; a record with an ``order`` is written to the index as well, and moved there when
its order changes; everything in a transaction counts twice; a write whose condition fails is
billed too; a strongly consistent read is billed by 4 KB, a query by the sum of what it read.
"""

import base64
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from postroom.platform.aws.items import size_of

Item = Mapping[str, Any]

WRITES = {"PutItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}
READS = {"GetItem", "BatchGetItem", "Query"}


class Meter:
    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()  # by "dynamodb.Query" and the like
        self.units: Counter[str] = Counter()  # "read", "write"
        self._items: dict[tuple[str, str], Item] = {}  # the table, as the calls have left it
        self._lock = threading.Lock()

    def start(self) -> None:
        """Forget what was counted, not what is in the table."""
        self.calls.clear()
        self.units.clear()

    def note(self, service: str, operation: str, asked: Item, answer: Item | None) -> None:
        """*answer* is None when the call failed."""
        with self._lock:
            self.calls[f"{service}.{operation}"] += 1
            if service != "dynamodb":
                return
            if operation in WRITES:
                factor = 2 if operation == "TransactWriteItems" else 1
                writes = list(_writes(operation, asked))
                self.units["write"] += factor * sum(
                    self._cost(key, new, answer is not None) for key, new, _ in writes
                )
                if answer is not None:
                    for key, new, kept in writes:
                        if new is not None:
                            self._items[key] = new
                        elif not kept:
                            self._items.pop(key, None)
            elif operation in READS and answer is not None:
                self.units["read"] += _read_units(operation, asked, answer)

    def _cost(self, key: tuple[str, str], new: Item | None, done: bool) -> int:
        old = self._items.get(key)
        if not done:
            return _units(old, 1024)
        cost = max(_units(old, 1024), _units(new, 1024))
        before = old if old is not None and "order" in old else None
        after = new if new is not None and "order" in new else None
        if before is not None and (after is None or before["order"] != after["order"]):
            cost += _units(before, 1024)
        if after is not None and after != before:
            cost += _units(after, 1024)
        return cost


@contextmanager
def metered() -> Iterator[Meter]:
    """Count every call that any botocore client makes."""
    meter, call = Meter(), BaseClient._make_api_call

    def counted(self: Any, operation: str, asked: Any) -> Any:
        service = self.meta.service_model.service_name
        try:
            answer = call(self, operation, asked)
        except ClientError:
            meter.note(service, operation, asked, None)
            raise
        meter.note(service, operation, asked, answer)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", counted)
        yield meter


def _writes(operation: str, asked: Item) -> Iterator[tuple[tuple[str, str], Item | None, bool]]:
    """Key, new item, and whether what is there stays (a check)."""
    if operation == "BatchWriteItem":
        for requests in asked["RequestItems"].values():
            for request in requests:
                item = request["PutRequest"]["Item"]
                yield _key(item), item, False
        return
    actions = asked.get("TransactItems") or [{operation.removesuffix("Item"): asked}]
    for action in actions:
        ((kind, write),) = action.items()
        item = write.get("Item")
        yield _key(item or write["Key"]), item, kind == "ConditionCheck"


def _read_units(operation: str, asked: Item, answer: Item) -> int:
    if operation == "Query":
        return max(1, -(-sum(map(_size_of_answer, answer["Items"])) // 4096))
    if operation == "GetItem":
        return _units_read(answer.get("Item"))
    found = [item for items in answer["Responses"].values() for item in items]
    wanted = sum(len(keys["Keys"]) for keys in asked["RequestItems"].values())
    return sum(map(_units_read, found)) + wanted - len(found)


def _units_read(item: Item | None) -> int:
    return max(1, -(-_size_of_answer(item) // 4096)) if item else 1


def _size_of_answer(item: Item) -> int:
    """The items come as over the wire (platform/aws/wire.py): binary values in base64."""
    return size_of(
        {
            name: {"B": base64.b64decode(typed["B"])} if "B" in typed else typed
            for name, typed in item.items()
        }
    )


def _units(item: Item | None, octets: int) -> int:
    return max(1, -(-size_of(item) // octets)) if item else 1


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]
