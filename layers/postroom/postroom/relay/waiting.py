"""What waits for its time: one record each, in partitions that are read in order of that time.

``waiting/<shard>`` : ``<queue id>/<kind><name>``, order: milliseconds since 1970 at which it is
due. `tick` reads what is due, sends its key to the queue of its kind, and puts the time off by
the *lease*: if the function that gets the letter dies, the record becomes due once more. So a
queue may lose or repeat a letter; what counts is here. What is on hold is due at the end of days,
so that it can be found and is never fed.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from heapq import merge
from typing import Protocol

import msgspec

from postroom.errors import ConditionFailed
from postroom.platform.clock import Clock
from postroom.platform.queue import Queue
from postroom.platform.table import Absent, Body, Delete, Holds, Key, Put, Record, Table, prefix_end

SHARDS = 8  # a partition of DynamoDB takes 1,000 writes a second
OUTBOUND, REPORT, LATER = "o", "r", "l"  # kinds
QUEUES = {OUTBOUND: "outbound", REPORT: "bounces", LATER: "inbound"}
TOGETHER = 10  # tickets in one letter: the entries of a batch of accepted messages
_FED_TOGETHER = 100
_FIRST_GLANCE = 16  # records of each shard, for a list
_FIRST_LOOK = 10  # records of a shard
_MOST_DOUBLINGS = 6  # from a quarter of an hour to most of a day
_ON_HOLD = 1 << 53
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # of queue ids


class Queues(Protocol):
    def queue(self, name: str) -> Queue: ...


class Ticket(msgspec.Struct, frozen=True):
    """The key of a waiting record, as it travels in a letter."""

    waiting: str

    def to_json(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, body: str) -> "Ticket":
        return msgspec.json.decode(body, type=cls)

    @property
    def kind(self) -> str:
        return self.waiting.partition("/")[2][:1]

    @property
    def queue_id(self) -> str:
        return self.waiting.partition("/")[0]

    @property
    def name(self) -> str:
        return self.waiting.partition("/")[2][1:]

    @property
    def key(self) -> Key:
        return Key(partition_of(self.queue_id), self.waiting)


def letters_of(tickets: Iterable[Ticket]) -> Iterator[tuple[str, str]]:
    """The letters that bring the tickets: the names of their queues, and their bodies.

    What leaves at the same time travels together. Elsewhere a letter stands for one thing.
    """
    outbound: list[str] = []
    for ticket in tickets:
        if ticket.kind != OUTBOUND:
            yield QUEUES[ticket.kind], ticket.to_json()
            continue
        outbound.append(ticket.waiting)
        if len(outbound) == TOGETHER:
            yield QUEUES[OUTBOUND], _letter(outbound)
            outbound.clear()
    if outbound:
        yield QUEUES[OUTBOUND], _letter(outbound)


def _letter(names: list[str]) -> str:
    return msgspec.json.encode({"waiting": names[0] if len(names) == 1 else names}).decode()


def tickets_of(body: str) -> list[Ticket]:
    """The tickets that a letter of the Outbound queue brings. Raises what msgspec raises."""
    names = msgspec.json.decode(body, type=_Letter).waiting
    return [Ticket(name) for name in ([names] if isinstance(names, str) else names)]


class _Letter(msgspec.Struct, frozen=True):
    waiting: str | list[str]


def ticket(kind: str, queue_id: str, name: str) -> Ticket:
    return Ticket(f"{queue_id}/{kind}{name}")


def partition_of(queue_id: str) -> str:
    return _shard(_ALPHABET.index(queue_id[-1]) % SHARDS)


def _shard(number: int) -> str:
    return f"waiting/{number}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One record, as read. ``body`` is msgpack of the kind's own value."""

    ticket: Ticket
    body: bytes
    due: int | None  # milliseconds since 1970, None: on hold
    version: int


def new(ticket: Ticket, body: bytes, due: int) -> Put:
    """The write that makes the record, unless it is there."""
    return Put(ticket.key, _body(body, 1), order=due, condition=Absent())


def changed(found: Waiting, body: bytes, due: int | None) -> Put:
    """The write that replaces the record, if it is still as *found*."""
    condition = Holds("version", found.version)
    order = _ON_HOLD if due is None else due
    return Put(found.ticket.key, _body(body, found.version + 1), order=order, condition=condition)


def gone(found: Waiting) -> Delete:
    """The write that removes the record, if it is still as *found*."""
    return Delete(found.ticket.key, Holds("version", found.version))


def _body(body: bytes, version: int) -> Body:
    return {"version": version, "body": body}


def waiting_of(record: Record) -> Waiting:
    body, version = record.body["body"], record.body["version"]
    assert isinstance(body, bytes)  # noqa: S101  (we wrote it)
    assert isinstance(version, int)  # noqa: S101
    due = record.order if record.order != _ON_HOLD else None
    return Waiting(Ticket(record.key.sort), body, due, version)


def get_many(table: Table, tickets: list[Ticket]) -> dict[str, Waiting]:
    """Those of the records that exist, by the text of their tickets."""
    found = table.get_many([ticket.key for ticket in tickets])
    return {record.key.sort: waiting_of(record) for record in found.values()}


def of_message(table: Table, kind: str, queue_id: str) -> list[Waiting]:
    """All records of one kind that wait for one message."""
    first = f"{queue_id}/{kind}"
    return [
        waiting_of(record)
        for record in table.range(partition_of(queue_id), first, prefix_end(first))
    ]


def any_of_message(table: Table, queue_id: str) -> bool:
    """Whether anything waits for the message, or is being prepared."""
    first = f"{queue_id}/"
    found = table.range(partition_of(queue_id), first, prefix_end(first), limit=1)
    return next(found, None) is not None


def guard(queue_id: str) -> Put:
    """The write that says: more will wait for this message than is there yet."""
    return Put(_guard_key(queue_id), {})


def guarded(queue_id: str) -> Delete:
    """The write that says: now all is there."""
    return Delete(_guard_key(queue_id))


def _guard_key(queue_id: str) -> Key:
    return Key(partition_of(queue_id), f"{queue_id}/g")


def in_order(table: Table, *, held: bool = False) -> Iterator[Waiting]:
    """All records, the earliest due first and those on hold last, or these alone; read lazily, in
    pages."""
    above = _ON_HOLD - 1 if held else 0
    shards = [_in_order(table, _shard(number), above) for number in range(SHARDS)]
    for record in merge(*shards, key=lambda record: record.order or 0):
        yield waiting_of(record)


def _in_order(table: Table, shard: str, above: int) -> Iterator[Record]:
    """A few at first: of all shards together a screenful is seen, mostly."""
    first = list(table.range_by_order(shard, above, limit=_FIRST_GLANCE))
    yield from first
    if len(first) < _FIRST_GLANCE:
        return
    seen = {record.key for record in first}
    last = first[-1].order or 0
    for record in table.range_by_order(shard, last - 1):  # others may share its time
        if record.key not in seen:
            yield record


def feed(table: Table, queues: Queues, clock: Clock, lease: float, most: int) -> int:
    """Send the tickets of up to *most* records that are due; return how many.

    The cost is that of what is due, however much waits. Raises StoreUnavailable.
    """
    now = int(clock.seconds() * 1000)
    sent = 0
    for number in range(SHARDS):
        share = -(-(most - sent) // (SHARDS - number))
        due = _due(table, _shard(number), now, share)
        for start in range(0, len(due), _FED_TOGETHER):
            sent += _feed(table, queues, due[start : start + _FED_TOGETHER], now, lease)
    return sent


def _due(table: Table, shard: str, now: int, most: int) -> list[Waiting]:
    """The first records that are due. Whatever is read is paid for, so the looks begin small."""
    look = min(_FIRST_LOOK, most)
    while True:
        found = list(table.range_by_order(shard, 0, limit=look))
        due = [waiting_of(record) for record in found if (record.order or 0) <= now]
        if len(due) < look or look == most:
            return due
        look = min(look * 8, most)


def _feed(table: Table, queues: Queues, due: list[Waiting], now: int, lease: float) -> int:
    """Put them off by the lease, then send their tickets: whatever is lost in between comes
    again, and what somebody is at this moment changing is left to them."""
    put_off = [
        (
            found,
            table.write_soon(changed(found, found.body, now + int(lease * 1000 * _times(found)))),
        )
        for found in due
    ]
    ours = [found.ticket for found, future in put_off if was_held(future)]
    sending = [queues.queue(QUEUES[ticket.kind]).send_soon(ticket.to_json()) for ticket in ours]
    for future in sending:
        future.result()
    return len(ours)


def _times(found: Waiting) -> int:
    """How many leases it is put off. Of reports and messages for later nothing else changes the
    version: one whose function fails each time is a dead letter less and less often."""
    return 1 if found.ticket.kind == OUTBOUND else 2 ** min(found.version - 1, _MOST_DOUBLINGS)


def was_held(future: "Future[None]") -> bool:
    """Wait for a conditional write; False when its condition did not hold."""
    try:
        future.result()
    except ConditionFailed:
        return False
    return True
