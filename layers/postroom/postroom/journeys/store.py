"""Journeys: one record for each queue id and place the message reached, written once.

``journey/<tail>`` : ``<queue id>/<place>`` is also the marker that makes an effect happen once: it
is put with Absent in the transaction of the effect itself. ``journey-of/<address>`` : ``<queue
id>`` leads from an address to queue ids. Both fade after the retention time, which is longer
than any queue keeps a letter, so that a late repeat still finds the marker.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from postroom.journeys.ids import is_queue_id, tail_of, time_of
from postroom.platform.clock import Clock
from postroom.platform.table import Absent, Key, Put, Record, Table, Value, prefix_end

_MOST_LOOKED_AT = 20  # records, to find the queue ids of one Message-ID

RETENTION = 30 * 86_400  # seconds; a letter lives 14 days in a dead-letter queue at most


@dataclass(frozen=True, slots=True)
class Event:
    """One step: when (milliseconds since 1970), its name and what is to be said about it."""

    at: int
    step: str  # accepted, routed, delivered, …
    detail: str


@dataclass(frozen=True, slots=True)
class Journey:
    """What became of one message at one place."""

    queue_id: str
    place: str  # account id, or what else the effect was on
    message_id: str
    reverse_path: str
    recipients: tuple[str, ...]  # the envelope recipients that led there
    events: tuple[Event, ...]
    root: bytes = b""  # of a reply: the message it goes back to (``lineage.root_hash``)


class Journeys:
    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def marker(self, journey: Journey) -> Put:
        """The record of *journey*, to be put in the transaction of the effect it tells of."""
        return replace(self.grown(journey), condition=Absent())

    def grown(self, journey: Journey) -> Put:
        """The record of a journey that has begun already, with all its events so far."""
        body: dict[str, Value] = {
            "message_id": journey.message_id,
            "from": journey.reverse_path,
            "to": list(journey.recipients),
            "events": [[event.at, event.step, event.detail] for event in journey.events],
        }
        if journey.root:
            body["root"] = journey.root
        return Put(_key(journey.queue_id, journey.place), body, expires=self._expiry())

    def done(self, queue_id: str, places: Sequence[str]) -> set[str]:
        """Those of the places that this message has reached already."""
        found = self._table.get_many([_key(queue_id, place) for place in places])
        return {key.sort.partition("/")[2] for key in found}

    def index(self, pairs: Iterable[tuple[str, str]], also: Iterable[Put] = ()) -> None:
        """Let addresses lead to queue ids: pairs of (address, queue id), repeats harmless. The
        puts of *also* go into the same request."""
        expires = self._expiry()
        found = [
            Put(Key(f"journey-of/{address}", queue_id), {}, expires=expires)
            for address, queue_id in dict.fromkeys(pairs)
        ]
        self._table.put_many([*found, *also])

    def trace(self, name: str, most: int = 100) -> list[Journey]:
        """Journeys by queue id, Message-ID or address, the newest message first."""
        if is_queue_id(name):
            return [_journey(record) for record in self._of_queue_id(name)]
        if name.startswith("<"):
            return self._of_message_id(name)
        newest = self._table.range(f"journey-of/{name.lower()}", backwards=True, limit=most)
        found = [
            _journey(record) for entry in newest for record in self._of_queue_id(entry.key.sort)
        ]
        # "a@b" may be an address or a Message-ID without its brackets, as users copy it.
        return found or self._of_message_id(f"<{name}>")

    def root(self, place: str, message_id: str) -> bytes | None:
        """What the message, a reply, goes back to, if it has reached that place lately."""
        partition = _partition(message_id)
        latest = list(self._table.range(partition, backwards=True, limit=_MOST_LOOKED_AT))
        keys = {_key(record.key.sort.partition("/")[0], place) for record in latest}
        found = {record.key: record for record in latest if record.key in keys}
        if not found and len(latest) == _MOST_LOOKED_AT:  # it has reached many other places
            found = self._table.get_many(list(keys))
        for record in found.values():
            root, kept = record.body.get("root"), str(record.body["message_id"])
            # A long Message-ID is cut before it is kept, and two may have the same tail.
            if isinstance(root, bytes) and kept and message_id.startswith(kept):
                return root
        return None

    def _of_queue_id(self, queue_id: str) -> Iterator[Record]:
        prefix = f"{queue_id}/"
        return self._table.range(_partition(queue_id), prefix, prefix_end(prefix))

    def _of_message_id(self, message_id: str) -> list[Journey]:
        journeys = [_journey(record) for record in self._table.range(_partition(message_id))]
        same = [journey for journey in journeys if journey.message_id == message_id]
        return sorted(same, key=lambda journey: -time_of(journey.queue_id))

    def _expiry(self) -> int:
        return int(self._clock.seconds()) + RETENTION


def _partition(name: str) -> str:
    return f"journey/{tail_of(name)}"


def _key(queue_id: str, place: str) -> Key:
    return Key(_partition(queue_id), f"{queue_id}/{place}")


def _journey(record: Record) -> Journey:
    queue_id, _, place = record.key.sort.partition("/")
    body = record.body
    events, recipients = body["events"], body["to"]
    return Journey(
        queue_id,
        place,
        str(body["message_id"]),
        str(body["from"]),
        tuple(map(str, recipients)) if isinstance(recipients, list) else (),
        tuple(Event(*event) for event in events) if isinstance(events, list) else (),  # type: ignore[misc]
        root if isinstance(root := body.get("root"), bytes) else b"",
    )
