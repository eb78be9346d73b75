"""The BlobStore port over segments, with an index in SQLite, and files for large bodies.

A blob is safe once its segment is synced. The index is committed without a sync of its own: what
a power loss takes from it is found again in the segments at the next start (``recover``), from
the point on up to which the index knew each of them. Deletions are synced.
"""

import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path

from postroom.errors import BlobMissing, StoreUnavailable
from postroom.platform.blobs import BlobKey
from postroom.platform.embedded.database import Database
from postroom.platform.embedded.large_blobs import LARGE, EmbeddedDraft, LargeBlobs
from postroom.platform.embedded.segments import (
    SUFFIX,
    Place,
    SegmentReader,
    SegmentWriter,
    make_folder,
    scan,
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS segments (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    indexed INTEGER NOT NULL  -- octets from the start whose records are in the index
);
CREATE TABLE IF NOT EXISTS places (
    key TEXT PRIMARY KEY,
    segment INTEGER NOT NULL,
    start INTEGER NOT NULL,
    length INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_segment ON places (segment);
"""

BATCH_OCTETS = 4 * 1024 * 1024  # in one sync
BATCH = 400  # blobs in one sync
READ_AHEAD = 512  # blobs whose places are looked up together
MOSTLY_DEAD = 0.25  # a segment with no more than this share of it alive is cleared away
CACHED = 200_000  # places remembered

_PLACE = (
    "SELECT segments.name, start, length FROM places "
    "JOIN segments ON segments.id = segment WHERE key = ?"
)

_Put = tuple[BlobKey, bytes, "Future[None]"]


class EmbeddedBlobStore:
    def __init__(self, folder: Path, database: Database) -> None:
        self._database = database
        self._segments = folder / "segments"
        make_folder(self._segments)
        self._large = LargeBlobs(folder)
        self._reader = SegmentReader(self._segments)
        self._writer = SegmentWriter(self._segments)
        self._places: dict[BlobKey, Place] = {}
        self._pending: queue.SimpleQueue[_Put | None] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    # -- writing

    def put(self, key: BlobKey, body: bytes) -> None:
        [error] = self.put_each([(key, body)])
        if error is not None:
            raise error

    def put_each(self, blobs: Sequence[tuple[BlobKey, bytes]]) -> list[StoreUnavailable | None]:
        if (
            sum(len(body) for _, body in blobs) < LARGE
            and self._pending.empty()
            and self._turn.acquire(blocking=False)
        ):
            # Nobody else is writing: do it in this thread, which spares two switches of threads.
            try:
                self._store(blobs)
            except StoreUnavailable as error:
                return [error] * len(blobs)
            finally:
                self._turn.release()
            return [None] * len(blobs)
        begun = [self._begin(key, body) for key, body in blobs]
        return [_unavailable(each) if isinstance(each, Future) else each for each in begun]

    def _begin(self, key: BlobKey, body: bytes) -> "Future[None] | StoreUnavailable":
        try:
            return self.put_soon(key, body)
        except StoreUnavailable as error:  # a large one is written here and now
            return error

    def put_soon(self, key: BlobKey, body: bytes) -> "Future[None]":
        if len(body) >= LARGE:
            draft = self.draft(key)
            draft.write(body)
            return draft.commit_soon()
        if self._thread is None:
            self._start()
        if self._closed:
            raise StoreUnavailable(f"{self._segments} is closed")
        future: Future[None] = Future()
        self._pending.put((key, body, future))
        if self._closed:  # since we looked: nobody serves the queue any more
            self._fail_pending()
        return future

    def draft(self, key: BlobKey) -> "EmbeddedDraft":
        return EmbeddedDraft(self._large, key, self.put_soon)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._serve, name="blobs", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while (first := self._pending.get()) is not None:
            with self._turn:
                batch, octets, last = [first], len(first[1]), False
                with suppress(queue.Empty):
                    while len(batch) < BATCH and octets < BATCH_OCTETS:
                        more = self._pending.get_nowait()
                        if more is None:
                            last = True
                            break
                        batch.append(more)
                        octets += len(more[1])
                error: BaseException | None = None
                try:
                    self._store([(key, body) for key, body, _ in batch])
                except BaseException as failure:
                    error = failure
            for _, _, future in batch:
                if future.set_running_or_notify_cancel():
                    if error is None:
                        future.set_result(None)
                    else:
                        future.set_exception(error)
            if last:
                return

    def _store(self, blobs: Sequence[tuple[BlobKey, bytes]], moved_from: int | None = None) -> None:
        if self._closed:
            raise StoreUnavailable(f"{self._segments} is closed")
        try:
            places = self._writer.append(blobs)
        except OSError as error:
            raise StoreUnavailable(f"{self._segments}: {error}") from error
        rows = [(key, place) for (key, _), place in zip(blobs, places, strict=True)]
        change = partial(_index, rows, self._writer.name, self._writer.size, moved_from=moved_from)
        self._database.run(change, durable=False)

    # -- reading

    def get(self, key: BlobKey) -> bytes:
        return self._read(key, 0, None)

    def get_range(self, key: BlobKey, start: int, length: int) -> bytes:
        return self._read(key, start, length)

    def get_many(self, keys: Sequence[BlobKey]) -> Iterator[bytes]:
        known, read = self._places, self._reader.read
        for begin in range(0, len(keys), READ_AHEAD):
            chunk = keys[begin : begin + READ_AHEAD]
            unknown = [key for key in chunk if key not in known]
            if unknown:
                self._look_up(unknown)
            for key in chunk:
                place = known.get(key)
                if place is None:
                    yield self.get(key)
                    continue
                try:
                    body = read(place)
                except OSError:
                    body = self.get(key)
                yield body

    def _read(self, key: BlobKey, start: int, length: int | None) -> bytes:
        place = self._places.get(key)
        if place is not None:
            try:
                return self._reader.read(place, start, length)
            except FileNotFoundError:
                self._places.pop(key, None)  # moved or deleted by another process
                self._reader.forget(place.segment)
            except OSError as error:
                raise StoreUnavailable(f"blob {key}: {error}") from error
        self._look_up([key])
        place = self._places.get(key)
        try:
            if place is not None:
                return self._reader.read(place, start, length)
            return self._large.read(key, start, length)
        except FileNotFoundError as error:
            raise BlobMissing(key, store=str(self._segments.parent)) from error
        except OSError as error:
            raise StoreUnavailable(f"blob {key}: {error}") from error

    def _look_up(self, keys: Sequence[BlobKey]) -> None:
        if len(self._places) > CACHED:
            self._places.clear()
        marks = ", ".join("?" * len(keys))
        rows = self._database.query(
            "SELECT key, segments.name, start, length FROM places "  # noqa: S608 - marks only
            f"JOIN segments ON segments.id = segment WHERE key IN ({marks})",
            tuple(keys),
        )
        for key, segment, start, length in rows:
            self._places[key] = Place(segment, start, length)

    # -- removing

    def delete(self, keys: Sequence[BlobKey]) -> None:
        for key in keys:
            self._places.pop(key, None)
        self._large.delete(keys)
        self._database.run(partial(_forget, list(keys)))

    # -- upkeep

    def recover(self) -> None:
        """Put into the index what a crash kept from it."""
        rows = self._database.query("SELECT name, indexed FROM segments", ())
        known = dict(rows)
        for path in sorted(self._segments.glob(f"*{SUFFIX}")):
            start = known.get(path.name, 0)
            with suppress(FileNotFoundError):  # cleared away meanwhile
                if path.stat().st_size > start:
                    self._scan(path, start)

    def _scan(self, path: Path, start: int) -> None:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # its writer lives, and indexes what it has synced
            found = list(scan(file, path.name, start))
            if found:
                # It may be in the page cache only, left by a process that was killed.
                os.fsync(file.fileno())
                last = found[-1][1]
                end = last.offset + last.length
                self._database.run(partial(_index, found, path.name, end), False)

    def clean(self) -> None:
        """Give back the space of deleted blobs: drop dead segments, move what little still lives.

        Leaves alone the segments that some process adds to.
        """
        rows = self._database.query(
            "SELECT id, name, indexed, coalesce("
            "(SELECT sum(length) FROM places WHERE segment = id), 0) FROM segments",
            (),
        )
        for segment, name, octets, live in rows:
            if live > octets * MOSTLY_DEAD:
                continue
            path = self._segments / name
            try:
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                self._database.run(partial(_drop_segment, segment))
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._move(segment, name)
                if self._database.run(partial(_drop_segment, segment)):
                    path.unlink(missing_ok=True)
                    self._reader.forget(name)
            except BlockingIOError:
                continue
            finally:
                os.close(file)
        self._large.clean()

    def _move(self, segment: int, name: str) -> None:
        while True:
            rows = self._database.query(
                "SELECT key, start, length FROM places WHERE segment = ? LIMIT ?", (segment, 16)
            )
            if not rows:
                return
            blobs = [
                (BlobKey(key), self._reader.read(Place(name, start, length)))
                for key, start, length in rows
            ]
            with self._turn:
                self._store(blobs, moved_from=segment)
            for key, _ in blobs:
                self._places.pop(key, None)

    def close(self) -> None:
        with self._starting:
            thread = self._thread
            if thread is not None and not self._closed:
                self._pending.put(None)
        if thread is not None:
            thread.join()
        with self._starting:
            self._closed = True
        self._large.close()
        with self._turn:
            self._writer.close()
        self._reader.close()
        self._fail_pending()

    def _fail_pending(self) -> None:
        with suppress(queue.Empty):
            while True:
                late = self._pending.get_nowait()
                if late is not None and late[2].set_running_or_notify_cancel():
                    late[2].set_exception(StoreUnavailable(f"{self._segments} is closed"))


def _unavailable(future: "Future[None]") -> StoreUnavailable | None:
    try:
        future.result()
    except StoreUnavailable as error:
        return error
    return None


def _index(
    rows: list[tuple[BlobKey, Place]],
    name: str,
    indexed: int,
    writer: sqlite3.Connection,
    moved_from: int | None = None,
) -> None:
    ((segment,),) = writer.execute(
        "INSERT INTO segments (name, indexed) VALUES (?, ?) "
        "ON CONFLICT DO UPDATE SET indexed = max(indexed, excluded.indexed) RETURNING id",
        (name, indexed),
    ).fetchall()
    if moved_from is not None:  # unless it was deleted meanwhile
        writer.executemany(
            "UPDATE places SET segment = ?, start = ?, length = ? WHERE key = ? AND segment = ?",
            [(segment, place.offset, place.length, key, moved_from) for key, place in rows],
        )
        return
    writer.executemany(  # a key that is there already keeps its first copy: the same bytes
        "INSERT OR IGNORE INTO places VALUES (?, ?, ?, ?)",
        [(key, segment, place.offset, place.length) for key, place in rows],
    )


def _drop_segment(segment: int, writer: sqlite3.Connection) -> bool:
    """Forget the segment if nothing in it lives."""
    if writer.execute("SELECT 1 FROM places WHERE segment = ? LIMIT 1", (segment,)).fetchone():
        return False
    writer.execute("DELETE FROM segments WHERE id = ?", (segment,))
    return True


def _forget(keys: list[BlobKey], writer: sqlite3.Connection) -> None:
    writer.executemany("DELETE FROM places WHERE key = ?", [(key,) for key in keys])
