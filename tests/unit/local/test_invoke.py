"""Functions are called as Lambda calls them, and their answers read as Lambda reads them."""

from pathlib import Path
from typing import Any

import pytest

from local.runtime.invoke import close, failed_letters, invoke, load, schedule_event, sqs_event
from local.runtime.template import FunctionSpec
from postroom.errors import BadSetting
from postroom.platform.queue import Letter

LETTERS = [Letter(str(number), "{}", f"receipt {number}", 1, 1000) for number in range(3)]
ALL = {"0", "1", "2"}


def spec(folder: Path, text: str, handler: str = "handler") -> FunctionSpec:
    folder.mkdir()
    (folder / "app.py").write_text(text)
    return FunctionSpec("MyFunction", folder, "app", handler, 30, 256, {}, (), ())


def test_each_function_has_a_module_of_its_own(tmp_path: Path) -> None:
    first = spec(tmp_path / "first", "handler = lambda event, context: ('first', event)")
    second = spec(tmp_path / "second", "handler = lambda event, context: ('second', event)")
    handlers = load(first), load(second)
    assert invoke(first, handlers[0], {"a": 1}) == ("first", {"a": 1})
    assert invoke(second, handlers[1], {}) == ("second", {})


def test_a_module_may_finish_what_it_has_under_way(tmp_path: Path) -> None:
    text = "handler = lambda event, context: closed\nclosed = []\ndef close(): closed.append(1)"
    function = spec(tmp_path / "f", text)
    handler = load(function)
    close(function)
    assert invoke(function, handler, {}) == [1]
    without = spec(tmp_path / "g", "handler = lambda event, context: None")
    load(without)
    close(without)


def test_the_context_tells_name_memory_and_time_left(tmp_path: Path) -> None:
    function = spec(tmp_path / "f", "handler = lambda event, context: context")
    context = invoke(function, load(function), {})
    assert context.function_name == "MyFunction"
    assert context.memory_limit_in_mb == 256
    assert context.invoked_function_arn.endswith(":function:MyFunction")
    assert 29_000 < context.get_remaining_time_in_millis() <= 30_000
    assert context.aws_request_id


def test_a_module_without_its_handler_is_a_bad_setting(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="MyFunction has no handle in"):
        load(spec(tmp_path / "f", "handler = None", "handle"))


def test_a_letter_becomes_a_record_of_an_sqs_event() -> None:
    event = sqs_event("work", [Letter("7", "body", "r", 2, 1234)])
    [record] = event["Records"]
    assert record["messageId"] == "7"
    assert record["body"] == "body"
    assert record["receiptHandle"] == "r"
    assert record["attributes"] == {"ApproximateReceiveCount": "2", "SentTimestamp": "1234"}
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(":work")


def test_a_schedule_becomes_an_event_of_eventbridge() -> None:
    event = schedule_event("Clock", "2026-11-24T12:00:00+00:00")
    assert event["detail-type"] == "Scheduled Event"
    assert event["time"] == "2026-11-24T12:00:00+00:00"


# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        pytest.param(None, set(), id="nothing"),
        pytest.param({}, set(), id="empty answer"),
        pytest.param({"batchItemFailures": []}, set(), id="no failures"),
        pytest.param({"batchItemFailures": None}, set(), id="null failures"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": "1"}]}, {"1"}, id="one failed"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": n} for n in ALL]}, ALL, id="all"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": "9"}]}, ALL, id="unknown id"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": ""}]}, ALL, id="empty id"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": None}]}, ALL, id="null id"),
        pytest.param({"batchItemFailures": [{"item": "1"}]}, ALL, id="bad key"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": ["1"]}]}, ALL, id="a list as id"),
        pytest.param({"batchItemFailures": ["1"]}, ALL, id="bare ids"),
        pytest.param({"batchItemFailures": 5}, ALL, id="a number"),
        pytest.param({"failures": []}, ALL, id="another key"),
        pytest.param("done", ALL, id="a word"),
        pytest.param([1], ALL, id="a list"),
    ],
)
def test_an_answer_that_makes_no_sense_fails_the_batch(answer: Any, failed: set[str]) -> None:
    assert failed_letters(answer, LETTERS) == failed
