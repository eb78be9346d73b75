"""The relay's parts over a real embedded store, with a clock that the test sets."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import msgspec

from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.journeys.store import Event, Journey, Journeys
from postroom.mailboxes.store import Mailboxes
from postroom.platform.blobs import BlobKey
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.queue import Letter
from postroom.relay.entries import Entry, Goal, entry_of
from postroom.relay.forwarding import Forwarding
from postroom.relay.outbound import Dispatch, Outbound, Unit
from postroom.relay.waiting import OUTBOUND, Ticket, of_message, tickets_of

LEASE = 600.0


@dataclass
class SetClock:
    time: float = 1_800_000_000.0

    def seconds(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    @property
    def milliseconds(self) -> int:
        return int(self.time * 1000)


@dataclass
class SteadyRandomness:
    """Always the same, never repeating."""

    count: int = 0

    def octets(self, count: int) -> bytes:
        self.count += 1
        return hashlib.sha256(self.count.to_bytes(8, "big")).digest()[:count]


@dataclass
class World:
    store: EmbeddedStore
    clock: SetClock
    randomness: SteadyRandomness
    folder: Path
    journeys: Journeys = field(init=False)
    mailboxes: Mailboxes = field(init=False)
    outbound: Outbound = field(init=False)

    def __post_init__(self) -> None:
        table = self.store.table
        self.journeys = Journeys(table, self.clock)
        self.mailboxes = Mailboxes(
            table, self.store.blobs, self.store.topic, self.clock, self.randomness
        )
        self.outbound = Outbound(
            table, self.store, self.journeys, self.mailboxes, self.clock, LEASE
        )

    @cached_property
    def forwarding(self) -> Forwarding:
        from postroom.platform.embedded.vault import EmbeddedVault

        vault = EmbeddedVault(self.folder)
        return Forwarding(self.store.table, vault, self.clock, self.randomness)

    def queue_id(self) -> str:
        return new_queue_id(self.clock.time, self.randomness.octets(RANDOM_OCTETS), "")

    def entry(self, *addresses: str, queue_id: str = "", **changes: object) -> Entry:
        """An entry whose text is stored; it does not wait yet."""
        queue_id = queue_id or self.queue_id()
        addresses = addresses or ("bob@elsewhere.test",)
        text = b"Subject: x\r\n\r\nHello.\r\n"
        self.store.blobs.put(BlobKey(queue_id), text)
        domain = addresses[0].rpartition("@")[2]
        made = Entry(
            queue_id=queue_id,
            name=domain,
            domain=domain,
            blob=BlobKey(queue_id),
            size=len(text),
            received=self.clock.milliseconds,
            reverse_path="alice@example.test",
            goals=tuple(Goal(address) for address in addresses),
            sender="alice@example.test",
            sender_domain="example.test",
            account="a1",
            message_id="<1@example.test>",
        )
        return msgspec.structs.replace(made, **changes)

    def unit(self, entry: Entry) -> Unit:
        accepted = Event(entry.received, "accepted", "")
        journey = Journey(entry.queue_id, entry.place, "", entry.sender, (), (accepted,))
        return Unit(journey, entry)

    def add(self, *entries: Entry) -> None:
        """Let them wait, each as a message of its own."""
        dispatches = [Dispatch(entry.queue_id, [self.unit(entry)]) for entry in entries]
        assert self.outbound.add(dispatches) == [None] * len(entries)

    def waiting(self, queue_id: str) -> list[Entry]:
        found = of_message(self.store.table, OUTBOUND, queue_id)
        return [entry_of(waiting) for waiting in found]

    def letters(self, queue: str = "outbound") -> list[Ticket]:
        """All letters that the queue gives now, taken for good."""
        tickets: list[Ticket] = []
        while letters := self.store.queue(queue).receive(10):
            tickets += self._tickets(letters)
            self.store.queue(queue).delete([letter.receipt for letter in letters])
        return tickets

    def _tickets(self, letters: list[Letter]) -> list[Ticket]:
        return [ticket for letter in letters for ticket in tickets_of(letter.body)]


@contextmanager
def opened(folder: Path) -> Iterator[World]:
    clock = SetClock()
    store = EmbeddedStore(folder, clock)
    try:
        yield World(store, clock, SteadyRandomness(), folder)
    finally:
        store.close()
