"""An AWS account made of moto, with what template.yaml wires: table, bucket, topic, queues.

The table's keys, index and expiry, and each queue's times, are read from template.yaml: what
passes here passes against the resources that are deployed.
"""

import copy
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import moto.dynamodb.models
import moto.sqs.models
import pytest
import yaml
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.utils import unix_time

from local.runtime.template import _Loader
from postroom.settings import Settings

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def resources(template: str = "template.yaml") -> Mapping[str, Any]:
    """The resources of a template, by logical id; ``!Ref X`` and the like in their long forms."""
    found: Mapping[str, Any] = yaml.load((ROOT / template).read_text(), _Loader)["Resources"]
    return found


QUEUES = ("inbound", "outbound", "bounces", "answers", "index")


def make_stores(queues: Sequence[str] = QUEUES, endpoint: str | None = None) -> Settings:
    """Make table, bucket, topic, key and queues; return the settings that lead to them."""
    options: Any = {"region_name": "us-east-1", "endpoint_url": endpoint}
    table = resources()["Table"]["Properties"]
    dynamodb = boto3.client("dynamodb", **options)
    shape = ("BillingMode", "KeySchema", "AttributeDefinitions", "LocalSecondaryIndexes")
    dynamodb.create_table(TableName="postroom", **{part: table[part] for part in shape})
    dynamodb.update_time_to_live(
        TableName="postroom", TimeToLiveSpecification=table["TimeToLiveSpecification"]
    )
    boto3.client("s3", **options).create_bucket(Bucket="postroom")
    topic = boto3.client("sns", **options).create_topic(Name="postroom-changes")["TopicArn"]
    sqs = boto3.client("sqs", **options)
    inbound = resources()["InboundQueue"]["Properties"]
    urls = {}
    for name in queues:
        sqs.create_queue(QueueName=f"{name}-dead")
        urls[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
        set_queue(
            sqs,
            urls[name],
            inbound["VisibilityTimeout"],
            inbound["RedrivePolicy"]["maxReceiveCount"],
        )
    key = boto3.client("kms", **options).create_key()["KeyMetadata"]["Arn"]
    return Settings(
        store="aws", table="postroom", bucket="postroom", topic=topic, queues=urls, key=key
    )


def set_queue(sqs: Any, url: str, visibility: int, max_receives: int) -> None:
    """Set the queue's times, and which dead-letter queue it has: the one named after it."""
    dead = sqs.get_queue_attributes(QueueUrl=f"{url}-dead", AttributeNames=["QueueArn"])
    arn = dead["Attributes"]["QueueArn"]
    redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": max_receives}
    attributes = {"VisibilityTimeout": str(visibility), "RedrivePolicy": json.dumps(redrive)}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


@contextmanager
def account_in_process(ahead: Callable[[], float] = lambda: 0.0) -> Iterator[None]:
    """Let every AWS call of this process go to moto. *ahead*: seconds its SQS is in the future."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(moto.sqs.models, "unix_time", lambda: unix_time() + ahead())
        patch.setattr(moto.sqs.models, "unix_time_millis", lambda: (unix_time() + ahead()) * 1000)
        patch.setattr(BotocoreStubber, "process_request", _one_at_a_time())
        patch.setattr(moto.dynamodb.models, "copy", SimpleNamespace(deepcopy=_copy_to_go_back_to))
        with mock_aws():
            yield


def _copy_to_go_back_to(original: Any) -> Any:
    """moto copies a table to its last octet before each transaction, for the case that it fails.
    Records are replaced, never altered, so the lists of them are enough."""
    if not isinstance(original, moto.dynamodb.models.Table):
        return copy.deepcopy(original)
    copied = copy.copy(original)
    copied.items = copy.copy(original.items)
    for partition, records in original.items.items():
        copied.items[partition] = copy.copy(records)
    return copied


def _one_at_a_time() -> Callable[..., Any]:
    """moto checks a condition and writes in two steps, which threads can come between; AWS does
    both at once. A long poll must not stop the others."""
    process, lock = BotocoreStubber.process_request, threading.Lock()

    def locked(self: BotocoreStubber, request: Any) -> Any:
        body = request.body if isinstance(request.body, bytes) else b""
        if b'"WaitTimeSeconds"' in body and b'"WaitTimeSeconds": 0' not in body:
            return process(self, request)
        with lock:
            return process(self, request)

    return locked
