"""What keeps the store small, in a thread of its own, away from every writer's path."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from postroom.errors import StoreUnavailable
from postroom.platform.embedded.database import Database

PAUSE = 1.0  # seconds between two rounds
ROUNDS_TO_CLEAN = 600


class Upkeep:
    """Checkpoints the databases, calls *purge* until it returns 0, and seldom *clean*."""

    def __init__(
        self,
        databases: Sequence[Database],
        purge: Callable[[], int],
        clean: Callable[[], None],
    ) -> None:
        self._databases = databases
        self._purge = purge
        self._clean = clean
        self._rounds = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="upkeep", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._end.wait(PAUSE):
            # The disk may be full or the folder gone; writers report that, upkeep tries again.
            with suppress(StoreUnavailable, OSError):
                self.round()

    def round(self) -> None:
        for database in self._databases:
            database.checkpoint()
        while not self._end.is_set() and self._purge():
            pass
        self._rounds += 1
        if self._rounds % ROUNDS_TO_CLEAN == 0:
            self._clean()

    def close(self) -> None:
        self._end.set()
        self._thread.join()
