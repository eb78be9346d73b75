"""run_batch: one bad record hurts only itself, and each failure is reported with its reason."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from postroom.errors import BadSetting, StoreUnavailable
from postroom.platform.batches import Reasons, run_batch
from tests.unit.pipeline.rooms import Rooms


def event(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"id-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "2"},
            }
            for number, body in enumerate(bodies)
        ]
    }


def no_failures(entries: Sequence[int]) -> Mapping[int, Exception]:
    return {}


def failed(answer: Mapping[str, list[dict[str, str]]]) -> list[str]:
    assert set(answer) == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def reasons(rooms: Rooms) -> Reasons:
    return Reasons(rooms.table, rooms.clock, "work")


def test_all_went_well(reasons: Reasons) -> None:
    given: list[Sequence[int]] = []

    def process(entries: Sequence[int]) -> Mapping[int, Exception]:
        given.append(entries)
        return {}

    assert failed(run_batch(event("1", "2", "3"), int, process, reasons)) == []
    assert given == [[1, 2, 3]]
    assert reasons.of(["id-0", "id-1", "id-2"]) == {}


def test_what_cannot_be_decoded_is_left_out(reasons: Reasons) -> None:
    given: list[int] = []

    def process(entries: Sequence[int]) -> Mapping[int, Exception]:
        given.extend(entries)
        return {1: BadSetting("no threes")}  # the position among those that were decoded

    answer = run_batch(event("one", "2", "3", "4"), int, process, reasons)
    assert sorted(failed(answer)) == ["id-0", "id-2"]
    assert given == [2, 3, 4]
    known = reasons.of(["id-0", "id-1", "id-2", "id-3"])
    assert known["id-0"].startswith("ValueError: invalid literal")
    assert known["id-2"] == "BadSetting: no threes"
    assert set(known) == {"id-0", "id-2"}


def test_when_nothing_can_be_decoded_nothing_is_called(reasons: Reasons) -> None:
    def process(entries: Sequence[int]) -> Mapping[int, Exception]:
        raise AssertionError

    assert failed(run_batch(event("x", "y"), int, process, reasons)) == ["id-0", "id-1"]


def test_a_function_that_raises_fails_the_batch_and_does_not_raise(
    reasons: Reasons, caplog: pytest.LogCaptureFixture
) -> None:
    def process(entries: Sequence[int]) -> Mapping[int, Exception]:
        raise ZeroDivisionError("what nobody thought of")

    with caplog.at_level(logging.ERROR):
        answer = run_batch(event("1", "2"), int, process, reasons)
    assert failed(answer) == ["id-0", "id-1"]
    assert reasons.of(["id-0"])["id-0"] == "ZeroDivisionError: what nobody thought of"
    assert all(record.exc_info for record in caplog.records)  # a traceback for what surprises us


def test_failures_are_reported_even_if_their_reasons_cannot_be_kept(
    rooms: Rooms, reasons: Reasons
) -> None:
    rooms.table.start()
    rooms.table.fail_at = 1
    assert failed(run_batch(event("x"), int, no_failures, reasons)) == ["id-0"]
    assert reasons.of(["id-0"]) == {}


def test_the_last_reason_is_kept_and_not_at_any_length(reasons: Reasons) -> None:
    reasons.note({"id-0": StoreUnavailable("first")})
    reasons.note({"id-0": StoreUnavailable("x" * 100_000)})
    assert len(reasons.of(["id-0"])["id-0"]) == 500


def test_a_batch_without_records_is_none(reasons: Reasons) -> None:
    assert failed(run_batch({"Records": []}, int, no_failures, reasons)) == []
