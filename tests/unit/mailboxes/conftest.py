"""Mailboxes over the embedded store, as every test here uses them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from postroom.mailboxes.records import NewMessage
from postroom.mailboxes.store import Mailboxes
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemRandomness

DAY = 86_400
ACCOUNT = "alice"


@dataclass
class HandClock:
    """A clock that a test moves."""

    time: float = 1_700_000_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    def seconds(self) -> float:
        return self.time


@dataclass
class Office:
    """One platform, one account with its mailboxes, and an easy way to put mail there."""

    store: EmbeddedStore
    clock: HandClock
    mailboxes: Mailboxes
    count: int = 0
    blobs: list[BlobKey] = field(default_factory=list)

    def letter(self, text: str = "", **rest: Any) -> NewMessage:
        """A new message whose blob is stored."""
        self.count += 1
        raw = f"Subject: {self.count}\r\n\r\n{text}\r\n".encode()
        blob = rest.pop("blob", None) or BlobKey(f"blob{self.count:06}")
        if blob not in self.blobs:
            self.store.blobs.put(blob, raw)
            self.blobs.append(blob)
        rest.setdefault("internal_date", int(self.clock.time))
        return NewMessage(blob=blob, summary=summarise(raw), **rest)

    def id(self, name: str) -> str:
        return self.mailboxes.find(ACCOUNT, name).id

    def fill(self, name: str, count: int, **rest: Any) -> list[int]:
        """Append that many messages; their UIDs."""
        mailbox, uids = self.id(name), []
        for first in range(0, count, 90):
            letters = [self.letter(**rest) for _ in range(first, min(count, first + 90))]
            uids += [done.uid for done in self.mailboxes.append(ACCOUNT, mailbox, letters)]
        return uids


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(tmp_path: Path, clock: HandClock) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path / "data", clock)
    yield store
    store.close()


@pytest.fixture
def office(store: EmbeddedStore, clock: HandClock) -> Office:
    mailboxes = Mailboxes(store.table, store.blobs, store.topic, clock, SystemRandomness())
    mailboxes.create_account(ACCOUNT)
    return Office(store, clock, mailboxes)
