"""Topic over SNS. Every listening process has an SQS queue of its own, made when it subscribes.

The queues cannot stand in template.yaml, because nobody knows how many edge tasks there will be.
A process removes its queue when it closes. The queues of those that were killed are removed by
the next one that starts: a living process touches its queue every hour.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from postroom.errors import PostroomError, StoreUnavailable, TooLarge
from postroom.platform.aws.clients import Clients, unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

log = logging.getLogger(__name__)

LARGEST_NEWS = 1024  # octets of one message
_REQUEST = 60_000  # octets of news in one publish: SNS bills by 64 KB
_WAIT = 20  # seconds of a long poll
_TOUCH = 3600  # seconds between signs of life
_DESERTED = 3 * _TOUCH

_news = msgspec.json.Decoder(list[str])


class SnsTopic:
    def __init__(self, clients: Clients, arn: str) -> None:
        self._clients = clients
        self._arn = arn
        self._lock = threading.Lock()
        self._receivers: dict[int, Callable[[str], None]] = {}
        self._mailbag: _Mailbag | None = None

    def publish(self, messages: Sequence[str]) -> None:
        # One SNS message carries many: one request, one delivery to each listener's queue.
        for body in _bodies(messages):
            try:
                with unavailable(self._arn):
                    self._clients.sns.publish(TopicArn=self._arn, Message=body)
            except StoreUnavailable:
                log.warning("news lost", extra={"topic": self._arn}, exc_info=True)

    def subscribe(self, receive: Callable[[str], None]) -> "SnsSubscription":
        with self._lock:
            if self._mailbag is None:
                self._mailbag = _Mailbag(self._clients, self._arn, self._tell)
            subscription = SnsSubscription(self)
            self._receivers[id(subscription)] = receive
        return subscription

    def close(self) -> None:
        with self._lock:
            self._receivers.clear()
            if self._mailbag is not None:
                self._mailbag.close()
                self._mailbag = None

    def forget(self, subscription: "SnsSubscription") -> None:
        with self._lock:  # a callback under way holds it: none begins after this
            self._receivers.pop(id(subscription), None)

    def _tell(self, message: str) -> None:
        with self._lock:
            for receive in list(self._receivers.values()):
                try:
                    receive(message)
                except Exception:  # one listener's failure must not silence the others
                    log.exception("a listener failed")


class SnsSubscription:
    def __init__(self, topic: SnsTopic) -> None:
        self._topic = topic

    def close(self) -> None:
        self._topic.forget(self)


class _Mailbag:
    """This process's queue on the topic, and the thread that empties it."""

    def __init__(self, clients: Clients, arn: str, tell: Callable[[str], None]) -> None:
        self._clients = clients
        self._arn = arn
        self._tell = tell
        self._closed = False
        self._name = arn.rpartition(":")[2]
        with unavailable(arn):
            self._sweep()
            self._open()
        threading.Thread(target=self._run, name="news", daemon=True).start()

    def close(self) -> None:
        self._closed = True
        try:
            with unavailable(self._arn):
                self._clients.sns.unsubscribe(SubscriptionArn=self._subscription)
                self._sqs.delete_queue(QueueUrl=self._url)
        except StoreUnavailable:
            log.info("left a queue behind", extra={"queue": self._url})

    @property
    def _sqs(self) -> "SQSClient":
        return self._clients.sqs

    def _open(self) -> None:
        made = self._sqs.create_queue(
            QueueName=f"{self._name}-{uuid.uuid4().hex}",
            # News that nobody fetched for a minute is old: the session looks for itself.
            Attributes={"MessageRetentionPeriod": "60", "SqsManagedSseEnabled": "true"},
        )
        self._url = made["QueueUrl"]
        queue = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        queue_arn = queue["Attributes"]["QueueArn"]
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": queue_arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": self._arn}},
                }
            ],
        }
        self._sqs.set_queue_attributes(
            QueueUrl=self._url, Attributes={"Policy": json.dumps(policy)}
        )
        self._subscription = self._clients.sns.subscribe(
            TopicArn=self._arn,
            Protocol="sqs",
            Endpoint=queue_arn,
            Attributes={"RawMessageDelivery": "true"},
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        self._touched = time.monotonic()

    def _run(self) -> None:
        while not self._closed:
            try:
                self._receive()
            except PostroomError:
                if self._closed:
                    return
                log.warning("no news", extra={"topic": self._arn}, exc_info=True)
                time.sleep(1)

    def _receive(self) -> None:
        with unavailable(self._url):
            try:
                answer = self._sqs.receive_message(
                    QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=_WAIT
                )
            except self._sqs.exceptions.QueueDoesNotExist:
                if not self._closed:  # a sweep took us for dead
                    old = self._subscription
                    self._open()
                    self._clients.sns.unsubscribe(SubscriptionArn=old)
                return
        messages = answer.get("Messages", [])
        for message in messages:
            for news in _news.decode(message["Body"]):
                self._tell(news)
        if self._closed:
            return
        with unavailable(self._url):
            if messages:
                entries: Any = [
                    {"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]}
                    for place, message in enumerate(messages)
                ]
                self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
            if time.monotonic() - self._touched > _TOUCH:
                self._sqs.set_queue_attributes(
                    QueueUrl=self._url, Attributes={"MessageRetentionPeriod": "60"}
                )
                self._touched = time.monotonic()

    def _sweep(self) -> None:
        """Remove the queues and subscriptions of listeners that were killed."""
        deserted = set()
        for url in self._sqs.list_queues(QueueNamePrefix=f"{self._name}-").get("QueueUrls", []):
            try:
                found = self._sqs.get_queue_attributes(
                    QueueUrl=url, AttributeNames=["LastModifiedTimestamp"]
                )
                touched = float(found["Attributes"].get("LastModifiedTimestamp", time.time()))
                if touched < time.time() - _DESERTED:
                    self._sqs.delete_queue(QueueUrl=url)
                    deserted.add(url.rpartition("/")[2])
            except self._sqs.exceptions.QueueDoesNotExist:
                continue
        if not deserted:
            return
        more: Any = {}
        while True:
            page = self._clients.sns.list_subscriptions_by_topic(TopicArn=self._arn, **more)
            for subscription in page.get("Subscriptions", []):
                if subscription["Endpoint"].rpartition(":")[2] in deserted:
                    self._clients.sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}


def _bodies(messages: Sequence[str]) -> Iterator[str]:
    """The messages as JSON lists of up to 60 KB."""
    together: list[str] = []
    octets = 0
    for message in messages:
        size = len(message.encode())
        if size > LARGEST_NEWS:
            raise TooLarge("news", size, LARGEST_NEWS)
        if octets + size > _REQUEST:
            yield msgspec.json.encode(together).decode()
            together, octets = [], 0
        together.append(message)
        octets += size + 3
    if together:
        yield msgspec.json.encode(together).decode()
