"""Blobs that are a file each, written before they have their name. Only for ``blobs``."""

import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from postroom.errors import StoreUnavailable
from postroom.platform.blobs import BlobKey
from postroom.platform.embedded.segments import make_folder, sync_folder

LARGE = 1024 * 1024  # octets; from here on a blob is a file of its own
DRAFTS_LAST = 24 * 3600  # seconds

PutSoon = Callable[[BlobKey, bytes], "Future[None]"]


class LargeBlobs:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "large"
        self._drafts = folder / "drafts"
        for place in (self._folder, self._drafts):
            make_folder(place)
        self._starting = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._closed = False

    def read(self, key: BlobKey, start: int, length: int | None) -> bytes:
        """Raises OSError, FileNotFoundError among them."""
        with self._file(key).open("rb") as file:
            file.seek(start)
            return file.read(-1 if length is None else length)

    def delete(self, keys: Sequence[BlobKey]) -> None:
        try:
            for key in keys:
                self._file(key).unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"{self._folder}: {error}") from error

    def _file(self, key: BlobKey) -> Path:
        return self._folder / key

    def new_file(self) -> Path:
        return self._drafts / f"{os.getpid()}-{secrets.token_hex(8)}"

    def adopt(self, path: Path, key: BlobKey) -> "Future[None]":
        """Make a written file the blob, in a thread: the sync of a large file takes a while."""
        with self._starting:
            if self._closed:
                raise StoreUnavailable(f"{self._folder} is closed")
            if self._threads is None:
                self._threads = ThreadPoolExecutor(2, thread_name_prefix="large-blobs")
            return self._threads.submit(self._adopt, path, key)

    def _adopt(self, path: Path, key: BlobKey) -> None:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            path.rename(self._file(key))
            sync_folder(self._folder)
        except OSError as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise StoreUnavailable(f"blob {key}: {error}") from error

    def clean(self) -> None:
        """Remove the drafts of processes that were killed."""
        yesterday = time.time() - DRAFTS_LAST
        for path in self._drafts.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < yesterday:
                    path.unlink()

    def close(self) -> None:
        """Finish what is under way."""
        with self._starting:
            self._closed = True
        if self._threads is not None:
            self._threads.shutdown()


class EmbeddedDraft:
    """Small ones stay in memory and join a segment; a large one goes on in a file."""

    def __init__(self, large: LargeBlobs, key: BlobKey, put_soon: PutSoon) -> None:
        self._large = large
        self._key = key
        self._put_soon = put_soon
        self._octets = bytearray()
        self._path: Path | None = None
        self._file = -1

    def write(self, octets: bytes) -> None:
        try:
            if self._file < 0:
                self._octets += octets
                if len(self._octets) < LARGE:
                    return
                self._path = self._large.new_file()
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._file = os.open(self._path, flags, 0o600)
                octets, self._octets = bytes(self._octets), bytearray()
            rest = memoryview(octets)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            self.abandon()
            raise StoreUnavailable(f"blob {self._key}: {error}") from error

    def commit_soon(self) -> "Future[None]":
        if self._path is None:
            return self._put_soon(self._key, bytes(self._octets))
        os.close(self._file)
        self._file = -1
        path, self._path = self._path, None
        return self._large.adopt(path, self._key)

    def abandon(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._path = None
        self._octets = bytearray()
