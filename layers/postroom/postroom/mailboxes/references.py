"""One record a blob: its summary, and how many messages in any mailbox refer to it.

The count only has to be right about zero. It may be too high after a crash between
the planning of a delivery and its append: then a blob is kept that nobody needs. It is
never too low: a message whose blob is gone would be a lost message.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from postroom.errors import ConditionFailed, StoreUnavailable
from postroom.mailboxes.records import NewMessage
from postroom.mailboxes.transactions import ATTEMPTS
from postroom.message import summary as summaries
from postroom.message.summary import Summary
from postroom.platform.blobs import BlobKey, BlobStore
from postroom.platform.table import (
    LARGEST_RECORD,
    Absent,
    Body,
    Delete,
    Holds,
    Key,
    Put,
    Record,
    Table,
)

LARGEST_SUMMARY = LARGEST_RECORD - 16 * 1024  # beside it: names, key, claims
_AHEAD = 1000  # summaries read at a time


def blob_record_key(blob: BlobKey) -> Key:
    return Key(f"blob/{blob}", "0")


@dataclass(slots=True)
class _Plan:
    """What the messages of one call ask for one blob."""

    summary: Summary
    claims: dict[str, int] = field(default_factory=dict)  # references by name of delivery
    seen: dict[str, int] = field(default_factory=dict)  # messages of this call

    def add(self, message: NewMessage) -> None:
        # A caller who appends a blob twice and planned it once must not lose it.
        seen = self.seen[message.claim] = self.seen.get(message.claim, 0) + 1
        planned = self.claims.get(message.claim, 0)
        self.claims[message.claim] = max(planned, message.references, seen)


class References:
    def __init__(self, table: Table, blobs: BlobStore) -> None:
        self._table = table
        self._blobs = blobs

    def plan(self, messages: Iterable[NewMessage]) -> None:
        """Count the references that the messages will be, before they are appended.

        All records are written at once; each is its own request, since a transaction
        would double its price. A repeated delivery finds its claim and adds nothing.
        """
        plans: dict[BlobKey, _Plan] = {}
        for message in messages:
            plans.setdefault(message.blob, _Plan(message.summary)).add(message)
        if len(plans) == 1:  # no detour over a future: the usual case of a single append
            [(blob, plan)] = plans.items()
            try:
                self._table.write(_first(blob, plan))
            except ConditionFailed:
                self._join(blob, plan)
            return
        written = [
            (blob, plan, self._table.write_soon(_first(blob, plan))) for blob, plan in plans.items()
        ]
        for blob, plan, future in written:
            if not _held(future):
                self._join(blob, plan)

    @staticmethod
    def first(messages: Sequence[NewMessage]) -> list[Put]:
        """The records of blobs that nobody else knows, to be written with the messages: under the
        condition that they are not there. Empty when somebody may know one of them."""
        blobs = {message.blob for message in messages}
        if len(blobs) < len(messages) or any(
            message.claim or message.references > 1 for message in messages
        ):
            return []
        return [
            _first(message.blob, _Plan(message.summary, {message.claim: 1})) for message in messages
        ]

    def _join(self, blob: BlobKey, plan: _Plan) -> None:
        """Add the claims that are new to a record that is there."""
        for _ in range(ATTEMPTS):
            found = self._table.get(blob_record_key(blob))
            try:
                if found is None:  # swept a moment ago: it is a new blob to us
                    self._table.write(_first(blob, plan))
                    return
                if not references_of(found):
                    raise StoreUnavailable(f"blob {blob} is being removed at this moment")
                known = claims_of(found)
                new = {name: count for name, count in plan.claims.items() if name not in known}
                if new:
                    self._table.write(changed(found, sum(new.values()), (*known, *new)))
            except ConditionFailed:
                continue
            return
        raise StoreUnavailable(f"others kept writing to the record of blob {blob}")

    def let_go(self, blobs: Sequence[BlobKey], claim: str) -> None:
        """Give back the one reference of that claim; the last one takes the blob with it.

        A blob without a record has no other holder and goes at once. Repeats are harmless.
        """
        shared = self.records(blobs)
        alone = [blob for blob in blobs if blob not in shared]
        if alone:
            self._blobs.delete(alone)
        for blob in shared:
            self._let_go(blob, claim)

    def _let_go(self, blob: BlobKey, claim: str) -> None:
        for _ in range(ATTEMPTS):
            found = self._table.get(blob_record_key(blob))
            if found is None:
                self._blobs.delete([blob])
                return
            count, claims = references_of(found), claims_of(found)
            if claim not in claims:
                return
            try:
                if count > 1:
                    left = tuple(name for name in claims if name != claim)
                    self._table.write(changed(found, -1, left))
                else:  # marked first, as in a sweep: from here on nobody can refer to it
                    self._table.write(_marked(found))
                    self._blobs.delete([blob])
                    self._table.write(Delete(found.key))
            except ConditionFailed:
                continue
            return
        raise StoreUnavailable(f"others kept writing to the record of blob {blob}")

    def records(self, blobs: Iterable[BlobKey]) -> dict[BlobKey, Record]:
        """The records of those blobs that have one."""
        keys = {blob_record_key(blob): blob for blob in blobs}
        found = self._table.get_many(list(keys))
        return {keys[key]: record for key, record in found.items()}

    def encoded_summaries(self, blobs: Sequence[BlobKey]) -> Iterator[bytes]:
        """Yield the encoded summaries in the order given."""
        for first in range(0, len(blobs), _AHEAD):
            keys = [blob_record_key(blob) for blob in blobs[first : first + _AHEAD]]
            found = self._table.get_many(keys)
            for key in keys:
                record = found.get(key)
                summary = record.body["summary"] if record is not None else None
                if summary:
                    assert isinstance(summary, bytes)  # noqa: S101  (we wrote it)
                    yield summary
                else:
                    yield self._anew(BlobKey(key.partition.removeprefix("blob/")))

    def _anew(self, blob: BlobKey) -> bytes:
        """Too large for a record, or lost: one message must not spoil a whole listing."""
        return summaries.summarise(self._blobs.get(blob)).encode()


def _marked(record: Record) -> Put:
    count = references_of(record)
    body = {**record.body, "references": 0, "summary": b""}
    return Put(record.key, body, condition=Holds("references", count))


def _held(future: "Future[None]") -> bool:
    try:
        future.result()
    except ConditionFailed:
        return False
    return True


def _first(blob: BlobKey, plan: _Plan) -> Put:
    summary = plan.summary.encode()
    body: Body = {
        "references": sum(plan.claims.values()),
        "claims": list(plan.claims),
        "summary": summary if len(summary) <= LARGEST_SUMMARY else b"",
    }
    return Put(blob_record_key(blob), body, condition=Absent())


def references_of(record: Record) -> int:
    count = record.body["references"]
    assert isinstance(count, int)  # noqa: S101  (we wrote it)
    return count


def claims_of(record: Record) -> tuple[str, ...]:
    claims = record.body["claims"]
    assert isinstance(claims, list)  # noqa: S101  (we wrote it)
    return tuple(str(claim) for claim in claims)


def changed(record: Record, by: int, claims: Sequence[str] | None = None) -> Put:
    """The write that adds *by* references, if nobody else changed the count meanwhile."""
    count = references_of(record)
    body = {**record.body, "references": count + by}
    if claims is not None:
        body["claims"] = list(claims)
    return Put(record.key, body, condition=Holds("references", count))
