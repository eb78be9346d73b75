"""The Queue port over SQLite, with the habits of SQS."""

import sqlite3
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from postroom.errors import TooLarge
from postroom.platform.clock import Clock
from postroom.platform.embedded.database import Database
from postroom.platform.embedded.doorbell import Bell, Ringer
from postroom.platform.queue import (
    LARGEST_BATCH,
    LARGEST_BODY,
    LONGEST_DELAY,
    LONGEST_VISIBILITY,
    Letter,
)

# A letter is seen from *due* on: sending sets it to the end of the delay, receiving to the end of
# the visibility time. So "waiting", "delayed" and "taken" are one number and one index.
SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (
    name TEXT PRIMARY KEY,
    visibility INTEGER NOT NULL,  -- seconds
    max_receives INTEGER NOT NULL  -- 0: never given up
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    due INTEGER NOT NULL,  -- milliseconds since 1970
    receives INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_due ON letters (queue, due, receives);
"""

LONGEST_WAIT = 20.0  # seconds
DEAD = "-dead"
# A waiting receiver looks at least this often, so that a clock that jumps is noticed.
_GLANCE = 1.0

_READY = (
    "SELECT id, body, receives, sent FROM letters WHERE queue = ? AND due <= ? "
    "ORDER BY due, id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class QueueSettings:
    visibility: int = 30  # seconds
    max_receives: int = 5  # 0: letters are never given up


class EmbeddedQueue:
    def __init__(self, database: Database, bells: Path, name: str, clock: Clock) -> None:
        self._database = database
        self._name = name
        self._clock = clock
        self._ringer = Ringer(bells)
        self._bells = bells
        self._idle: list[Bell] = []  # each waiting thread takes one
        self._lock = threading.Lock()
        self._settings: QueueSettings | None = None
        self._closed = False

    def settings(self) -> QueueSettings:
        rows = self._database.query(
            "SELECT visibility, max_receives FROM queues WHERE name = ?", (self._name,)
        )
        if rows:
            return QueueSettings(*rows[0])
        return QueueSettings(max_receives=0) if self._name.endswith(DEAD) else QueueSettings()

    def configure(self, settings: QueueSettings) -> None:
        """Keep the settings in the store, for every process that opens the queue by its name."""
        if settings != self.settings():
            self._database.run(partial(_configure, self._name, settings))
        self._settings = settings

    def send(self, body: str, delay: int = 0) -> None:
        self._database.run(self._sending(body, delay))
        self._ringer.ring()

    def send_soon(self, body: str, delay: int = 0) -> "Future[None]":
        return self._database.run_soon(self._sending(body, delay), tell=self._ringer.ring)

    def _sending(self, body: str, delay: int) -> "partial[None]":
        octets = len(body.encode())
        if octets > LARGEST_BODY:
            raise TooLarge("the body of a letter in octets", octets, LARGEST_BODY)
        if not 0 <= delay <= LONGEST_DELAY:
            raise TooLarge("the delay in seconds", delay, LONGEST_DELAY)
        now = int(self._clock.seconds() * 1000)
        return partial(_send, (self._name, now + delay * 1000, now, body))

    def receive(self, most: int = LARGEST_BATCH, wait: float = 0.0) -> list[Letter]:
        if not 1 <= most <= LARGEST_BATCH:
            raise TooLarge("the number of letters in a batch", most, LARGEST_BATCH)
        letters = self._take(most)
        if letters or wait <= 0:
            return letters
        end = time.monotonic() + min(wait, LONGEST_WAIT)
        bell = self._bell()
        try:
            while not (letters := self._take(most)):
                left = end - time.monotonic()
                if left <= 0:
                    break
                bell.wait(min(left, self._until_due(), _GLANCE))
                bell.rings()
        finally:
            with self._lock:
                if self._closed:
                    bell.close()
                else:
                    self._idle.append(bell)
        return letters

    def _bell(self) -> Bell:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Bell(self._bells)

    def _take(self, most: int) -> list[Letter]:
        now = int(self._clock.seconds() * 1000)
        # Look before locking: an empty queue, the usual case of a poll, disturbs no writer.
        if not self._database.query(
            "SELECT 1 FROM letters WHERE queue = ? AND due <= ? LIMIT 1", (self._name, now)
        ):
            return []
        if self._settings is None:
            self._settings = self.settings()
        take = partial(_take, self._name, self._settings, now, most)
        return self._database.run(take, durable=False)

    def _until_due(self) -> float:
        """Return the seconds until a delayed or hidden letter shows itself."""
        ((due,),) = self._database.query(
            "SELECT min(due) FROM letters WHERE queue = ?", (self._name,)
        )
        if due is None:
            return _GLANCE
        return max(0.0005, float(due) / 1000 - self._clock.seconds())

    def delete(self, receipts: Sequence[str]) -> None:
        if len(receipts) > LARGEST_BATCH:
            raise TooLarge("the number of receipts in a batch", len(receipts), LARGEST_BATCH)
        known = [place for place in map(_place, receipts) if place is not None]
        if known:
            self._database.run(partial(_delete, self._name, known), durable=False)

    def hide(self, receipt: str, seconds: int) -> None:
        if not 0 <= seconds <= LONGEST_VISIBILITY:
            raise TooLarge("the visibility time in seconds", seconds, LONGEST_VISIBILITY)
        place = _place(receipt)
        if place is not None:
            due = int(self._clock.seconds() * 1000) + seconds * 1000
            self._database.run(partial(_hide, self._name, place, due), durable=False)
            self._ringer.ring()

    def depth(self) -> tuple[int, int]:
        now = int(self._clock.seconds() * 1000)
        ((total, taken),) = self._database.query(
            "SELECT count(*), coalesce(sum(receives > 0 AND due > ?), 0) FROM letters "
            "WHERE queue = ?",
            (now, self._name),
        )
        return total - taken, taken

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for bell in idle:
            bell.close()
        self._ringer.close()


def _place(receipt: str) -> tuple[int, int] | None:
    """A receipt is the letter's id and the number of the receive it is good for."""
    identity, _, receives = receipt.partition("-")
    if identity.isdecimal() and receives.isdecimal() and len(receipt) < 40:
        return int(identity), int(receives)
    return None


def _configure(name: str, settings: QueueSettings, writer: sqlite3.Connection) -> None:
    writer.execute(
        "INSERT OR REPLACE INTO queues VALUES (?, ?, ?)",
        (name, settings.visibility, settings.max_receives),
    )


def _send(row: tuple[str, int, int, str], writer: sqlite3.Connection) -> None:
    writer.execute("INSERT INTO letters (queue, due, sent, body) VALUES (?, ?, ?, ?)", row)


def _take(
    name: str, settings: QueueSettings, now: int, most: int, writer: sqlite3.Connection
) -> list[Letter]:
    due = now + settings.visibility * 1000
    while True:
        rows = writer.execute(_READY, (name, now, most)).fetchall()
        letters = []
        for identity, body, receives, sent in rows:
            if settings.max_receives and receives >= settings.max_receives:
                writer.execute(
                    "UPDATE letters SET queue = ?, due = ?, receives = 0 WHERE id = ?",
                    (name + DEAD, now, identity),
                )
                continue
            writer.execute(
                "UPDATE letters SET due = ?, receives = ? WHERE id = ?",
                (due, receives + 1, identity),
            )
            receipt = f"{identity}-{receives + 1}"
            letters.append(Letter(str(identity), body, receipt, receives + 1, sent))
        if letters or not rows:
            return letters


def _delete(name: str, places: list[tuple[int, int]], writer: sqlite3.Connection) -> None:
    writer.executemany(
        "DELETE FROM letters WHERE id = ? AND receives = ? AND queue = ?",
        [(*place, name) for place in places],
    )


def _hide(name: str, place: tuple[int, int], due: int, writer: sqlite3.Connection) -> None:
    writer.execute(
        "UPDATE letters SET due = ? WHERE id = ? AND receives = ? AND queue = ?",
        (due, *place, name),
    )
