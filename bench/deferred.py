"""A queue of deferred messages, and what looking into it costs."""

import time
from itertools import islice
from pathlib import Path

from bench.sides import DOMAIN, ELSEWHERE
from postroom.app import build
from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.platform.blobs import BlobKey
from postroom.relay.entries import Entry, Goal, new_entry
from postroom.relay.operations import Filter
from postroom.relay.waiting import feed
from postroom.relaying import operations_of

_PUT_TOGETHER = 1000
_DUE = 40  # entries that a tick finds
_SHOWN = 50  # by `postroom queue list`
_ROUNDS = 30
_MOST_FED = 5000


class Deferred:
    """A store of its own, in which *count* entries wait for the next hours and days."""

    def __init__(self, folder: Path, count: int) -> None:
        self.name = f"{count:,} deferred"
        self._app = build({"POSTROOM_DATA": str(folder / f"deferred-{count}")})
        now = int(time.time() * 1000)
        hours = 3_600_000
        for start in range(0, count, _PUT_TOGETHER):
            numbers = range(start, min(start + _PUT_TOGETHER, count))
            self._app.table.put_many(
                [new_entry(_entry(now, number), now + hours + number * 1000) for number in numbers]
            )
        # Those that come due, time and again: their queue ids are in all of the partitions.
        self._due = [_entry(now, count + number) for number in range(_DUE)]

    def figures(self) -> dict[str, float]:
        return {"tick": self.tick(), "queue list": self.listing()}

    def tick(self) -> float:
        """Milliseconds of the part of a `tick` that feeds the queue, the best of some rounds."""
        app, queue = self._app, self._app.queue("outbound")
        best = float("inf")
        for _ in range(_ROUNDS):
            due = int(time.time() * 1000) - 1000
            app.table.put_many([new_entry(entry, due) for entry in self._due])
            started = time.perf_counter()
            fed = feed(app.table, app.platform, app.clock, app.settings.lease, _MOST_FED)
            best = min(best, time.perf_counter() - started)
            assert fed == _DUE
            while letters := queue.receive():
                queue.delete([letter.receipt for letter in letters])
        return best * 1000

    def listing(self) -> float:
        """Milliseconds until `queue list` has what it shows."""
        found = operations_of(self._app)
        best = float("inf")
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            shown = list(islice(found.entries(Filter()), _SHOWN + 1))
            best = min(best, time.perf_counter() - started)
            assert len(shown) == _SHOWN + 1
        return best * 1000

    def close(self) -> None:
        self._app.platform.close()


def _entry(now: int, number: int) -> Entry:
    octets = (number * 2_654_435_761 % 2**72).to_bytes(RANDOM_OCTETS, "big")
    queue_id = new_queue_id(now / 1000, octets, f"<{number}@{DOMAIN}>")
    address = ELSEWHERE[number % len(ELSEWHERE)]
    domain = address.rpartition("@")[2]
    sender = f"writer@{DOMAIN}"
    return Entry(
        queue_id=queue_id,
        name=domain,
        domain=domain,
        blob=BlobKey(queue_id),
        size=4096,
        received=now,
        reverse_path=sender,
        goals=(Goal(address),),
        sender=sender,
        sender_domain=DOMAIN,
        account="writer",
        attempts=3,
        events=(
            (now, "accepted", "from client.example.org [192.0.2.1]"),
            (now, "deferred", f"{address}: connection timed out"),
        ),
    )
