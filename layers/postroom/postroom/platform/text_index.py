"""Port: the searchable texts of messages in segments that are written once.

A segment holds the texts of messages of one mailbox, by UID. Which segments a mailbox has is told
by ``mailboxes.indexing``; a segment can be made again of the messages at any time.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, NewType, Protocol

from postroom.errors import PostroomError
from postroom.message.searchable import Needle

SegmentKey = NewType("SegmentKey", str)  # [A-Za-z0-9_-]{1,100}, made by us: a safe file name


class Text(NamedTuple):
    """The searchable text of one message: see ``message.searchable``."""

    uid: int
    header: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Written:
    messages: int
    octets: int  # of the segment


class SegmentUnusable(PostroomError):
    """The segment is not there, or is no segment: it has to be made anew."""

    def __init__(self, key: str, reason: object) -> None:
        self.key = key
        super().__init__(f"segment {key} of a search index cannot be used: {reason}")


class TextIndex(Protocol):
    """All methods may raise StoreUnavailable."""

    def write(
        self,
        key: SegmentKey,
        texts: Iterable[Text],
        merged: Sequence[SegmentKey] = (),
        keep: Callable[[int], bool] = lambda uid: True,
    ) -> Written:
        """Make a segment of the texts, and of those in the *merged* segments whose UID is to
        *keep*. No UID comes twice. On return it survives a crash; before, it is not there.

        Raises SegmentUnusable for one of *merged*.
        """

    def find(self, key: SegmentKey, needles: Sequence[Needle]) -> list[list[int]]:
        """Return for each needle the UIDs of the messages that have it. Raises SegmentUnusable."""

    def delete(self, keys: Sequence[SegmentKey]) -> None:
        """Remove segments. Keys that are not there are no error."""
