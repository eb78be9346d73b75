"""Call a function as Lambda does: its module loaded once, an event in, an answer out."""

import importlib.util
import json
import logging
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.runtime.template import FunctionSpec
from postroom.errors import BadSetting
from postroom.platform.queue import Letter

log = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any], object], Any]


@dataclass(slots=True)
class Context:
    """The part of Lambda's context object that functions and their libraries use."""

    function_name: str
    memory_limit_in_mb: int
    deadline: float  # time.monotonic()
    function_version: str = "$LATEST"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:local:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def load(spec: FunctionSpec) -> Handler:
    """Import the function's module under a name of its own: every function has an ``app.py``."""
    name = _name(spec)
    found = importlib.util.spec_from_file_location(name, spec.folder / f"{spec.module}.py")
    if found is None or found.loader is None:
        raise BadSetting(f"{spec.name} has no module {spec.module} in {spec.folder}")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    handler: Handler | None = getattr(module, spec.handler, None)
    if handler is None:
        raise BadSetting(f"{spec.name} has no {spec.handler} in {spec.folder / spec.module}.py")
    return handler


def close(spec: FunctionSpec) -> None:
    """Let the function's module finish what it still has under way, if it has a ``close``."""
    ending = getattr(sys.modules[_name(spec)], "close", None)
    if ending is not None:
        ending()


def _name(spec: FunctionSpec) -> str:
    return f"functions_{spec.folder.name}_{spec.module}"


def invoke(spec: FunctionSpec, handler: Handler, event: dict[str, Any]) -> Any:
    context = Context(spec.name, spec.memory, time.monotonic() + spec.timeout)
    return handler(event, context)


def sqs_event(queue: str, letters: Sequence[Letter]) -> dict[str, Any]:
    """What Lambda's event source mapping hands over for letters from an SQS queue."""
    arn = f"arn:aws:sqs:local:000000000000:{queue}"
    return {
        "Records": [
            {
                "messageId": letter.id,
                "receiptHandle": letter.receipt,
                "body": letter.body,
                "attributes": {
                    "ApproximateReceiveCount": str(letter.receive_count),
                    "SentTimestamp": str(letter.sent),
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": "local",
            }
            for letter in letters
        ]
    }


def schedule_event(name: str, now: str) -> dict[str, Any]:
    """What EventBridge hands over for a schedule; *now* in ISO 8601."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": now,
        "region": "local",
        "resources": [f"arn:aws:events:local:000000000000:rule/{name}"],
        "detail": {},
    }


def failed_letters(answer: Any, letters: Sequence[Letter]) -> set[str]:
    """Ids of the letters that the function says have failed (partial batch response).

    As with Lambda, an answer that makes no sense fails the whole batch.
    """
    if not answer:
        return set()
    every = {letter.id for letter in letters}
    try:
        failures: Sequence[Mapping[str, str]] = answer["batchItemFailures"] or ()
        failed = {failure["itemIdentifier"] for failure in failures}
    except (KeyError, TypeError):
        log.error("bad batch response", extra={"answer": json.dumps(answer, default=str)[:200]})
        return every
    return failed if failed <= every else every
