"""Table over DynamoDB: one table with keys ``pk``, ``sk`` and the local index ``by-order``.

What a call costs decides its form: a lone put or delete is half the price of a transaction of
one; a hundred gets are one request. The index is local, so reading it is strongly consistent;
it holds only records with an order number and lets a partition grow to 10 GB.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from postroom.errors import ConditionFailed, StoreUnavailable, TooLarge
from postroom.platform.aws.clients import Clients, code_of, unavailable
from postroom.platform.aws.items import (
    Item,
    attribute_name,
    attribute_value,
    item_of,
    key_item,
    record_of,
)
from postroom.platform.clock import Clock
from postroom.platform.table import (
    LARGEST_TRANSACTION,
    MOST_WRITES,
    Absent,
    Check,
    Condition,
    Delete,
    Holds,
    Key,
    Put,
    Record,
    Refusal,
    Write,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_GETS = 100  # keys in one BatchGetItem
_PUTS = 25  # items in one BatchWriteItem
_TRIES = 6  # for what a batch left undone, and for conflicts of writes without a condition

_Call = Callable[[], None]
_Result = TypeVar("_Result")


class DynamoTable:
    most_writes = MOST_WRITES
    largest_transaction = LARGEST_TRANSACTION

    def __init__(self, clients: Clients, table: str, clock: Clock) -> None:
        self._clients = clients
        self._table = table
        self._clock = clock
        self._store = f"DynamoDB {table}"

    def get(self, key: Key) -> Record | None:
        with unavailable(self._store):
            found = self._dynamodb.get_item(
                TableName=self._table, Key=key_item(key), ConsistentRead=True
            )
        item = found.get("Item")
        return record_of(item, self._clock.seconds()) if item else None

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        if len(keys) == 1:
            record = self.get(keys[0])
            return {} if record is None else {record.key: record}
        pages = _chunks([key_item(key) for key in dict.fromkeys(keys)], _GETS)
        now = self._clock.seconds()
        records = (
            record_of(item, now) for page in self._at_once(self._get_page, pages) for item in page
        )
        return {record.key: record for record in records if record is not None}

    def range(
        self,
        partition: str,
        first: str = "",
        last: str | None = None,
        *,
        backwards: bool = False,
        limit: int | None = None,
    ) -> Iterator[Record]:
        if (last is not None and last < first) or last == "":
            return iter(())
        values: Item = {":pk": {"S": partition}}
        condition = "pk = :pk"
        if first:
            values[":first"] = {"S": first}
        if last is not None:
            values[":last"] = {"S": last}
        if first and last is not None:
            condition += " AND sk BETWEEN :first AND :last"
        elif first:
            condition += " AND sk >= :first"
        elif last is not None:
            condition += " AND sk <= :last"
        return self._query(condition, values, {}, backwards, limit)

    def range_by_order(
        self,
        partition: str,
        above: int,
        *,
        backwards: bool = False,
        limit: int | None = None,
    ) -> Iterator[Record]:
        values = {":pk": {"S": partition}, ":above": {"N": str(above)}}
        index = {"IndexName": "by-order", "ExpressionAttributeNames": {"#order": "order"}}
        return self._query("pk = :pk AND #order > :above", values, index, backwards, limit)

    def write(self, *writes: Write) -> None:
        for call in self._calls(writes):
            call()

    def write_soon(self, *writes: Write) -> "Future[None]":
        calls = self._calls(writes)  # here, so that TooLarge is raised at once

        def run() -> None:
            for call in calls:
                call()

        return self._clients.pool.submit(run)

    def write_each(self, transactions: Sequence[Sequence[Write]]) -> list[Refusal | None]:
        begun = [self._calls(writes) for writes in transactions]
        if len(begun) == 1:
            return [_refused(begun[0])]
        return list(self._clients.pool.map(_refused, begun))

    def put_many(self, puts: Sequence[Put]) -> None:
        if any(put.condition is not None for put in puts):
            raise ValueError("put_many takes no conditions")
        latest = {put.key: put for put in puts}  # a batch may name a key once
        if len(latest) == 1:
            self.write(*latest.values())
            return
        requests = [{"PutRequest": {"Item": item_of(put)[0]}} for put in latest.values()]
        for _ in self._at_once(self._put_page, _chunks(requests, _PUTS)):
            pass

    @property
    def _dynamodb(self) -> "DynamoDBClient":
        return self._clients.dynamodb

    # Writing.

    def _calls(self, writes: Sequence[Write]) -> list[_Call]:
        """Check the writes against all limits; return the call that does them, if any."""
        if not writes:
            return []
        if len(writes) > MOST_WRITES:
            raise TooLarge("a transaction's number of writes", len(writes), MOST_WRITES)
        if len({write.key for write in writes}) < len(writes):
            raise ValueError("a transaction names a key twice")
        size = 0
        actions: list[tuple[str, Item]] = []
        for write in writes:
            action: Item = {"TableName": self._table, **self._condition(write.condition)}
            if isinstance(write, Put):
                action["Item"], octets = item_of(write)
                size += octets
                actions.append(("Put", action))
            else:
                action["Key"] = key_item(write.key)
                actions.append(
                    ("Delete" if isinstance(write, Delete) else "ConditionCheck", action)
                )
        if size > LARGEST_TRANSACTION:
            raise TooLarge("a transaction", size, LARGEST_TRANSACTION)
        conditional = any(write.condition is not None for write in writes)
        if len(actions) == 1 and not isinstance(writes[0], Check):
            ((kind, action),) = actions
            one = self._put_or_delete
            return [lambda: _past_conflicts(lambda: one(kind, action), conditional)]
        return [lambda: _past_conflicts(lambda: self._transact(actions), conditional)]

    def _put_or_delete(self, kind: str, action: Item) -> None:
        do: Any = self._dynamodb.put_item if kind == "Put" else self._dynamodb.delete_item
        if "ConditionExpression" in action:
            action = {**action, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        with unavailable(self._store):
            try:
                do(**action)
            except ClientError as error:
                code = code_of(error)
                if code == "TransactionConflictException":
                    raise ConditionFailed(()) from error
                if code != "ConditionalCheckFailedException":
                    raise
                # botocore repeats a call whose answer got lost. Then what is in the way of the
                # condition may be our own first try, which has done what we wanted.
                retried = error.response["ResponseMetadata"].get("RetryAttempts", 0) > 0
                if retried and error.response.get("Item") == action.get("Item"):
                    return
                raise ConditionFailed((0,)) from error

    def _transact(self, actions: Sequence[tuple[str, Item]]) -> None:
        # botocore adds a ClientRequestToken, so that its own repeats of a lost call count once.
        with unavailable(self._store):
            try:
                self._dynamodb.transact_write_items(
                    TransactItems=[{kind: action} for kind, action in actions]  # type: ignore[misc]
                )
            except ClientError as error:
                if code_of(error) != "TransactionCanceledException":
                    raise
                reasons = _reasons(error)
                failed = [
                    place
                    for place, reason in enumerate(reasons)
                    if reason == "ConditionalCheckFailed"
                ]
                if failed or "TransactionConflict" in reasons:
                    raise ConditionFailed(failed) from error
                raise  # throttled, or an index's partition is full

    def _condition(self, condition: Condition | None) -> Item:
        if condition is None:
            return {}
        names = {"#expires": "expires"}
        values: Item = {":now": {"N": str(int(self._clock.seconds()))}}
        live = "(attribute_not_exists(#expires) OR #expires > :now)"
        if isinstance(condition, Absent):
            expression = "attribute_not_exists(pk) OR #expires <= :now"
        elif isinstance(condition, Holds):
            names["#held"] = attribute_name(condition.name)
            values[":held"] = attribute_value(condition.value)
            expression = f"#held = :held AND {live}"
        else:
            expression = f"attribute_exists(pk) AND {live}"
        return {
            "ConditionExpression": expression,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }

    def _put_page(self, requests: Sequence[Item]) -> None:
        left: Any = {self._table: list(requests)}
        for pause in _pauses():
            with unavailable(self._store):
                answer = self._dynamodb.batch_write_item(RequestItems=left)
            left = answer.get("UnprocessedItems")
            if not left:
                return
            time.sleep(pause)
        raise StoreUnavailable(f"{self._store}: a batch of puts stayed unfinished (throttled)")

    # Reading.

    def _get_page(self, keys: Sequence[Item]) -> list[Mapping[str, Any]]:
        left: Any = {self._table: {"Keys": list(keys), "ConsistentRead": True}}
        items: list[Mapping[str, Any]] = []
        for pause in _pauses():
            with unavailable(self._store):
                answer = self._dynamodb.batch_get_item(RequestItems=left)
            found = answer["Responses"].get(self._table, [])
            items += found
            left = answer.get("UnprocessedKeys")
            if not left:
                return items
            if not found:  # an answer of 16 MB leaves keys undone too, but made progress
                time.sleep(pause)
        raise StoreUnavailable(f"{self._store}: a batch of gets stayed unfinished (throttled)")

    def _query(
        self, condition: str, values: Item, more: Item, backwards: bool, limit: int | None
    ) -> Iterator[Record]:
        """Read page by page. Expired records count against a page, not against the limit."""
        query: Item = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            "ScanIndexForward": not backwards,
            **more,
        }
        while limit is None or limit > 0:
            if limit is not None:
                query["Limit"] = limit
            with unavailable(self._store):
                page: Any = self._dynamodb.query(**query)
            now = self._clock.seconds()
            for item in page["Items"]:
                record = record_of(item, now)
                if record is not None:
                    if limit is not None:
                        limit -= 1
                    yield record
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _at_once(
        self, call: "Callable[[list[Item]], _Result]", pages: "Iterator[list[Item]]"
    ) -> "Iterator[_Result]":
        """Call for every page, several at a time when there are several."""
        begun = list(pages)
        if len(begun) == 1:
            return iter((call(begun[0]),))
        # The pool's own tasks never wait for the pool, so this cannot lock up.
        return self._clients.pool.map(call, begun)


def _past_conflicts(call: Callable[[], None], conditional: bool) -> None:
    """Repeat a write without conditions that met another transaction; report all else."""
    for pause in _pauses():
        try:
            return call()
        except ConditionFailed as error:
            if conditional or error.failed:
                raise
        time.sleep(pause)
    raise StoreUnavailable("DynamoDB: a write met other transactions again and again")


def _refused(calls: list[_Call]) -> Refusal | None:
    """Do the one transaction; return why it was not done."""
    try:
        for call in calls:
            call()
    except (ConditionFailed, StoreUnavailable) as error:
        return error
    return None


def _pauses() -> Iterator[float]:
    return (random.uniform(0, 0.02 * 2**attempt) for attempt in range(_TRIES))  # noqa: S311 - jitter


def _reasons(error: ClientError) -> list[str]:
    reasons: Any = error.response.get("CancellationReasons", [])
    return [reason.get("Code", "None") for reason in reasons]


def _chunks(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
