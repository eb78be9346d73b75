"""What an operator sees of the outbound queue, and does to it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import msgspec

from postroom.errors import ConditionFailed, PostroomError
from postroom.journeys.ids import is_queue_id
from postroom.journeys.store import Journey, Journeys
from postroom.platform.clock import Clock
from postroom.platform.table import Table
from postroom.relay.destinations.routes import by_url
from postroom.relay.entries import Entry, changed_entry, entry_of, events_of
from postroom.relay.outbound import Outbound
from postroom.relay.parcel import Outcome
from postroom.relay.recording import writes_of
from postroom.relay.schedule import Schedule
from postroom.relay.settling import same_for_all, settle
from postroom.relay.waiting import (
    OUTBOUND,
    Ticket,
    Waiting,
    get_many,
    in_order,
    of_message,
    ticket,
)

_ATTEMPTS = 5


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


EVERYTHING = Filter()


class NotInQueue(PostroomError):
    def __init__(self, queue_id: str, chosen: Filter = EVERYTHING) -> None:
        what = f"{queue_id} is not in the outbound queue"
        if chosen.held:
            what = f"{queue_id} is not on hold"
        elif not chosen.is_empty:
            what = f"no such part of {queue_id} is in the outbound queue"
        super().__init__(f"{what}; `postroom trace {queue_id}` tells what became of it")


class Busy(PostroomError):
    def __init__(self, queue_id: str) -> None:
        super().__init__(
            f"{queue_id} is being attempted at this moment: `postroom queue show {queue_id}` tells "
            f"when that is over"
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

        In order of their time, those on hold last. Without a filter, or for all that is held, at
        the cost of what is taken; with another one, all are walked through.
        """
        for waiting in in_order(self._table, held=chosen.held is True):
            if waiting.ticket.kind == OUTBOUND:
                queued = self._queued(waiting)
                if chosen.accepts(queued.entry):
                    yield queued

    def of_message(self, queue_id: str) -> list[Queued]:
        """All entries of one message. Raises NotInQueue."""
        found = self._of(queue_id, EVERYTHING)
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

    def retry(self, queue_id: str, chosen: Filter = EVERYTHING) -> int:
        """Attempt now, held or not. Returns the number of entries, as all these do.

        *chosen* leaves out some destinations of the message. All raise NotInQueue and Busy.
        """
        return self._each(queue_id, chosen, self._freed)

    def hold(self, queue_id: str, reason: str, chosen: Filter = EVERYTHING) -> int:
        """Attempt nothing and give nothing up until it is released."""

        def held(entry: Entry) -> tuple[Entry, int | None]:
            return msgspec.structs.replace(entry, held=reason), None

        return self._each(queue_id, chosen, held)

    def release(self, queue_id: str, chosen: Filter = EVERYTHING) -> int:
        return self._each(queue_id, replace(chosen, held=True), self._freed)

    def release_domain(self, domain: str) -> int:
        """Free what was put on hold because its domain was paused."""
        count = 0
        for queued in list(self.entries(Filter(domain=domain, held=True))):
            if queued.entry.held.startswith(f"{domain} is paused"):
                with suppress(NotInQueue):  # it has just been released or deleted
                    count += self.release(queued.entry.queue_id, Filter(domain=domain))
        return count

    def lead(self, queue_id: str, url: str, chosen: Filter = EVERYTHING) -> int:
        """Let it take that route instead of the table's, or the table's again (""), and attempt
        it now unless it is held. Raises BadSetting."""
        url = by_url(url).url if url else ""

        def led(entry: Entry) -> tuple[Entry, int | None]:
            entry = msgspec.structs.replace(entry, via=url)
            return (entry, None) if entry.held else self._freed(entry)

        return self._each(queue_id, chosen, led)

    def delete(self, queue_id: str, *, tell: bool, chosen: Filter = EVERYTHING) -> int:
        """Give the message up. *tell*: its sender gets a bounce."""
        count = 0
        for _ in range(_ATTEMPTS):
            found = self._of(queue_id, chosen)
            if not found:
                break
            for waiting in found:
                count += self._delete(waiting, tell)
        if not count:
            raise NotInQueue(queue_id, chosen)
        return count

    def _delete(self, waiting: Waiting, tell: bool) -> int:
        entry, now = self._free(waiting), int(self._clock.seconds() * 1000)
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

    def _each(
        self,
        queue_id: str,
        chosen: Filter,
        change: Callable[[Entry], tuple[Entry, int | None]],
    ) -> int:
        done: set[Ticket] = set()
        for _ in range(_ATTEMPTS):
            found = [one for one in self._of(queue_id, chosen) if one.ticket not in done]
            if not found and not done:
                raise NotInQueue(queue_id, chosen)
            try:
                for waiting in found:
                    entry, due = change(self._free(waiting))
                    self._table.write(changed_entry(waiting, entry, due))
                    done.add(waiting.ticket)
                    if due is not None:
                        self._outbound.ring([entry.ticket])
            except ConditionFailed:
                continue  # a worker has just taken it, or written its outcome
            return len(done)
        raise Busy(queue_id)

    def _free(self, waiting: Waiting) -> Entry:
        """The entry, if no worker has it: its outcome would be lost, and the message sent twice."""
        entry = entry_of(waiting)
        if entry.busy_until > self._clock.seconds() * 1000:
            raise Busy(entry.queue_id)
        return entry

    def _of(self, queue_id: str, chosen: Filter) -> list[Waiting]:
        if not is_queue_id(queue_id):
            return []
        found = of_message(self._table, OUTBOUND, queue_id)
        return [waiting for waiting in found if chosen.accepts(entry_of(waiting))]

    def _queued(self, waiting: Waiting) -> Queued:
        entry = entry_of(waiting)
        busy = entry.busy_until > self._clock.seconds() * 1000
        return Queued(entry, waiting.due, busy)
