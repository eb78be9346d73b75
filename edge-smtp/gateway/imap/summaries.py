"""Summaries of messages, as stored, kept for the next FETCH within a budget of memory."""

from collections.abc import Iterator, Sequence

from postroom.mailboxes.store import Mailboxes
from postroom.message.structure import Part
from postroom.message.summary import (
    body_of,
    body_structure_of,
    details_of,
    envelope_of,
    structure_of,
)
from postroom.platform.blobs import BlobKey

_OVERHEAD = 150  # octets of a key and its place in the dict


class EncodedSummary:
    """Decodes only what is asked for: an ENVELOPE is a slice."""

    __slots__ = ("_encoded",)

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded

    @property
    def envelope(self) -> bytes:
        return envelope_of(self._encoded)

    @property
    def body(self) -> bytes:
        return body_of(self._encoded)

    @property
    def body_structure(self) -> bytes:
        return body_structure_of(self._encoded)

    @property
    def structure(self) -> Part:
        return structure_of(self._encoded)

    @property
    def preview(self) -> str:
        return details_of(self._encoded).preview


class SummaryCache:
    """One for all sessions of the process. A summary never changes, so nothing can be stale.

    Used on the event loop only.
    """

    def __init__(self, mailboxes: Mailboxes, budget: int) -> None:
        self._mailboxes = mailboxes
        self._budget = budget  # octets
        self._size = 0
        self._encoded: dict[BlobKey, bytes] = {}  # in the order in which they came

    def held(self, blobs: Sequence[BlobKey]) -> list[bytes] | None:
        """The summaries, if all are here."""
        encoded = self._encoded
        try:
            return [encoded[blob] for blob in blobs]
        except KeyError:
            return None

    def read(self, blobs: Sequence[BlobKey]) -> list[bytes]:
        """Read them from the table: on any thread, so nothing is noted here."""
        return list(self._mailboxes.encoded_summaries(blobs))

    def keep(self, blobs: Sequence[BlobKey], encoded: Sequence[bytes]) -> None:
        for blob, each in zip(blobs, encoded, strict=True):
            if blob not in self._encoded:
                self._encoded[blob] = each
                self._size += len(each) + _OVERHEAD
        if self._size > self._budget:
            self._forget()

    def _forget(self) -> None:
        # The oldest go first. A client that reads a large folder again and again reads it in the
        # same order: then nothing of the oldest would be left when it comes back, whatever we
        # keep, so a cleverer order is not worth its bookkeeping.
        for blob in self._oldest():
            self._size -= len(self._encoded.pop(blob)) + _OVERHEAD

    def _oldest(self) -> Iterator[BlobKey]:
        surplus = self._size - self._budget * 3 // 4
        going = []
        for blob, encoded in self._encoded.items():
            if surplus <= 0:
                break
            surplus -= len(encoded) + _OVERHEAD
            going.append(blob)
        return iter(going)
