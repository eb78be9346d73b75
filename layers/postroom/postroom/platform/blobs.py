"""Port: the bytes of messages, written once, read many times."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import NewType, Protocol

from postroom.errors import StoreUnavailable

BlobKey = NewType("BlobKey", str)  # [A-Za-z0-9_-]{1,100}, made by us: always a safe file name


class Draft(Protocol):
    """A blob being written piece by piece, so that a large message never lies in memory whole."""

    def write(self, octets: bytes) -> None:
        """Add octets at the end. May block for a short file write or an upload of a part."""

    def commit_soon(self) -> "Future[None]":
        """Resolve when the whole blob survives a crash and ``get`` finds it; or fail."""

    def abandon(self) -> None:
        """Forget what was written. Harmless after ``commit_soon`` and when repeated."""


class BlobStore(Protocol):
    """Keeps immutable bytes under a key chosen by the caller."""

    def put(self, key: BlobKey, body: bytes) -> None:
        """Store the bytes. On return they survive a crash. Repeating a put is harmless.

        Raises StoreUnavailable.
        """

    def put_soon(self, key: BlobKey, body: bytes) -> "Future[None]":
        """``put`` without waiting: the future resolves at the moment ``put`` would return."""

    def put_each(self, blobs: Sequence[tuple[BlobKey, bytes]]) -> "list[StoreUnavailable | None]":
        """``put`` for each of them, together. Returns for each why it is not stored, if it is not;
        another one may be. No key twice."""

    def draft(self, key: BlobKey) -> Draft:
        """Start a blob whose size is not known yet."""

    def get(self, key: BlobKey) -> bytes:
        """Return the bytes, or raise BlobMissing."""

    def get_many(self, keys: Sequence[BlobKey]) -> Iterator[bytes]:
        """Yield the bytes of each key in the order given; the cheap way to read a mailbox.

        At most a few megabytes are read ahead. Raises BlobMissing at the missing one's turn.
        """

    def get_range(self, key: BlobKey, start: int, length: int) -> bytes:
        """Return up to *length* octets from *start*; fewer at the end. Raises BlobMissing."""

    def delete(self, keys: Sequence[BlobKey]) -> None:
        """Remove blobs. Keys that are not there are no error."""
