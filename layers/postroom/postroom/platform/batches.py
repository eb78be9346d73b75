"""Run the records of one queue event together, and report those that failed, one by one.

An event source mapping with ReportBatchItemFailures deletes what we do not name in
``batchItemFailures``; what we name comes back after its visibility time, and after the queue's
maximum of receives goes to the dead-letter queue. The reason of the last failure is kept in the
table, under the letter's id, which stays the same on its way to the dead-letter queue.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from postroom.errors import PostroomError
from postroom.platform.clock import Clock
from postroom.platform.table import Key, Put, Table

log = logging.getLogger(__name__)

REASON_KEPT = 30 * 86_400  # seconds; a dead-letter queue keeps its letters for 14 days
_LONGEST_REASON = 500  # characters

Entry = TypeVar("Entry")


class Reasons:
    """Why letters of a queue failed last: ``dead/<queue>``, ``<message id>`` in the table."""

    def __init__(self, table: Table, clock: Clock, queue: str) -> None:
        self._table = table
        self._clock = clock
        self._partition = f"dead/{queue}"

    def note(self, failures: Mapping[str, Exception]) -> None:
        """Keep the reasons, by message id. Raises StoreUnavailable."""
        now = int(self._clock.seconds())
        self._table.put_many(
            [
                Put(
                    Key(self._partition, message_id),
                    {"reason": _sentence(error), "at": now},
                    expires=now + REASON_KEPT,
                )
                for message_id, error in failures.items()
            ]
        )

    def of(self, message_ids: Sequence[str]) -> dict[str, str]:
        """The reasons that are known, by message id."""
        keys = [Key(self._partition, message_id) for message_id in message_ids]
        return {
            key.sort: str(record.body["reason"])
            for key, record in self._table.get_many(keys).items()
        }


def run_batch(
    event: Mapping[str, Any],
    decode: Callable[[str], Entry],
    process: Callable[[Sequence[Entry]], Mapping[int, Exception]],
    reasons: Reasons,
) -> dict[str, list[dict[str, str]]]:
    """Decode each record's body, process those that can be decoded at once, report the rest.

    *event* is what Lambda gets from SQS. *process* returns the positions, in what it was given,
    of the entries that failed, and why; if it raises, all of them have failed. Never raises:
    an exception here would bring back the whole batch, the good ones too.
    """
    failures: dict[str, Exception] = {}
    ids: list[str] = []
    entries: list[Entry] = []
    for record in event["Records"]:
        try:
            entries.append(decode(record["body"]))
            ids.append(record["messageId"])
        except Exception as error:  # one poison entry must not hurt the others
            failures[record["messageId"]] = error
    if entries:
        try:
            failed = process(entries)
            failures.update((ids[position], error) for position, error in failed.items())
        except Exception as error:  # the reason goes to the log and the table, below
            failures.update(dict.fromkeys(ids, error))
    _report(event, failures, reasons)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}


def _report(event: Mapping[str, Any], failures: Mapping[str, Exception], reasons: Reasons) -> None:
    if not failures:
        return
    receives = {
        record["messageId"]: record.get("attributes", {}).get("ApproximateReceiveCount")
        for record in event["Records"]
    }
    for message_id, error in failures.items():
        log.error(
            "entry failed",
            extra={
                "message_id": message_id,
                "receives": receives[message_id],
                "reason": _sentence(error),
            },
            # An error that we raise tells all in its sentence; others need their traceback.
            exc_info=None if isinstance(error, PostroomError) else error,
        )
    try:
        reasons.note(failures)
    except Exception:  # the failures themselves must still be reported
        log.exception("reasons not kept")


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
