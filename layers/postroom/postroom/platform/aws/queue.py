"""Queue over SQS."""

import json
import math
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from postroom.errors import BadSetting, StoreUnavailable, TooLarge
from postroom.platform.aws.clients import Clients, code_of, unavailable
from postroom.platform.queue import (
    LARGEST_BATCH,
    LARGEST_BODY,
    LONGEST_DELAY,
    LONGEST_VISIBILITY,
    Letter,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_LONGEST_WAIT = 20
# Batches under way at once: while they run, what else is sent gathers for the next one. SQS
# bills the batch, so more here would be faster by a hair and dearer by up to ten times.
_SENDERS = 4


class SqsQueue:
    def __init__(self, clients: Clients, url: str) -> None:
        self._clients = clients
        self._url = url
        self._waiting: deque[tuple[str, int, Future[None]]] = deque()
        self._senders = 0
        self._lock = threading.Lock()

    def send(self, body: str, delay: int = 0) -> None:
        _check(body, delay)
        with unavailable(self._url):
            self._sqs.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=delay)

    def send_soon(self, body: str, delay: int = 0) -> "Future[None]":
        _check(body, delay)
        sent: Future[None] = Future()
        sent.set_running_or_notify_cancel()  # it cannot be cancelled: it may be under way
        with self._lock:
            self._waiting.append((body, delay, sent))
            if self._senders < _SENDERS:
                self._clients.pool.submit(self._send_waiting)
                self._senders += 1
        return sent

    def receive(self, most: int = LARGEST_BATCH, wait: float = 0.0) -> list[Letter]:
        _check_batch(most)
        with unavailable(self._url):
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=most,
                WaitTimeSeconds=min(math.ceil(wait), _LONGEST_WAIT),
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            )
        return [
            Letter(
                id=message["MessageId"],
                body=message["Body"],
                receipt=message["ReceiptHandle"],
                receive_count=int(message["Attributes"]["ApproximateReceiveCount"]),
                sent=int(message["Attributes"]["SentTimestamp"]),
            )
            for message in answer.get("Messages", [])
        ]

    def delete(self, receipts: Sequence[str]) -> None:
        if not receipts:
            return
        _check_batch(len(receipts))
        entries: Any = [
            {"Id": str(place), "ReceiptHandle": receipt} for place, receipt in enumerate(receipts)
        ]
        with unavailable(self._url):
            answer = self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        for refused in answer.get("Failed", []):
            if not refused["SenderFault"]:  # ours would be an unknown receipt: no error
                raise StoreUnavailable(f"{self._url}: not deleted: {refused['Code']}")

    def hide(self, receipt: str, seconds: int) -> None:
        if seconds > LONGEST_VISIBILITY:
            raise TooLarge("a visibility time", seconds, LONGEST_VISIBILITY)
        with unavailable(self._url):
            try:
                self._sqs.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds
                )
            except ClientError as error:
                if not _outdated(error):
                    raise

    def depth(self) -> tuple[int, int]:
        with unavailable(self._url):
            found: Any = self._sqs.get_queue_attributes(
                QueueUrl=self._url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesDelayed",
                    "ApproximateNumberOfMessagesNotVisible",
                ],
            )["Attributes"]
        waiting, delayed, taken = (
            int(found.get(f"ApproximateNumberOfMessages{kind}", "0"))
            for kind in ("", "Delayed", "NotVisible")
        )
        return waiting + delayed, taken

    @property
    def _sqs(self) -> "SQSClient":
        return self._clients.sqs

    def _send_waiting(self) -> None:
        while True:
            with self._lock:
                batch = self._take_batch()
                if not batch:
                    self._senders -= 1
                    return
            self._send_batch(batch)

    def _take_batch(self) -> list[tuple[str, int, "Future[None]"]]:
        """Up to ten of the waiting ones, together within SQS's limit for one request."""
        batch: list[tuple[str, int, Future[None]]] = []
        octets = 0
        while self._waiting and len(batch) < LARGEST_BATCH:
            octets += len(self._waiting[0][0].encode())
            if batch and octets > LARGEST_BODY:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _send_batch(self, batch: list[tuple[str, int, "Future[None]"]]) -> None:
        entries: Any = [
            {"Id": str(place), "MessageBody": body, "DelaySeconds": delay}
            for place, (body, delay, _) in enumerate(batch)
        ]
        try:
            with unavailable(self._url):
                answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
        except BaseException as error:  # whatever it was, those who wait must hear of it
            for _, _, sent in batch:
                sent.set_exception(error)
            return
        refused = {int(entry["Id"]): entry["Code"] for entry in answer.get("Failed", [])}
        for place, (_, _, sent) in enumerate(batch):
            if place in refused:
                sent.set_exception(StoreUnavailable(f"{self._url}: {refused[place]}"))
            else:
                sent.set_result(None)


def dead_letters_of(clients: Clients, url: str) -> str:
    """URL of the dead-letter queue that the queue's redrive policy names. Raises BadSetting."""
    with unavailable(url):
        found = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
        policy = json.loads(found.get("Attributes", {}).get("RedrivePolicy", "{}"))
        if "deadLetterTargetArn" not in policy:
            raise BadSetting(f"{url} has no dead-letter queue")
        name = policy["deadLetterTargetArn"].rpartition(":")[2]
        return clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]


def _check(body: str, delay: int) -> None:
    octets = len(body.encode())
    if octets > LARGEST_BODY:
        raise TooLarge("a queue entry", octets, LARGEST_BODY)
    if delay > LONGEST_DELAY:
        raise TooLarge("a delay", delay, LONGEST_DELAY)


def _check_batch(size: int) -> None:
    if not 1 <= size <= LARGEST_BATCH:
        raise TooLarge("a batch", size, LARGEST_BATCH)


def _outdated(error: ClientError) -> bool:
    """Whether the receipt is of an earlier receive, or of a letter that is gone."""
    code = code_of(error)
    return (
        "ReceiptHandleIsInvalid" in code
        or "MessageNotInflight" in code
        or (code == "InvalidParameterValue")
    )
