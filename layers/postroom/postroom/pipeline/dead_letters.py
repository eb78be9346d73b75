"""Dead letters: queue entries that failed again and again, each with its reason."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from postroom.platform.batches import Reasons
from postroom.platform.clock import Clock
from postroom.platform.queue import LARGEST_BATCH, Letter, Queue
from postroom.platform.table import Table


class Stores(Protocol):
    @property
    def table(self) -> Table: ...
    def queue(self, name: str) -> Queue: ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    id: str
    sent: datetime
    reason: str
    body: str


class DeadLetters:
    """The dead letters of one queue. Queues cannot be read without taking: so letters are taken,
    looked at, and let go; while one look goes on, another sees fewer."""

    def __init__(self, stores: Stores, queue: str, clock: Clock) -> None:
        self._reasons = Reasons(stores.table, clock, queue)
        self._queue = stores.queue(queue)
        self._dead = stores.queue(f"{queue}-dead")

    def all(self) -> list[DeadLetter]:
        letters = list(self._taken())
        for letter in letters:
            self._dead.hide(letter.receipt, 0)
        reasons = self._reasons.of([letter.id for letter in letters])
        return [
            DeadLetter(
                letter.id,
                datetime.fromtimestamp(letter.sent / 1000, UTC),
                reasons.get(letter.id, "not recorded: the function ended before it could say"),
                letter.body,
            )
            for letter in letters
        ]

    def replay(self, ids: set[str] | None) -> int:
        """Send them once more (None: all). A crash in between may send one twice: harmless."""
        return self._each(ids, again=True)

    def drop(self, ids: set[str] | None) -> int:
        return self._each(ids, again=False)

    def _each(self, ids: set[str] | None, again: bool) -> int:
        count = 0
        for letter in list(self._taken()):
            if ids is not None and letter.id not in ids:
                self._dead.hide(letter.receipt, 0)
                continue
            if again:
                self._queue.send(letter.body)
            self._dead.delete([letter.receipt])
            count += 1
        return count

    def _taken(self) -> Iterator[Letter]:
        seen: set[str] = set()
        while batch := self._dead.receive(LARGEST_BATCH, 0):
            fresh = [letter for letter in batch if letter.id not in seen]
            if not fresh:
                return
            seen.update(letter.id for letter in fresh)
            yield from fresh
