"""The embedded store: every port over SQLite and files in one folder.

::

    table.sqlite    records            queues.sqlite   letters
    blobs.sqlite    index of blobs     blobs/          segments/, large/, drafts/
    bells/          sockets of those who listen now: topic/, queue-<name>/
    secrets/        the key that seals private keys and passwords
    search/         segments of the search index: may be removed

Several processes open the same folder at once. Open it after a fork.
"""

import threading
from pathlib import Path

from postroom.errors import BadSetting, StoreUnavailable
from postroom.platform.blobs import BlobStore
from postroom.platform.clock import Clock
from postroom.platform.embedded import blobs, queue, table
from postroom.platform.embedded.blobs import EmbeddedBlobStore
from postroom.platform.embedded.database import Database
from postroom.platform.embedded.queue import EmbeddedQueue, QueueSettings
from postroom.platform.embedded.segments import make_folder
from postroom.platform.embedded.table import EmbeddedTable
from postroom.platform.embedded.text_index import EmbeddedTextIndex
from postroom.platform.embedded.topic import EmbeddedTopic
from postroom.platform.embedded.upkeep import Upkeep
from postroom.platform.embedded.vault import EmbeddedVault
from postroom.platform.table import Table
from postroom.platform.text_index import TextIndex
from postroom.platform.topic import Topic
from postroom.platform.vault import Vault


class EmbeddedStore:
    def __init__(self, folder: Path, clock: Clock) -> None:
        """Open the folder, made if need be. Raises StoreUnavailable."""
        self._clock = clock
        self._bells = folder / "bells"
        try:
            make_folder(folder.absolute())
        except OSError as error:
            raise StoreUnavailable(f"{folder}: {error}") from error
        self._databases = (
            Database(folder / "table.sqlite", table.SCHEMA),
            Database(folder / "queues.sqlite", queue.SCHEMA),
            Database(folder / "blobs.sqlite", blobs.SCHEMA),
        )
        records, self._letters, index = self._databases
        self._table = EmbeddedTable(records, clock)
        self._blobs = EmbeddedBlobStore(folder / "blobs", index)
        self._blobs.recover()
        self._topic = EmbeddedTopic(self._bells / "topic")
        self._queues: dict[str, EmbeddedQueue] = {}
        self._lock = threading.Lock()
        self._closed = False
        self.table: Table = self._table
        self.blobs: BlobStore = self._blobs
        self.topic: Topic = self._topic
        self.vault: Vault = EmbeddedVault(folder)
        self.text_index: TextIndex = EmbeddedTextIndex(folder / "search")
        self.reads_are_local: bool = True
        self._upkeep = Upkeep(self._databases, self._table.purge, self._blobs.clean)

    def queue(
        self, name: str, visibility: int | None = None, max_receives: int | None = None
    ) -> EmbeddedQueue:
        """The queue of that name. Settings, once given, hold for every process from then on.

        *visibility* in seconds (30 if never set); *max_receives* before a letter moves to
        "<name>-dead" (5 if never set, 0: never).
        """
        if not name or not name.replace("-", "").replace("_", "").isalnum():
            raise BadSetting(f"{name!r} cannot be the name of a queue")
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if name not in self._queues:
                bells = self._bells / f"queue-{name}"
                self._queues[name] = EmbeddedQueue(self._letters, bells, name, self._clock)
            found = self._queues[name]
        if visibility is not None or max_receives is not None:
            kept = found.settings()
            found.configure(
                QueueSettings(
                    kept.visibility if visibility is None else visibility,
                    kept.max_receives if max_receives is None else max_receives,
                )
            )
        return found

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            queues = list(self._queues.values())
        self._upkeep.close()
        self._topic.close()
        self._blobs.close()
        for database in self._databases:
            database.close()
        for found in queues:
            found.close()
