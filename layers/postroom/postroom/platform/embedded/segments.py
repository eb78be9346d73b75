"""Append-only files of blobs: each process adds to one of its own, all read all.

A record is ``"PBR1"``, the length of its key (one octet), the length of its body (4 octets, most
significant first), the CRC-32 of key and body (4 octets), the key, the body. So the records of a
segment can be found again without an index, up to the first torn one.
"""

import fcntl
import os
import secrets
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from postroom.platform.blobs import BlobKey

LARGEST_SEGMENT = 64 * 1024 * 1024  # octets; then the next one is begun
_FILL_FIRST, _FILL_MOST = 64 * 1024, 1024 * 1024  # octets of zeros ahead
SUFFIX = ".segment"
_MAGIC = b"PBR1"
_HEADER = struct.Struct(">4sBII")
_MOST_PIECES = 900  # for writev, whose limit is 1,024


@dataclass(frozen=True, slots=True)
class Place:
    """Where a body lies."""

    segment: str
    offset: int
    length: int


class SegmentWriter:
    """The segment this process adds to. One thread at a time.

    The file is longer than its records: to sync what overwrites zeros is cheaper than to sync what
    makes a file longer. What is left of them is cut off in the end.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = -1
        self._length = 0  # octets of the file
        self.name = ""
        self.size = 0  # octets of its records

    def append(self, blobs: Sequence[tuple[BlobKey, bytes]]) -> list[Place]:
        """Write the blobs and sync them. After an OSError none of them counts as written."""
        if self._file < 0 or self.size >= LARGEST_SEGMENT:
            self._begin()
        places: list[Place] = []
        pieces: list[bytes] = []
        offset = self.size
        for key, body in blobs:
            name = key.encode()
            head = _HEADER.pack(_MAGIC, len(name), len(body), zlib.crc32(body, zlib.crc32(name)))
            pieces += (head + name, body)
            offset += len(head) + len(name)
            places.append(Place(self.name, offset, len(body)))
            offset += len(body)
        try:
            position = self.size
            for start in range(0, len(pieces), _MOST_PIECES):
                some = pieces[start : start + _MOST_PIECES]
                position = _write_all(self._file, some, position)
            if offset > self._length:
                self._length = offset
                if offset - self.size < _FILL_FIRST:  # many octets pay for the sync themselves
                    self._fill(min(max(offset, _FILL_FIRST), _FILL_MOST))
            os.fdatasync(self._file)
        except OSError:
            # What reached the disk is unknown, and a sync that failed must not be tried again on
            # the same file: ``close`` cuts off what was added, and others go elsewhere.
            self.close()
            raise
        self.size = offset
        return places

    def _begin(self) -> None:
        self.close()
        name = f"{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self._folder / name, flags, 0o600)
        self.name, self.size, self._length = name, 0, 0
        try:
            # Held as long as we may add to it: who gets the lock may clear the segment away.
            fcntl.flock(self._file, fcntl.LOCK_EX)
            sync_folder(self._folder)
        except OSError:
            self.close()
            raise

    def _fill(self, octets: int) -> None:
        with suppress(OSError):  # the disk may hold what came, and no more
            self._length += os.pwrite(self._file, bytes(octets), self._length)

    def close(self) -> None:
        if self._file < 0:
            return
        with suppress(OSError):
            if self.size:
                os.ftruncate(self._file, self.size)
            else:  # the disk may be full for long: no file for each time it was tried
                os.unlink(self._folder / self.name)
        os.close(self._file)
        self._file = -1


def _write_all(file: int, pieces: list[bytes], position: int) -> int:
    """Return the position of what comes next."""
    end = position + sum(map(len, pieces))
    position += os.pwritev(file, pieces, position)
    if position < end:
        rest = b"".join(pieces)[position - end :]
        while rest:
            rest = rest[os.pwrite(file, rest, end - len(rest)) :]
    return end


class SegmentReader:
    """Open segments, shared by all threads; the longest unused ones are closed."""

    MOST_OPEN = 64

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._open: dict[str, _OpenFile] = {}

    def read(self, place: Place, start: int = 0, length: int | None = None) -> bytes:
        """Return (a range of) the body. FileNotFoundError when the segment is gone."""
        left = max(0, place.length - start)
        wanted = left if length is None else min(left, length)
        file = self._open.get(place.segment) or self._opened(place.segment)
        body = os.pread(file.handle, wanted, place.offset + start)
        if len(body) != wanted:
            raise OSError(f"segment {place.segment} ends inside a blob at {place.offset}")
        return body

    def _opened(self, segment: str) -> "_OpenFile":
        with self._lock:
            if segment not in self._open:
                if len(self._open) >= self.MOST_OPEN:
                    # Not closed here: another thread may be reading. It closes with its last use.
                    del self._open[next(iter(self._open))]
                self._open[segment] = _OpenFile(self._folder / segment)
            return self._open[segment]

    def forget(self, segment: str) -> None:
        with self._lock:
            self._open.pop(segment, None)

    def close(self) -> None:
        with self._lock:
            self._open.clear()


class _OpenFile:
    """A file closed when the last one who reads it lets go."""

    __slots__ = ("handle",)

    def __init__(self, path: Path) -> None:
        self.handle = -1
        self.handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if self.handle >= 0:
            os.close(self.handle)


def scan(file: BinaryIO, segment: str, start: int) -> Iterator[tuple[BlobKey, Place]]:
    """Yield what is whole in a segment from *start* on, for an index that missed it."""
    file.seek(start)
    offset = start
    while len(head := file.read(_HEADER.size)) == _HEADER.size:
        magic, key_length, length, checksum = _HEADER.unpack(head)
        if magic != _MAGIC:
            return
        name, body = file.read(key_length), file.read(length)
        if len(body) != length or zlib.crc32(body, zlib.crc32(name)) != checksum:
            return
        offset += len(head) + key_length
        yield BlobKey(name.decode()), Place(segment, offset, length)
        offset += length


def make_folder(folder: Path) -> None:
    """Make the folder, and those above it, so that they survive a power loss."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:  # a new name is durable once the folder is, not the file
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
