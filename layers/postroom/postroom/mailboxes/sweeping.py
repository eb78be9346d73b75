"""What was expunged longer ago than the grace period goes, and blobs with their last reference.

The day's first expunge in a mailbox leaves a note in the partition ``sweep``, so the due ones
are one range. Removing goes in steps that may each be the last before a crash, and are
repeated then:

1. Blobs that lose their last reference are marked (0 references), in one transaction with
   the mailbox's record. From here on nothing brings these messages back.
2. The blobs are deleted.
3. The messages, the marked records of blobs and the lost references go in one transaction,
   so that a reference is subtracted exactly once.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from msgspec import structs

from postroom.errors import ConditionFailed
from postroom.mailboxes import annotations
from postroom.mailboxes.editing import guarded
from postroom.mailboxes.encoding import (
    SWEEP,
    decode_message,
    deleted_mailbox_key,
    mailbox_body,
    mailbox_key,
    mailbox_of,
    messages_partition,
    tombstones_of_day,
)
from postroom.mailboxes.reading import encoded_of
from postroom.mailboxes.records import Mailbox
from postroom.mailboxes.references import References, changed, references_of
from postroom.mailboxes.search_index import swept_note
from postroom.mailboxes.transactions import MOST_OCTETS, Transactions, octets_of
from postroom.platform.blobs import BlobKey, BlobStore
from postroom.platform.table import (
    MOST_WRITES,
    Delete,
    Holds,
    Key,
    Put,
    Record,
    Write,
    prefix_end,
)

_MOST_REMOVED = (MOST_WRITES - 1) // 2  # a message and its blob's record each, and the mailbox
_ATTEMPTS = 5  # then the mailbox waits for the next sweep


@dataclass(frozen=True, slots=True)
class _Due:
    """A mailbox in which something was expunged on a day that is due."""

    key: Key
    day: int
    mailbox: str
    account: str


@dataclass(frozen=True, slots=True)
class _Guard:
    """The record whose version every change of the mailbox's messages meets at."""

    mailbox: Mailbox
    deleted: bool
    day: int  # of the deletion

    def write(self, forgotten: int) -> Put:
        after = structs.replace(
            self.mailbox,
            version=self.mailbox.version + 1,
            forgotten=max(self.mailbox.forgotten, forgotten),
        )
        if not self.deleted:
            return guarded(self.mailbox, after)
        return Put(
            deleted_mailbox_key(after.account, after.id),
            {**mailbox_body(after), "deleted_day": self.day, "sweeping": True},
            condition=Holds("version", self.mailbox.version),
        )


class Sweeping:
    def __init__(
        self,
        transactions: Transactions,
        references: References,
        blobs: BlobStore,
        grace_days: int,
    ) -> None:
        self._transactions = transactions
        self._references = references
        self._blobs = blobs
        self._grace_days = grace_days

    def sweep(self, most: int) -> int:
        """Remove up to about *most* messages and tombstones that are due; return how many."""
        removed = 0
        for due in self._due():
            try:
                removed += self._sweep_mailbox(due, most - removed)
            except ConditionFailed:
                continue  # it is busy; the note stays for the next time
            if removed >= most:
                break
        return removed

    def _due(self) -> Iterator[_Due]:
        # A message expunged in the last second of a day has its full grace period, too.
        last = self._transactions.day() - self._grace_days - 1
        for record in self._transactions.table.range(SWEEP, "", prefix_end(f"{last:06}/")):
            day, mailbox = record.key.sort.split("/")
            yield _Due(record.key, int(day), mailbox, str(record.body["account"]))

    def _sweep_mailbox(self, due: _Due, most: int) -> int:
        removed = 0
        attempts = 0
        while removed < most:
            with self._transactions.turn([due.mailbox]):
                guard = self._guard(due)
                try:
                    count = self._sweep_some(due, guard)
                except ConditionFailed:
                    attempts += 1
                    if attempts == _ATTEMPTS:
                        raise
                    continue
                removed += count
                if not count:
                    self._finish(due, guard)
                    break
        return removed

    def _guard(self, due: _Due) -> _Guard | None:
        living = mailbox_key(due.account, due.mailbox)
        deleted = deleted_mailbox_key(due.account, due.mailbox)
        found = self._transactions.table.get_many([living, deleted])
        for key, record in found.items():
            mailbox = mailbox_of(due.account, due.mailbox, record.body)
            day = record.body.get("deleted_day")
            return _Guard(mailbox, key == deleted, day if isinstance(day, int) else 0)
        return None

    def _sweep_some(self, due: _Due, guard: _Guard | None) -> int:
        table = self._transactions.table
        if guard is not None and guard.deleted and guard.day <= due.day:
            found = table.range(messages_partition(due.mailbox), limit=_MOST_REMOVED)
        else:
            first = tombstones_of_day(due.day)
            found = table.range(
                messages_partition(due.mailbox), first, prefix_end(first), limit=_MOST_REMOVED
            )
        records = list(found)
        if records:
            return self._remove(records, guard)
        return 0

    def _remove(self, records: list[Record], guard: _Guard | None) -> int:
        records, blobs = self._fitting(records)
        lost = Counter(_blob_of(record) for record in records if "message" in record.body)
        last = [blob for blob in lost if blob in blobs and _is_last(blobs[blob], lost[blob])]
        forgotten = max(record.order or 0 for record in records)
        marks: list[Write] = [
            Put(
                blobs[blob].key,
                {**blobs[blob].body, "references": 0, "summary": b""},
                condition=Holds("references", references_of(blobs[blob])),
            )
            for blob in last
            if references_of(blobs[blob])
        ]
        if marks:
            if guard is not None:
                write = guard.write(forgotten)
                marks.append(write)
                guard = replace(
                    guard,
                    mailbox=structs.replace(guard.mailbox, version=guard.mailbox.version + 1),
                )
            self._transactions.table.write(*marks)
        if last:
            self._blobs.delete(last)
        self._transactions.table.write(
            *(Delete(record.key) for record in records),
            *(Delete(blobs[blob].key) for blob in last),
            *(
                changed(blobs[blob], -count)
                for blob, count in lost.items()
                if blob in blobs and blob not in last
            ),
            *([guard.write(forgotten)] if guard is not None else []),
        )
        return len(records)

    def _fitting(self, records: list[Record]) -> tuple[list[Record], dict[BlobKey, Record]]:
        """As many of the records as a transaction has room for, and the records of their blobs."""
        named = {record.key: _blob_of(record) for record in records if "message" in record.body}
        blobs = self._references.records(set(named.values()))
        room = MOST_OCTETS
        for number, record in enumerate(records):
            blob = blobs.get(named[record.key]) if record.key in named else None
            room -= octets_of([Put(blob.key, blob.body)]) if blob is not None else 0
            if room < 0 and number:
                return records[:number], blobs
        return records, blobs

    def _finish(self, due: _Due, guard: _Guard | None) -> None:
        writes: list[Write] = [Delete(due.key), swept_note(due.account, due.mailbox, due.day)]
        if guard is not None and guard.deleted and guard.day <= due.day:
            key = deleted_mailbox_key(due.account, due.mailbox)
            writes.append(Delete(key, Holds("version", guard.mailbox.version)))
            writes.append(annotations.forget(due.account, due.mailbox))
        self._transactions.table.write(*writes)


def _blob_of(record: Record) -> BlobKey:
    return decode_message(encoded_of(record)).blob


def _is_last(record: Record, lost: int) -> bool:
    return references_of(record) <= lost
