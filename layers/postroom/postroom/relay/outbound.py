"""Putting messages into the outbound queue, and letting go of their text when all is done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from postroom.errors import ConditionFailed, StoreUnavailable
from postroom.journeys.store import Journey, Journeys
from postroom.mailboxes.store import Mailboxes
from postroom.platform.blobs import BlobKey
from postroom.platform.clock import Clock
from postroom.platform.table import Key, Put, Table, Write
from postroom.relay.entries import Entry, new_entry
from postroom.relay.reports import Report, new_report
from postroom.relay.waiting import Queues, Ticket, any_of_message, guard, guarded, letters_of

CLAIM = "relay"  # the reference to a blob that entries and reports of its message share
_MOST_TOGETHER = 40  # units in one transaction: up to three records each, and the guard
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Unit:
    """An effect that happens once: the journey is its marker."""

    journey: Journey
    entry: Entry | None = None
    report: Report | None = None

    def tickets(self) -> list[Ticket]:
        return [what.ticket for what in (self.entry, self.report) if what is not None]

    @property
    def blob(self) -> BlobKey | None:
        """The text that it needs."""
        if self.entry is not None:
            return self.entry.blob
        return BlobKey(self.report.blob) if self.report is not None else None


@dataclass(slots=True)
class Dispatch:
    """What one message asks of the relay."""

    queue_id: str
    units: list[Unit] = field(default_factory=list)


class Outbound:
    def __init__(
        self,
        table: Table,
        queues: Queues,
        journeys: Journeys,
        mailboxes: Mailboxes,
        clock: Clock,
        lease: float,
    ) -> None:
        self._table = table
        self._queues = queues
        self._journeys = journeys
        self._mailboxes = mailboxes
        self._clock = clock
        self._lease = lease  # seconds

    def add(self, dispatches: Sequence[Dispatch]) -> list[Exception | None]:
        """Let them wait, and tell the functions. Durable on return. A repeat adds nothing.

        Returns for each what went wrong, if anything did.
        """
        written = self._write_usual(dispatches)
        errors: list[Exception | None] = []
        for number, dispatch in enumerate(dispatches):
            try:
                if number not in written:
                    self._finish(dispatch)
            except Exception as error:  # of this message alone: the others are written
                errors.append(error)
                continue
            errors.append(None)
        self.ring(
            ticket
            for dispatch, failure in zip(dispatches, errors, strict=True)
            for unit in dispatch.units
            if failure is None
            for ticket in unit.tickets()
        )
        return errors

    def ring(self, tickets: Iterable[Ticket], delay: int = 0) -> None:
        """Send the tickets to the queues of their kinds: `tick` would do it, but later."""
        sent = [
            self._queues.queue(name).send_soon(body, delay) for name, body in letters_of(tickets)
        ]
        for future in sent:
            future.result()

    def release(self, queue_id: str, blob: BlobKey) -> None:
        """Let go of the text when neither an entry nor a report of its message waits any more.

        Repeats are harmless.
        """
        self.release_all([(queue_id, blob)])

    def release_all(self, texts: Iterable[tuple[str, BlobKey]]) -> None:
        """`release` for each pair of queue id and text."""
        unneeded = [
            blob
            for queue_id, blob in dict.fromkeys(texts)
            if not any_of_message(self._table, queue_id)
        ]
        if unneeded:
            self._mailboxes.let_go(unneeded, CLAIM)

    def unguard(self, queue_id: str) -> None:
        """All that is to wait for the message does, or has."""
        self._table.write(guarded(queue_id))

    def _write_usual(self, dispatches: Sequence[Dispatch]) -> set[int]:
        """Write those that one transaction holds; return the positions of what is written."""
        usual = [
            number
            for number, dispatch in enumerate(dispatches)
            if len(dispatch.units) <= _MOST_TOGETHER
        ]
        try:
            refused = self._table.write_each(
                [self._writes(dispatches[number].units) for number in usual]
            )
        except Exception:  # `_finish` meets it again, and it is told which message is at fault
            return set()
        return {number for number, error in zip(usual, refused, strict=True) if error is None}

    def _finish(self, dispatch: Dispatch) -> None:
        """In several transactions, or around what an earlier run has done already.

        The guard stands while it lasts: a first entry may be done before the last one is made,
        and would take the text away.
        """
        self._table.write(guard(dispatch.queue_id))
        for start in range(0, len(dispatch.units), _MOST_TOGETHER):
            self._write_new(dispatch.units[start : start + _MOST_TOGETHER])
        self.unguard(dispatch.queue_id)
        # What is done already could not let go of the text before; and a repeated letter may have
        # planned the relay's reference anew.
        for blob in dict.fromkeys(blob for unit in dispatch.units if (blob := unit.blob)):
            self.release(dispatch.queue_id, blob)

    def _write_new(self, units: list[Unit]) -> None:
        for _ in range(_ATTEMPTS):
            writes = self._writes(units)
            if not writes:
                return
            try:
                self._table.write(*writes)
            except ConditionFailed as error:
                done = {writes[position].key for position in error.failed}
                units = [unit for unit in units if done.isdisjoint(self._keys(unit))]
                continue
            return
        raise StoreUnavailable("others kept writing to the same entries")

    def _writes(self, units: Sequence[Unit]) -> list[Write]:
        due = int((self._clock.seconds() + self._lease) * 1000)
        return [write for unit in units for write in self._writes_of(unit, due)]

    def _keys(self, unit: Unit) -> list[Key]:
        return [write.key for write in self._writes_of(unit, 0)]

    def _writes_of(self, unit: Unit, due: int) -> list[Put]:
        writes = [self._journeys.marker(unit.journey)]
        if unit.entry is not None:
            writes.append(new_entry(unit.entry, due))
        if unit.report is not None:
            writes.append(new_report(unit.report, due))
        return writes
