"""Large mailboxes in DynamoDB, of messages that nobody looks at: records as ``append`` makes them.

moto takes seconds for each page of a hundred thousand records. Queries of such a mailbox never get
there: they are answered here as DynamoDB does, in pages of a megabyte. What is written to it is not
seen.
"""

import base64
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest
from botocore.client import BaseClient
from msgspec.structs import replace

from postroom.app import App
from postroom.mailboxes.encoding import encode_message, mailbox_body, mailbox_key, message_key
from postroom.mailboxes.records import Mailbox, Message
from postroom.platform.aws.items import item_of, size_of
from postroom.platform.blobs import BlobKey
from postroom.platform.table import Put

DATE = 1_795_525_200  # 2026-11-24 13:00 UTC
PREFIX = b"Return-Path: <robert.sender@sender.example>\r\nDelivered-To: alice@example.test\r\n"
_PAGE = 1_048_576  # octets
_END = "\uffff"  # behind every sort key

Item = dict[str, Any]


def message_of(uid: int) -> Message:
    blob = BlobKey(f"1m86t8k38g20812{uid:07}")
    return Message(uid, uid, frozenset(), 4096, DATE, DATE, blob, PREFIX, uid, b"0123456789abcdef")


def fill_fast(app: App, account: str, name: str, count: int) -> None:
    box = app.mailboxes.find(account, name)
    app.table.put_many([*_records(box, count), _counters(box, count)])


@dataclass
class HugeMailboxes:
    _items: dict[str, list[Item]] = field(default_factory=dict)  # by partition, in order

    def fill(self, app: App, account: str, name: str, count: int) -> None:
        box = app.mailboxes.find(account, name)
        app.table.put_many([_counters(box, count)])
        items = [item_of(put)[0] for put in _records(box, count)]
        self._items[items[0]["pk"]["S"]] = items

    def page(self, asked: Item) -> Item | None:
        """The answer to a query; None when it is not ours."""
        values = asked["ExpressionAttributeValues"]
        items = self._items.get(values[":pk"]["S"])
        if items is None:
            return None
        assert asked["ScanIndexForward"]
        if "IndexName" in asked:  # none of them has been altered
            return {"Items": []}
        start = bisect_left(items, values.get(":first", {"S": ""})["S"], key=_sort)
        if "ExclusiveStartKey" in asked:
            start = bisect_right(items, _sort(asked["ExclusiveStartKey"]), key=_sort)
        end = bisect_right(items, values.get(":last", {"S": _END})["S"], key=_sort)
        found, octets = [], 0
        for item in islice(items, start, min(end, start + asked.get("Limit", end))):
            found.append(item)
            octets += size_of(item)
            if octets >= _PAGE:
                break
        answer: Item = {"Items": [_over_the_wire(item) for item in found]}
        if start + len(found) < end:
            answer["LastEvaluatedKey"] = {name: found[-1][name] for name in ("pk", "sk")}
        return answer


@contextmanager
def huge_mailboxes() -> Iterator[HugeMailboxes]:
    """Begin it before the calls are metered, so that these are as well."""
    huge, call = HugeMailboxes(), BaseClient._make_api_call

    def answered(self: Any, operation: str, asked: Any) -> Any:
        page = huge.page(asked) if operation == "Query" else None
        return call(self, operation, asked) if page is None else page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", answered)
        yield huge


def _records(box: Mailbox, count: int) -> Iterator[Put]:
    for uid in range(1, count + 1):
        yield Put(message_key(box.id, uid), {"message": encode_message(message_of(uid))})


def _counters(box: Mailbox, count: int) -> Put:
    after = replace(
        box,
        uid_next=count + 1,
        messages=count,
        unseen=count,
        highest_mod_seq=count,
        size=count * message_of(1).size,
    )
    return Put(mailbox_key(box.account, box.id), mailbox_body(after))


def _sort(item: Item) -> str:
    sort: str = item["sk"]["S"]
    return sort


def _over_the_wire(item: Item) -> Item:
    """Binary values in base64 (platform/aws/wire.py)."""
    return {
        name: {"B": base64.b64encode(typed["B"]).decode()} if "B" in typed else typed
        for name, typed in item.items()
    }
