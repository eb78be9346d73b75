"""The search index of a mailbox: what it covers, and what is found in it. ``indexing`` makes it.

search/<account>   <mailbox>   the segments (``platform.text_index``), each of a range of UIDs,
                               together from 1 on without gaps; and the one that is being made
swept              <mailbox>   messages of the mailbox, or all of it, were removed for good: the
                               index may still hold their texts

A message that is gone may be found: whoever searches knows which messages there are.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from postroom.errors import ConditionFailed
from postroom.message.searchable import Needle
from postroom.platform.queue import Queue
from postroom.platform.table import Absent, Delete, Holds, Key, Put, Table, Value
from postroom.platform.text_index import SegmentKey, SegmentUnusable, TextIndex

SWEPT = "swept"
MOST_NEEDLES = 32  # in one question: each has an answer as long as the mailbox
_MOST_SWEPT = 1000


@dataclass(frozen=True, slots=True)
class Segment:
    key: SegmentKey
    first: int  # UID
    last: int
    messages: int
    octets: int


@dataclass(frozen=True, slots=True)
class Index:
    """The record of a mailbox, as of the moment it was read."""

    segments: tuple[Segment, ...] = ()
    version: int = 0  # 0: there is no record
    making: SegmentKey | None = None  # the segment that is being made
    until: int = 0  # seconds since 1970: from then on, somebody else may make one
    obsolete: tuple[SegmentKey, ...] = ()  # to be removed, if they are still there

    @property
    def covered(self) -> int:
        """The highest UID that the index tells of."""
        return self.segments[-1].last if self.segments else 0

    @property
    def left_over(self) -> list[SegmentKey]:
        return [*self.obsolete, *([self.making] if self.making else [])]


@dataclass(frozen=True, slots=True)
class Found:
    """For messages up to the UID *covered*: those that have each needle."""

    covered: int
    uids: dict[Needle, list[int]]


@dataclass(frozen=True, slots=True)
class Task:
    """One step to take: what a letter of the Index queue says."""

    account: str
    mailbox: str  # id
    broken: str = ""  # key of a segment that could not be used: the index is made anew
    swept: bool = False  # texts of messages that are gone have to go

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Task":
        return Task(**json.loads(text))


class SearchIndex:
    """Of every mailbox. All methods may raise StoreUnavailable."""

    def __init__(self, table: Table, texts: TextIndex) -> None:
        self._table = table
        self._texts = texts

    def read(self, account: str, mailbox: str) -> Index:
        record = self._table.get(_key(account, mailbox))
        if record is None:
            return Index()
        body: Any = record.body
        return Index(
            tuple([Segment(*each) for each in body["segments"]]),
            body["version"],
            body["making"],
            body["until"],
            tuple(body["obsolete"]),
        )

    def replace(self, account: str, mailbox: str, before: Index, after: Index) -> bool:
        """Write the record; False when it is not as it was *before* any more."""
        body: dict[str, Value] = {
            "version": before.version + 1,
            "segments": [[*asdict(segment).values()] for segment in after.segments],
            "making": after.making,
            "until": after.until,
            "obsolete": [*after.obsolete],
        }
        condition = Holds("version", before.version) if before.version else Absent()
        try:
            self._table.write(Put(_key(account, mailbox), body, condition=condition))
        except ConditionFailed:
            return False
        return True

    def find(self, account: str, mailbox: str, needles: Sequence[Needle]) -> Found:
        """Ask for all needles, at most MOST_NEEDLES. ``covered`` is 0 when there is no index.

        Raises SegmentUnusable: then the index has to be made anew.
        """
        index = self.read(account, mailbox)
        try:
            return self._find(index, needles)
        except SegmentUnusable:
            again = self.read(account, mailbox)
            if again.segments == index.segments:
                raise
            return self._find(again, needles)  # it became part of a larger one as we looked

    def _find(self, index: Index, needles: Sequence[Needle]) -> Found:
        uids: dict[Needle, list[int]] = {needle: [] for needle in needles}
        for segment in index.segments:
            for needle, found in zip(needles, self._texts.find(segment.key, needles), strict=True):
                uids[needle] += found
        return Found(index.covered, uids)

    def forget(self, account: str, mailbox: str) -> None:
        """Remove all of it. Who makes a segment of it now will find that, and remove it."""
        index = self.read(account, mailbox)
        self._texts.delete([*[segment.key for segment in index.segments], *index.left_over])
        self._table.write(Delete(_key(account, mailbox)))

    def tell_again(self, account: str, mailbox: str) -> None:
        """Let ``tell_swept`` send the task once more: it came when it could not be done."""
        self._table.write(swept_note(account, mailbox, 0))

    def tell_swept(self, queue: Queue) -> int:
        """Send a task for each index that may hold texts of messages that are gone for good;
        called by `tick`. Returns how many."""
        sent = 0
        for record in self._table.range(SWEPT, limit=_MOST_SWEPT):
            account, mailbox = str(record.body["account"]), record.key.sort
            if self.read(account, mailbox).version:
                queue.send(Task(account, mailbox, swept=True).to_json())
                sent += 1
            with suppress(ConditionFailed):  # more was removed meanwhile
                self._table.write(Delete(record.key, Holds("day", int(record.body["day"]))))  # type: ignore[arg-type]
        return sent


def swept_note(account: str, mailbox: str, day: int) -> Put:
    """The write that tells: what was removed from the mailbox on that day is gone for good."""
    return Put(Key(SWEPT, mailbox), {"account": account, "day": day})


def _key(account: str, mailbox: str) -> Key:
    return Key(f"search/{account}", mailbox)
