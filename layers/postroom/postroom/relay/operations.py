"""What an operator sees of the outbound queue, and does to it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from postroom.errors import ConditionFailed, PostroomError
from postroom.journeys.ids import is_queue_id
from postroom.journeys.store import Journey, Journeys
from postroom.platform.clock import Clock
from postroom.platform.table import Table
from postroom.relay.entries import Entry, changed_entry, entry_of, events_of
from postroom.relay.outbound import Outbound
from postroom.relay.parcel import Outcome
from postroom.relay.recording import writes_of
from postroom.relay.schedule import Schedule
from postroom.relay.settling import same_for_all, settle
from postroom.relay.waiting import OUTBOUND, Waiting, every, get_many, in_order, of_message, ticket

_ATTEMPTS = 5


class NotInQueue(PostroomError):
    def __init__(self, queue_id: str) -> None:
        super().__init__(f"{queue_id} is not in the outbound queue")


@dataclass(frozen=True, slots=True)
class Filter:
    """What to choose; an empty one chooses all."""

    domain: str = ""
    sender: str = ""
    recipient: str = ""
    held: bool | None = None

    @property
    def is_empty(self) -> bool:
        return self == Filter()

    def accepts(self, entry: Entry) -> bool:
        return (
            (not self.domain or entry.domain == self.domain.lower())
            and (not self.sender or self.sender.lower() in entry.sender.lower())
            and (
                not self.recipient
                or any(self.recipient.lower() in goal.address.lower() for goal in entry.goals)
            )
            and (self.held is None or bool(entry.held) is self.held)
        )


@dataclass(frozen=True, slots=True)
class Queued:
    entry: Entry
    due: int | None  # milliseconds since 1970, None: on hold
    busy: bool  # a worker has it at this moment


class Operations:
    def __init__(
        self,
        table: Table,
        clock: Clock,
        journeys: Journeys,
        outbound: Outbound,
        schedule: Schedule,
        lease: float,
    ) -> None:
        self._table = table
        self._clock = clock
        self._journeys = journeys
        self._outbound = outbound
        self._schedule = schedule
        self._lease = int(lease * 1000)

    def entries(self, chosen: Filter) -> Iterator[Queued]:
        """Entries, lazily: take as many as are to be seen.

        Without a filter in order of their time, at the cost of what is taken; with one, all are
        walked through, in order of their age within each of the shards.
        """
        found: Iterable[Waiting] = (
            in_order(self._table) if chosen.is_empty else every(self._table, OUTBOUND)
        )
        for waiting in found:
            if waiting.ticket.kind == OUTBOUND:
                queued = self._queued(waiting)
                if chosen.accepts(queued.entry):
                    yield queued

    def of_message(self, queue_id: str) -> list[Queued]:
        """All entries of one message. Raises NotInQueue."""
        found = of_message(self._table, OUTBOUND, queue_id) if is_queue_id(queue_id) else []
        if not found:
            raise NotInQueue(queue_id)
        return [self._queued(waiting) for waiting in found]

    def with_attempts(self, journeys: Sequence[Journey]) -> list[Journey]:
        """The journeys, with every attempt so far for those that are still in the queue."""
        tickets = {
            journey: ticket(OUTBOUND, journey.queue_id, journey.place[1:])
            for journey in journeys
            if journey.place.startswith(">")
        }
        found = get_many(self._table, list(tickets.values()))
        return [
            replace(journey, events=events_of(entry_of(found[tickets[journey].waiting])))
            if journey in tickets and tickets[journey].waiting in found
            else journey
            for journey in journeys
        ]

    def retry(self, queue_id: str) -> int:
        """Attempt now, held or not. Returns the number of entries."""
        return self._each(queue_id, self._freed)

    def hold(self, queue_id: str, reason: str) -> int:
        """Attempt nothing and give nothing up until it is released."""

        def held(entry: Entry) -> tuple[Entry, int | None]:
            return msgspec.structs.replace(entry, held=reason, busy_until=0), None

        return self._each(queue_id, held)

    def release(self, queue_id: str) -> int:
        return self._each(queue_id, self._freed)

    def release_domain(self, domain: str) -> int:
        """Free what was put on hold because its domain was paused."""
        count = 0
        for queued in self.entries(Filter(domain=domain, held=True)):
            if queued.entry.held.startswith(f"{domain} is paused"):
                count += self.release(queued.entry.queue_id)
        return count

    def delete(self, queue_id: str, *, tell: bool) -> int:
        """Give the message up. *tell*: its sender gets a bounce."""
        count = 0
        for _ in range(_ATTEMPTS):
            found = self._of(queue_id)
            if not found:
                break
            for waiting in found:
                count += self._delete(waiting, tell)
        if not count:
            raise NotInQueue(queue_id)
        return count

    def _delete(self, waiting: Waiting, tell: bool) -> int:
        entry, now = entry_of(waiting), int(self._clock.seconds() * 1000)
        reason = "The operator of this mail system has removed the message from its queue."
        outcome = Outcome("failed", "5.3.0", reason)
        settled = settle(entry, same_for_all(entry, outcome), now, self._schedule, b"\0\0")
        if not tell:
            settled = replace(settled, report=None)
        writes = writes_of(waiting, settled, self._journeys, now + self._lease)
        try:
            self._table.write(*writes)
        except ConditionFailed:
            return 0
        if settled.report is not None:
            self._outbound.ring([settled.report.ticket])
        else:
            self._outbound.release(entry.queue_id, entry.blob)
        return 1

    def _freed(self, entry: Entry) -> tuple[Entry, int | None]:
        now = int(self._clock.seconds() * 1000)
        return msgspec.structs.replace(entry, held="", next_try=0), now + self._lease

    def _each(self, queue_id: str, change: Callable[[Entry], tuple[Entry, int | None]]) -> int:
        if not is_queue_id(queue_id):
            raise NotInQueue(queue_id)
        for _ in range(_ATTEMPTS):
            found = self._of(queue_id)
            if not found:
                raise NotInQueue(queue_id)
            try:
                for waiting in found:
                    entry, due = change(entry_of(waiting))
                    self._table.write(changed_entry(waiting, entry, due))
                    if due is not None:
                        self._outbound.ring([entry.ticket])
            except ConditionFailed:
                continue  # a worker has just written its outcome
            return len(found)
        raise PostroomError(f"{queue_id} is being attempted at this moment: try again")

    def _of(self, queue_id: str) -> list[Waiting]:
        return of_message(self._table, OUTBOUND, queue_id)

    def _queued(self, waiting: Waiting) -> Queued:
        entry = entry_of(waiting)
        busy = entry.busy_until > self._clock.seconds() * 1000
        return Queued(entry, waiting.due, busy)
