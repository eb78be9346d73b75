"""One SQLite file: many readers, and one writer at a time that commits for all who wait.

Writers in one process hand their changes to a queue; whoever commits takes everything that waits,
so that one fsync pays for all of it (group commit). Writers in several processes take turns by
``flock``, which wakes the next one at once: SQLite's own busy handler sleeps.

The file is in WAL mode. A durable batch is committed with ``synchronous=FULL`` (the log is synced
before the commit returns), any other with NORMAL (a power loss may forget it, never corrupt it).
Nobody checkpoints on the way: ``checkpoint`` does, called by ``upkeep``.
"""

import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from postroom.errors import PostroomError, StoreUnavailable
from postroom.platform.embedded.turns import Turns, lock_file

T = TypeVar("T")

LARGEST_BATCH = 500  # changes in one commit: keeps the writers of other processes waiting briefly
LONGEST_LOG = 8 * 1024 * 1024  # octets, before it is copied into the file
BUSY = 100  # commits of a process: from then on the log has its whole length
PAGE_OCTETS = 4096
PATIENCE = 30.0  # seconds to wait for another process's recovery or exclusive lock

_CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"


class Change(Generic[T]):
    """A piece of work for the writer, and what came of it."""

    __slots__ = ("apply", "durable", "error", "future", "result", "tell")

    def __init__(
        self,
        apply: Callable[[sqlite3.Connection], T],
        durable: bool,
        future: "Future[T] | None",
        tell: Callable[[], None] | None = None,
    ) -> None:
        self.apply = apply
        self.durable = durable
        self.future = future
        self.tell = tell
        self.error: BaseException | None = None
        self.result: T


class Database:
    """Open it after a fork, close it before the process ends."""

    def __init__(self, path: Path, schema: str) -> None:
        """Create or open the file. Raises StoreUnavailable."""
        self._path = path
        self._readers: list[sqlite3.Connection] = []  # idle ones
        self._all: list[sqlite3.Connection] = []
        self._pending: queue.SimpleQueue[Change[Any] | None] = queue.SimpleQueue()
        self._turn = threading.Lock()
        # Set while that thread waits for its turn, so that others do not overtake it for ever.
        self._writer_waits = False
        self._checkpoint_waits = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._synchronous = ""
        self._commits = 0
        self._checkpointed = 0  # time stamp of the log when it was copied last
        try:
            self._between_processes = Turns(str(path))
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error}") from error
        try:
            with self._between_processes:
                self._writer = self._connect()
                self._writer.execute("PRAGMA journal_mode=WAL")
                self._writer.executescript(schema)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreUnavailable(f"{path}: {error}") from error

    # -- reading

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection. Each statement read whole sees one consistent state."""
        connection = self.borrow()
        try:
            yield connection
        finally:
            self._readers.append(connection)

    def query(self, statement: str, parameters: tuple[Any, ...]) -> list[Any]:
        """Return all rows. Raises StoreUnavailable."""
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self.borrow()
        try:
            rows = connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self._path}: {error}") from error
        finally:
            self._readers.append(connection)
        return rows

    def borrow(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreUnavailable(f"{self._path} is closed")
        try:
            return self._readers.pop()
        except IndexError:
            pass
        try:
            return self._connect()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self._path}: {error}") from error

    # -- writing

    def run(self, apply: Callable[[sqlite3.Connection], T], durable: bool = True) -> T:
        """Apply the change and return what it returned, once it is committed.

        A change may raise a PostroomError before it wrote anything; it is then raised here and
        touches no other change. Raises StoreUnavailable when nothing could be committed.
        """
        waited_for = self._writer_waits or self._checkpoint_waits or not self._pending.empty()
        if not waited_for and self._turn.acquire(blocking=False):
            # Nobody is committing: do it in this thread, which spares two switches of threads.
            try:
                change = Change(apply, durable, None)
                self._commit([change])
            finally:
                self._turn.release()
            if change.error is not None:
                raise change.error
            return change.result
        return self.run_soon(apply, durable).result()

    def run_soon(
        self,
        apply: Callable[[sqlite3.Connection], T],
        durable: bool = True,
        tell: Callable[[], None] | None = None,
    ) -> "Future[T]":
        """``run`` without waiting. *tell* is called after the commit, once for a whole batch of
        changes that have the same one: who is told looks for all of them at once."""
        future: Future[T] = Future()
        if self._thread is None:
            self._start()
        if self._closed:
            raise StoreUnavailable(f"{self._path} is closed")
        self._pending.put(Change(apply, durable, future, tell))
        if self._closed:  # since we looked: nobody serves the queue any more
            self._fail_pending()
        return future

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closed:
                name = f"writer of {self._path.name}"
                self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while (first := self._pending.get()) is not None:
            batch = [first]
            self._writer_waits = True
            with self._turn:
                self._writer_waits = False
                last = self._commit(batch, self._pending)
            for tell in {change.tell for change in batch if change.error is None}:
                if tell is not None:
                    tell()
            for change in batch:
                _resolve(change)
            if last:
                break

    def _commit(
        self, batch: list[Change[Any]], more: "queue.SimpleQueue[Change[Any] | None] | None" = None
    ) -> bool:
        """Commit the batch, grown by what waits in *more*. Return whether the end was in it."""
        last = False
        try:
            if self._closed:
                raise OSError("closed")
            with self._between_processes:
                if more is not None:  # look only now: many came while we waited for our turn
                    with suppress(queue.Empty):
                        while len(batch) < LARGEST_BATCH:
                            change = more.get_nowait()
                            if change is None:
                                last = True
                                break
                            batch.append(change)
                self._isolate(batch)
                self._commits += 1
                if self._commits == BUSY:
                    self._lengthen_log()
        except (sqlite3.Error, OSError) as error:
            failure = StoreUnavailable(f"{self._path}: {error}")
            failure.__cause__ = error
            for change in batch:
                change.error = failure
        return last

    def _isolate(self, batch: list[Change[Any]]) -> None:
        """One transaction for all; if one of them is at fault, one for each."""
        try:
            self._transact(batch)
        except (sqlite3.OperationalError, OSError):
            raise  # the disk, not the change
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            for change in batch:
                change.error = None
                self._isolate([change])

    def _transact(self, batch: list[Change[Any]]) -> None:
        writer = self._writer
        synchronous = "FULL" if any(change.durable for change in batch) else "NORMAL"
        if synchronous != self._synchronous:
            writer.execute(f"PRAGMA synchronous={synchronous}")
            self._synchronous = synchronous
        writer.execute("BEGIN IMMEDIATE")
        try:
            for change in batch:
                try:
                    change.result = change.apply(writer)
                except PostroomError as error:
                    change.error = error
            writer.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                writer.execute("ROLLBACK")
            raise

    # -- upkeep

    def checkpoint(self) -> None:
        """Copy the log into the file, so that it starts again from its beginning.

        Does nothing while the log is short or unchanged. The bulk is copied while writers go on;
        what they added meanwhile is copied in their turn, and only if the log has grown long.
        The log keeps its length on disk (see ``_lengthen_log``).
        """
        try:
            log = os.stat(f"{self._path}-wal")
            if log.st_size < LONGEST_LOG or log.st_mtime_ns == self._checkpointed:
                return
            lock = lock_file(f"{self._path}.checkpoint.lock")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._copy_log()
            finally:
                os.close(lock)
            self._checkpointed = os.stat(f"{self._path}-wal").st_mtime_ns
        except (FileNotFoundError, BlockingIOError):
            return
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"{self._path}: {error}") from error

    def _lengthen_log(self) -> None:
        """To sync what overwrites the log is cheaper than what extends it. SQLite heeds nothing
        after the last valid frame (sqlite.org/fileformat2.html, section 4.1)."""
        with suppress(OSError), open(f"{self._path}-wal", "r+b") as log:
            missing = LONGEST_LOG - log.seek(0, os.SEEK_END)
            if missing > 0:
                log.write(bytes(missing))

    def _copy_log(self) -> None:
        with self.reading() as connection:
            # SQLite before 3.51.3 may lose frames when a writer resets the log at the moment a
            # checkpoint begins (sqlite.org/wal.html, "The WAL-Reset Bug"). It resets only a log
            # that is copied whole; so one page added now, and no other checkpoint meanwhile,
            # keep every writer from it until this one is through.
            self.run(_touch, durable=False)
            _, frames, _ = connection.execute(_CHECKPOINT).fetchone()
            if frames * PAGE_OCTETS > LONGEST_LOG:
                self._checkpoint_waits = True
                with self._turn, self._between_processes:
                    self._checkpoint_waits = False
                    connection.execute(_CHECKPOINT).fetchone()

    def close(self) -> None:
        """Commit what waits, then let go. Later calls raise StoreUnavailable."""
        with self._starting:
            thread = self._thread
            if thread is not None and not self._closed:
                self._pending.put(None)
        if thread is not None:
            thread.join()
        with self._turn:
            if self._closed:
                return
            self._closed = True
            with suppress(sqlite3.Error), self._between_processes:
                for connection in self._all:
                    connection.close()
            self._between_processes.close()
        self._fail_pending()

    def _fail_pending(self) -> None:
        with suppress(queue.Empty):
            while True:
                change = self._pending.get_nowait()
                if change is not None:
                    change.error = StoreUnavailable(f"{self._path} is closed")
                    _resolve(change)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,  # lent to one thread at a time
            cached_statements=256,
        )
        try:
            connection.execute(f"PRAGMA page_size={PAGE_OCTETS}")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute("PRAGMA cache_size=-8192")
        except sqlite3.Error:
            connection.close()
            raise
        self._all.append(connection)
        return connection


def _touch(writer: sqlite3.Connection) -> None:
    ((version,),) = writer.execute("PRAGMA user_version").fetchall()
    writer.execute(f"PRAGMA user_version={(version + 1) % 2**31}")


def _resolve(change: Change[Any]) -> None:
    future = change.future
    if future is None or not future.set_running_or_notify_cancel():
        return
    if change.error is not None:
        future.set_exception(change.error)
    else:
        future.set_result(change.result)
