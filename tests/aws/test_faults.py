"""What the adapters do when AWS refuses, throttles, or its answer is lost on the way."""

import base64
import json
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.botocore_stubber import BotocoreStubber
from moto.sqs.models import sqs_backends

from postroom.errors import ConditionFailed, StoreUnavailable
from postroom.platform.aws import topic
from postroom.platform.aws.blobs import PART
from postroom.platform.aws.store import AwsStore
from postroom.platform.aws.topic import SnsTopic
from postroom.platform.blobs import BlobKey
from postroom.platform.system import SystemClock
from postroom.platform.table import Absent, Holds, Key, Put
from tests.aws_account import account_in_process, make_stores

Answer = tuple[int, dict[str, str], bytes]
Fault = Callable[[Any, Callable[[Any], Answer]], Answer]  # request, the real thing


@dataclass
class Line:
    """The way to AWS. Each planned fault happens to the next call of its operation."""

    faults: list[tuple[str, Fault]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def plan(self, operation: str, *faults: Fault) -> None:
        self.faults += [(operation, fault) for fault in faults]


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    with account_in_process():
        found, process = Line(), BotocoreStubber.process_request

        def faulty(self: BotocoreStubber, request: Any) -> Any:
            target = request.headers.get("X-Amz-Target", b"")
            name = target.decode() if isinstance(target, bytes) else target
            operation = name.rpartition(".")[2] or f"{request.method} {request.url}"
            found.seen.append(operation)
            for place, (wanted, fault) in enumerate(found.faults):
                if wanted in operation:
                    del found.faults[place]
                    return fault(request, lambda changed: process(self, changed))
            return process(self, request)

        monkeypatch.setattr(BotocoreStubber, "process_request", faulty)
        yield found
        assert not found.faults, "planned faults that did not happen"


@pytest.fixture
def store(line: Line) -> Iterator[AwsStore]:
    store = AwsStore(make_stores(), SystemClock())
    line.seen.clear()
    yield store
    store.close()


def refused(status: int, code: str, **more: Any) -> Fault:
    answer = json.dumps({"__type": f"com.amazonaws#{code}", "message": "no", **more}).encode()
    return lambda request, go_on: (status, {}, answer)


def garbled(status: int) -> Fault:
    return lambda request, go_on: (status, {}, b"<html>Bad Gateway")


def lost(request: Any, go_on: Callable[[Any], Answer]) -> Answer:
    """It is done, but nobody hears of it."""
    go_on(request)
    return 500, {}, b'{"__type": "InternalServerError"}'


THROTTLED = refused(400, "ProvisionedThroughputExceededException")
DOWN = refused(503, "ServiceUnavailable")
CONFLICT = refused(
    400,
    "TransactionCanceledException",
    CancellationReasons=[{"Code": "TransactionConflict"}, {"Code": "None"}],
)
KEY, OTHER = Key("p", "1"), Key("p", "2")


def test_a_call_is_repeated_a_few_times_and_then_the_store_is_unavailable(
    line: Line, store: AwsStore
) -> None:
    line.plan("GetItem", THROTTLED, DOWN)
    assert store.table.get(KEY) is None
    line.plan("GetItem", DOWN, DOWN, DOWN, DOWN)
    with pytest.raises(StoreUnavailable, match="DynamoDB postroom"):
        store.table.get(KEY)


def test_a_conditional_put_whose_answer_is_lost_has_succeeded(line: Line, store: AwsStore) -> None:
    put = Put(KEY, {"n": 1, "b": b"\x00\xff", "deep": {"a": [b"x"]}}, order=3, condition=Absent())
    line.plan("PutItem", lost)
    store.table.write(put)
    assert line.seen == ["PutItem", "PutItem"]
    with pytest.raises(ConditionFailed):
        store.table.write(put)
    line.plan("PutItem", DOWN)  # repeated as well, but the record is another's
    with pytest.raises(ConditionFailed):
        store.table.write(Put(KEY, {"n": 2}, condition=Absent()))


def test_a_transaction_that_meets_another(line: Line, store: AwsStore) -> None:
    line.plan("TransactWriteItems", CONFLICT, CONFLICT)
    store.table.write(Put(KEY, {"n": 1}), Put(OTHER, {"n": 1}))  # no condition: it goes again
    line.plan("TransactWriteItems", CONFLICT)
    with pytest.raises(ConditionFailed) as failure:  # the caller must look again
        store.table.write(Put(KEY, {"n": 2}, condition=Holds("n", 1)), Put(OTHER, {"n": 2}))
    assert failure.value.failed == ()
    assert {record.body["n"] for record in store.table.range("p")} == {1}


def test_what_a_batch_left_undone_is_done(line: Line, store: AwsStore) -> None:
    def half(request: Any, go_on: Callable[[Any], Answer]) -> Answer:
        """Do every second of the batch; return the others as DynamoDB does."""
        asked = json.loads(request.body)
        puts = isinstance(next(iter(asked["RequestItems"].values())), list)
        wanted: Any = asked["RequestItems"]["postroom"]
        entries = wanted if puts else wanted["Keys"]
        done, left = entries[::2], entries[1::2]

        def part(some: list[Any]) -> dict[str, Any]:
            return {"postroom": some if puts else {**wanted, "Keys": some}}

        request.body = json.dumps({**asked, "RequestItems": part(done)}).encode()
        status, headers, body = go_on(request)
        answer = json.loads(body)
        answer["UnprocessedItems" if puts else "UnprocessedKeys"] = part(left)
        return status, headers, json.dumps(answer).encode()

    keys = [Key("p", f"{number:02}") for number in range(20)]
    line.plan("BatchWriteItem", half, half)
    store.table.put_many([Put(key, {"b": b"\xff"}) for key in keys])
    line.plan("BatchGetItem", half, half, half)
    assert list(store.table.get_many(keys)) != []
    assert set(store.table.get_many(keys)) == set(keys)
    assert line.seen.count("BatchWriteItem") == 3


def test_a_batch_that_stays_undone_is_an_error(line: Line, store: AwsStore) -> None:
    def nothing(request: Any, go_on: Callable[[Any], Answer]) -> Answer:
        return (
            200,
            {},
            json.dumps({"UnprocessedItems": json.loads(request.body)["RequestItems"]}).encode(),
        )

    line.plan("BatchWriteItem", *[nothing] * 6)
    with pytest.raises(StoreUnavailable, match="throttled"):
        store.table.put_many([Put(KEY, {}), Put(OTHER, {})])


def test_of_several_writes_that_which_fails_fails_alone(line: Line, store: AwsStore) -> None:
    line.plan("PUT https://postroom.s3.amazonaws.com/k1", DOWN, DOWN, DOWN, DOWN)
    errors = store.blobs.put_each([(BlobKey(f"k{number}"), b"body") for number in range(3)])
    assert [type(error) for error in errors] == [type(None), StoreUnavailable, type(None)]
    assert list(store.blobs.get_many([BlobKey("k0"), BlobKey("k2")])) == [b"body", b"body"]
    assert store.blobs.put_each([]) == []
    line.plan("PutItem", DOWN, DOWN, DOWN, DOWN)
    refused = store.table.write_each(
        [
            [Put(Key("p", "1"), {}), Put(Key("p", "2"), {})],
            [Put(Key("p", "3"), {})],
            [Put(Key("p", "4"), {}), Put(Key("p", "5"), {}, condition=Holds("n", 1))],
            [Put(Key("p", "6"), {}), Put(Key("p", "7"), {})],
        ]
    )
    kinds = [type(error) for error in refused]
    assert kinds == [type(None), StoreUnavailable, ConditionFailed, type(None)]
    assert [record.key.sort for record in store.table.range("p")] == ["1", "2", "6", "7"]


def test_a_queue_entry_that_is_refused_fails_alone(line: Line, store: AwsStore) -> None:
    def second_refused(request: Any, go_on: Callable[[Any], Answer]) -> Answer:
        asked = json.loads(request.body)
        asked["Entries"].pop(1)
        request.body = json.dumps(asked).encode()
        status, headers, body = go_on(request)
        answer = json.loads(body)
        answer["Failed"] = [{"Id": "1", "Code": "InternalError", "SenderFault": False}]
        return status, headers, json.dumps(answer).encode()

    inbound = store.queue("inbound")
    line.plan("SendMessageBatch", second_refused)
    inbound._senders = 99  # as if all were under way, so that the three go together
    sent = [inbound.send_soon(f"{number}") for number in range(3)]
    inbound._senders = 1
    inbound._send_waiting()
    assert sent[0].result(10) is None
    assert sent[2].result(10) is None
    with pytest.raises(StoreUnavailable, match="InternalError"):
        sent[1].result(10)
    assert sorted(letter.body for letter in inbound.receive()) == ["0", "2"]


def test_a_queue_that_is_down_fails_every_entry(line: Line, store: AwsStore) -> None:
    line.plan("SendMessageBatch", DOWN, DOWN, DOWN, DOWN)
    with pytest.raises(StoreUnavailable):
        store.queue("inbound").send_soon("x").result(30)
    store.queue("inbound").send_soon("y").result(30)  # and the next one goes
    assert [letter.body for letter in store.queue("inbound").receive()] == ["y"]


def uploads() -> list[Any]:
    return boto3.client("s3").list_multipart_uploads(Bucket="postroom").get("Uploads", [])


def test_a_large_blob_that_fails_leaves_no_parts_behind(line: Line, store: AwsStore) -> None:
    draft = store.blobs.draft(BlobKey("large"))
    draft.write(b"x" * (PART + 1))
    assert len(uploads()) == 1
    line.plan("partNumber=2", DOWN, DOWN, DOWN, DOWN)
    with pytest.raises(StoreUnavailable):
        draft.commit_soon().result(60)
    assert uploads() == []
    given_up = store.blobs.draft(BlobKey("given-up"))
    given_up.write(b"x" * (PART + 1))
    given_up.abandon()
    assert uploads() == []


def test_news_that_cannot_be_published_stops_nobody(line: Line, store: AwsStore) -> None:
    line.plan("POST https://sns", *[garbled(503)] * 4)
    store.topic.publish(["account mailbox"])
    line.plan("POST https://sns", lambda request, go_on: (200, {}, b"<PublishRes"))
    store.topic.publish(["account mailbox"])


@pytest.mark.parametrize("status", [200, 502])
def test_an_answer_that_is_none_is_an_outage(line: Line, store: AwsStore, status: int) -> None:
    line.plan("Query", *[garbled(status)] * (1 if status == 200 else 4))
    with pytest.raises(StoreUnavailable):
        list(store.table.range("p"))


def listeners() -> tuple[list[str], list[str]]:
    """Names of the queues on the topic, and of the queues that are subscribed."""
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    urls = sqs.list_queues(QueueNamePrefix="postroom-changes-").get("QueueUrls", [])
    endpoints = [one["Endpoint"] for one in sns.list_subscriptions()["Subscriptions"]]
    return (
        sorted(url.rpartition("/")[2] for url in urls),
        sorted(endpoint.rpartition(":")[2] for endpoint in endpoints),
    )


def test_a_listener_whose_queue_was_removed_makes_another(
    store: AwsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic, "_WAIT", 1)  # the poll under way notices nothing
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    store.topic.subscribe(heard.put)
    ((first,), _) = listeners()
    sqs = boto3.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=first)["QueueUrl"])
    until = time.monotonic() + 20
    # For a moment both are subscribed, and moto fails to publish to the one that is gone.
    while (not (found := listeners()[1]) or first in found) and time.monotonic() < until:
        time.sleep(0.1)
    store.topic.publish(["news"])
    assert heard.get(timeout=20) == "news"
    store.close()
    assert listeners() == ([], [])


def test_what_killed_listeners_left_is_removed(line: Line, store: AwsStore) -> None:
    killed = SnsTopic(store._clients, store._topic._arn)
    killed.subscribe(lambda news: None)
    assert killed._mailbag is not None
    ((name,), _) = listeners()
    made = sqs_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].queues
    made[name].last_modified_timestamp -= 2 * 3600
    store.topic.subscribe(lambda news: None)
    assert len(listeners()[0]) == 2  # it may still live: it has three hours
    store.topic.close()
    made[name].last_modified_timestamp -= 2 * 3600
    store.topic.subscribe(lambda news: None)
    queues, subscribed = listeners()
    assert queues == subscribed
    assert len(queues) == 1
    assert name not in queues
    killed._mailbag._closed = True  # as a process that is gone: it says nothing more


def test_values_come_back_as_they_were_through_the_short_cut(store: AwsStore) -> None:
    """wire.py takes items out of the answer before botocore reads it."""
    body = {"octets": bytes(range(256)), "text": base64.b64encode(b"x").decode(), "n": -5}
    store.table.write(Put(KEY, body))
    found = store.table.get(KEY)
    assert found is not None
    assert found.body == body
