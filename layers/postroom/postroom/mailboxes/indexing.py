"""How the search index of a mailbox is made, in steps that may each be the last before a crash.

A mailbox is indexed because somebody searched in it. A step makes one segment, of the oldest
messages that the index does not cover and of the last segments, as long as these are not much
larger: so each message is copied few times, and segments stay few. It claims the mailbox
with a lease and names its segment in the record first; so two at once are harmless, and what a
crash left is known and removed by the next step.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from postroom.errors import BlobMissing, PostroomError
from postroom.mailboxes.errors import MailboxMissing
from postroom.mailboxes.records import Message
from postroom.mailboxes.search_index import Index, SearchIndex, Segment, Task
from postroom.message.searchable import body_text, header_text
from postroom.message.summary import structure_of, summarise
from postroom.platform.blobs import BlobStore
from postroom.platform.clock import Clock, Randomness
from postroom.platform.queue import Queue
from postroom.platform.text_index import SegmentKey, SegmentUnusable, Text, TextIndex

if TYPE_CHECKING:
    from postroom.mailboxes.store import Mailboxes

LEASE = 600  # seconds; more than the index function's timeout
MOST_MESSAGES = 10_000  # read in one step
MOST_OCTETS = 32 * 1024 * 1024  # of messages read in one step, but for the last one
LARGEST_MERGED = 96 * 1024 * 1024  # octets of the segments that become one
_READ_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class _Plan:
    """The segment to make stands between those *before* and those *after* it."""

    before: tuple[Segment, ...]
    merged: tuple[Segment, ...]
    fresh: list[Message]
    last: int  # UID that the segment reaches to
    more: bool  # is there to do
    after: tuple[Segment, ...] = ()

    @property
    def first(self) -> int:
        if self.merged:
            return self.merged[0].first
        return self.before[-1].last + 1 if self.before else 1


def process(indexing: "Indexing", queue: Queue, batch: Sequence[Task]) -> Mapping[int, Exception]:
    """What the `index` function does: a step for each task, and the next one by a new letter.

    Returns the positions that failed, and why.
    """
    failed: dict[int, Exception] = {}
    for number, task in enumerate(batch):
        try:
            following = indexing.step(task)
            if following is not None:
                queue.send(following.to_json())
        except Exception as error:  # strangers wrote what is read here: it is no other task's fault
            failed[number] = error
    return failed


class Indexing:
    def __init__(
        self,
        index: SearchIndex,
        texts: TextIndex,
        blobs: BlobStore,
        mailboxes: "Mailboxes",
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._index = index
        self._texts = texts
        self._blobs = blobs
        self._mailboxes = mailboxes
        self._clock = clock
        self._randomness = randomness

    def step(self, task: Task) -> Task | None:
        """Bring an index a step further. Returns the next step to take; None when it is done, or
        somebody else is at it. Repeats are harmless. Raises StoreUnavailable."""
        index = self._index.read(task.account, task.mailbox)
        if index.until > self._clock.seconds():
            self._put_off(task)
            return None
        plan = self._plan(task, index)
        return self._make(task, index, plan) if plan is not None else None

    def _put_off(self, task: Task) -> None:
        """Who is at it makes the index whole. Of texts that have to go it may know nothing."""
        if task.swept:
            self._index.tell_again(task.account, task.mailbox)

    def _plan(self, task: Task, index: Index) -> _Plan | None:
        try:
            uid_next = self._mailboxes.get(task.account, task.mailbox).uid_next
        except MailboxMissing:
            deleted = self._mailboxes.deleted(task.account)
            if index.version and all(mailbox.id != task.mailbox for mailbox in deleted):
                self._index.forget(task.account, task.mailbox)
            return None
        segments = index.segments
        if any(segment.key == task.broken for segment in segments):
            segments = ()
        if task.swept:
            return self._without_what_is_gone(task.mailbox, segments)
        covered = segments[-1].last if segments else 0
        if covered + 1 >= uid_next:
            return None
        return self._with_what_is_new(task.mailbox, segments, covered, uid_next)

    def _without_what_is_gone(self, mailbox: str, segments: tuple[Segment, ...]) -> _Plan | None:
        for place, segment in enumerate(segments):
            if len(self._living(mailbox, segment.first, segment.last)) < segment.messages:
                after = segments[place + 1 :]
                return _Plan(segments[:place], (segment,), [], segment.last, True, after)
        return None

    def _with_what_is_new(
        self, mailbox: str, segments: tuple[Segment, ...], covered: int, uid_next: int
    ) -> _Plan:
        fresh: list[Message] = []
        octets = 0
        more = False
        # Who reads while messages come may see one of them and not the one before.
        for message in self._mailboxes.messages(mailbox, covered + 1, uid_next - 1):
            if len(fresh) == MOST_MESSAGES or octets >= MOST_OCTETS:
                more = True
                break
            fresh.append(message)
            octets += message.size
        last = fresh[-1].uid if more else uid_next - 1
        place, count, merged = len(segments), len(fresh), 0
        while place:
            segment = segments[place - 1]
            merged += segment.octets
            if segment.messages > 2 * count or merged > LARGEST_MERGED:
                break
            count += segment.messages
            place -= 1
        return _Plan(segments[:place], segments[place:], fresh, last, more)

    def _make(self, task: Task, index: Index, plan: _Plan) -> Task | None:
        key = SegmentKey(
            f"{task.mailbox}-{base64.b32encode(self._randomness.octets(10)).decode().lower()}"
        )
        until = int(self._clock.seconds()) + LEASE
        claimed = replace(index, making=key, until=until, obsolete=tuple(index.left_over))
        if not self._index.replace(task.account, task.mailbox, index, claimed):
            self._put_off(task)
            return None
        claimed = replace(claimed, version=index.version + 1)
        try:
            self._texts.delete(claimed.obsolete)
            claimed = replace(claimed, obsolete=())
            self._write(task, claimed, plan, key)
        except SegmentUnusable as error:
            self._let_go(task, claimed)
            return replace(task, broken=error.key, swept=False)
        except PostroomError:
            self._let_go(task, claimed)
            raise
        return replace(task, broken="") if plan.more else None

    def _write(self, task: Task, claimed: Index, plan: _Plan, key: SegmentKey) -> None:
        merged = [segment.key for segment in plan.merged]
        living: set[int] = set()
        if merged:
            living = self._living(task.mailbox, plan.first, plan.merged[-1].last)
        written = self._texts.write(key, self._read(plan.fresh), merged, living.__contains__)
        made = Segment(key, plan.first, plan.last, written.messages, written.octets)
        kept = (*plan.before, made, *plan.after)
        gone = [segment.key for segment in claimed.segments if segment not in kept]
        after = Index(kept, obsolete=tuple(gone))
        if self._index.replace(task.account, task.mailbox, claimed, after):
            self._texts.delete(gone)
        else:
            self._texts.delete([key])  # the lease ran out, or the mailbox is gone

    def _let_go(self, task: Task, claimed: Index) -> None:
        left = [claimed.making] if claimed.making else []
        free = replace(claimed, making=None, until=0, obsolete=(*claimed.obsolete, *left))
        self._index.replace(task.account, task.mailbox, claimed, free)

    def _living(self, mailbox: str, first: int, last: int) -> set[int]:
        return {message.uid for message in self._mailboxes.messages(mailbox, first, last)}

    def _read(self, messages: list[Message]) -> Iterator[Text]:
        blobs = self._blobs_of(messages)
        for start in range(0, len(messages), _READ_AT_ONCE):
            some = messages[start : start + _READ_AT_ONCE]
            for message, summary in zip(some, self._summaries_of(some), strict=True):
                blob = next(blobs)
                structure = structure_of(summary or summarise(blob).encode())
                header = header_text(message.prefix, blob)
                yield Text(message.uid, header, body_text(blob, structure))

    def _blobs_of(self, messages: list[Message]) -> Iterator[bytes]:
        count = 0
        try:
            for blob in self._blobs.get_many([message.blob for message in messages]):
                yield blob
                count += 1
        except BlobMissing:
            for message in messages[count:]:
                yield self._blob_of(message)

    def _blob_of(self, message: Message) -> bytes:
        try:
            return self._blobs.get(message.blob)
        except BlobMissing:  # FETCH complains of it; nothing is found in it
            return b""

    def _summaries_of(self, messages: list[Message]) -> list[bytes]:
        try:
            return list(self._mailboxes.encoded_summaries([message.blob for message in messages]))
        except BlobMissing:
            return [b""] * len(messages)
