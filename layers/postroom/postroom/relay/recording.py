"""Claiming entries, and writing down what became of them: each a conditional transaction."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from postroom.errors import ConditionFailed, StoreUnavailable, TooLarge
from postroom.journeys.store import Journey, Journeys
from postroom.platform.blobs import BlobKey
from postroom.platform.clock import Clock, Randomness
from postroom.platform.table import Refusal, Table, Write
from postroom.relay.entries import Entry, changed_entry, entry_of, events_of
from postroom.relay.outbound import Outbound
from postroom.relay.parcel import Outcome
from postroom.relay.reports import Told, new_report
from postroom.relay.schedule import Schedule
from postroom.relay.settling import Settled, is_returned_when_late, settle
from postroom.relay.suppression import Suppression, counts_as_hard
from postroom.relay.waiting import Ticket, Waiting, get_many, gone

log = logging.getLogger(__name__)

Text = tuple[str, BlobKey]  # with the queue id of its message

_LONGEST_TURN = 300.0  # seconds that one waits for its turn, unless the destination rests longer


@dataclass(slots=True)
class Job:
    """One entry that this worker has claimed."""

    found: Waiting
    entry: Entry
    settled: bool = False  # written down, or put back


class Recorder:
    def __init__(
        self,
        table: Table,
        clock: Clock,
        randomness: Randomness,
        journeys: Journeys,
        outbound: Outbound,
        suppression: Suppression,
        schedule: Schedule,
        lease: float,
    ) -> None:
        self._table = table
        self._clock = clock
        self._randomness = randomness
        self._journeys = journeys
        self._outbound = outbound
        self._suppression = suppression
        self._schedule = schedule
        self._lease = int(lease * 1000)

    def claim(self, tickets: Sequence[Ticket]) -> list[Job]:
        """Those of the entries that are there, free and due, ours until the lease ends.

        All are read in one batch, and written in one, each by itself. Raises StoreUnavailable.
        """
        now = self.now()
        jobs: list[Job] = []
        writes: list[list[Write]] = []
        for found in get_many(self._table, list(dict.fromkeys(tickets))).values():
            entry = entry_of(found)
            if entry.held or entry.busy_until > now or entry.next_try > now:
                continue
            until = now + self._lease
            entry = msgspec.structs.replace(entry, busy_until=until)
            writes.append([changed_entry(found, entry, until)])
            jobs.append(Job(Waiting(found.ticket, b"", until, found.version + 1), entry))
        refused = _answered(self._table.write_each(writes))
        return [job for job, error in zip(jobs, refused, strict=True) if error is None]

    def record(self, job: Job, outcomes: Mapping[str, Outcome]) -> None:
        """Write down one attempt: entry, journey and report in one transaction.

        Raises StoreUnavailable; the lease ends then, and the attempt is made once more.
        """
        self.release(self.record_all([(job, outcomes)]))

    def record_all(self, results: Sequence[tuple[Job, Mapping[str, Outcome]]]) -> list[Text]:
        """`record` for each, one transaction each, all durable on return.

        Returns the texts of what has left the queue, for the caller to `release` some day soon.
        """
        over: list[Text] = []
        try:
            self._record_together(results, over)
        except TooLarge:  # of one, and nothing was written: the others are
            if len(results) == 1:
                raise
            for result in results:
                try:
                    self._record_together([result], over)
                except TooLarge:
                    log.exception("outcome not written", extra={"entry": result[0].entry.name})
        return over

    def release(self, texts: Sequence[Text]) -> None:
        """Let go of those texts that nothing needs any more."""
        if texts:
            self._outbound.release_all(texts)

    def _record_together(
        self, results: Sequence[tuple[Job, Mapping[str, Outcome]]], over: list[Text]
    ) -> None:
        now = self.now()
        ended: list[tuple[Job, Settled]] = []
        lots = self._randomness.octets(2 * len(results))
        for number, (job, outcomes) in enumerate(results):
            lot = lots[2 * number : 2 * number + 2]
            ended.append((job, settle(job.entry, outcomes, now, self._schedule, lot)))
            job.settled = True
        refused = self._write_each(
            [
                writes_of(job.found, settled, self._journeys, now + self._lease)
                for job, settled in ended
            ]
        )
        written: list[tuple[Entry, Settled]] = []
        for (job, settled), error in zip(ended, refused, strict=True):
            if error is None:
                written.append((job.entry, settled))
            else:
                _tell_of_change(job)
        self._after(written, over)

    def _write_each(self, transactions: Sequence[Sequence[Write]]) -> Sequence[Refusal | None]:
        """Write them, and once more if the store fails: what is sent and not written down is sent
        again after the lease."""
        refused = self._table.write_each(transactions)
        try:
            return _answered(refused)
        except StoreUnavailable as error:
            log.warning("outcomes not written, trying again", extra={"reason": str(error)})
            again = _answered(self._table.write_each(transactions))
            # What is refused only now was written the first time: the versions are ours.
            return [
                error if isinstance(first, ConditionFailed) else None
                for first, error in zip(refused, again, strict=True)
            ]

    def put_back(self, job: Job, wait: float) -> None:
        """Give the claim back: nothing was attempted. It comes again in *wait* seconds."""
        due = self.now() + int(wait * 1000)
        entry = msgspec.structs.replace(job.entry, busy_until=0, next_try=due)
        # `tick` looks once a minute: the letter is what keeps a short wait short.
        delay = min(int(wait) + 1, 900)
        lost = due + min(120_000, self._lease)  # should the letter be so
        if self._write(job, [changed_entry(job.found, entry, lost)]):
            self._outbound.ring([entry.ticket], delay)

    def turn_away(self, job: Job, wait: float) -> None:
        """`put_back` of one whose destination takes no more now: each time for longer, or a
        long queue would keep asking."""
        longer = min(wait * 2 ** min(job.entry.turned_away, 8), _LONGEST_TURN)
        job.entry = msgspec.structs.replace(job.entry, turned_away=job.entry.turned_away + 1)
        self.put_back(job, max(wait, longer))

    def hold(self, job: Job, reason: str) -> None:
        entry = msgspec.structs.replace(job.entry, busy_until=0, held=reason)
        self._write(job, [changed_entry(job.found, entry, None)])

    def free(self, jobs: Sequence[Job]) -> None:
        """Attempt soon what `hold` has just put on hold."""
        found = get_many(self._table, [job.entry.ticket for job in jobs])
        for job in jobs:
            waiting = found.get(job.entry.ticket.waiting)
            if waiting is None or waiting.version != job.found.version + 1:
                continue  # an operator has it
            again = Job(waiting, msgspec.structs.replace(entry_of(waiting), held=""))
            self.put_back(again, 1)

    def is_over_time(self, entry: Entry) -> bool:
        """Whether something is to be told or given up, even if no attempt can be made."""
        age = (self.now() - entry.received) / 1000
        late = age >= self._schedule.warn_after and not entry.warned
        by = is_returned_when_late(entry) or not entry.warned
        too_late = by and 0 < entry.deliver_by <= self.now()
        return late or too_late or age >= self._schedule.give_up_after

    def now(self) -> int:
        return int(self._clock.seconds() * 1000)

    def _write(self, job: Job, writes: list[Write]) -> bool:
        job.settled = True
        try:
            self._table.write(*writes)
        except ConditionFailed:
            _tell_of_change(job)
            return False
        return True

    def _after(self, written: list[tuple[Entry, Settled]], over: list[Text]) -> None:
        """What may be repeated, or be missed: `tick` and the next bounce make up for it."""
        reports: list[Ticket] = []
        for entry, settled in written:
            for told in settled.failed:
                log.info("bounced", extra={"queue_id": entry.queue_id, "to": told.address})
                if entry.account and counts_as_hard(told.status):
                    self._suppress(entry, told)
            if settled.report is not None:
                reports.append(settled.report.ticket)
            elif settled.entry is None:
                over.append((entry.queue_id, entry.blob))
        if reports:
            self._outbound.ring(reports)

    def _suppress(self, entry: Entry, told: Told) -> None:
        self._suppression.note(
            entry.sender_domain,
            told.address,
            "bounce",
            told.status,
            told.reply or told.reason,
            entry.queue_id,
        )


def _tell_of_change(job: Job) -> None:
    """The lease ended and somebody else has it now, or an operator has changed the entry."""
    log.warning("entry changed meanwhile", extra={"entry": job.found.ticket.waiting})


def writes_of(found: Waiting, settled: Settled, journeys: Journeys, report_due: int) -> list[Write]:
    """The transaction of one attempt: the entry, its journey once it ends, a report."""
    writes: list[Write] = []
    if settled.entry is None:
        writes += [gone(found), journeys.grown(_journey(settled.story))]
    else:
        writes.append(changed_entry(found, settled.entry, settled.due))
    if settled.report is not None:
        writes.append(new_report(settled.report, report_due))
    return writes


def _journey(entry: Entry) -> Journey:
    return Journey(
        entry.queue_id,
        entry.place,
        entry.message_id[:200],
        entry.sender,
        tuple(goal.address for goal in entry.goals[:20]),
        events_of(entry),
    )


def _answered(refused: Sequence[Refusal | None]) -> Sequence[Refusal | None]:
    """Raises StoreUnavailable if that is the answer for one of them."""
    for error in refused:
        if isinstance(error, StoreUnavailable):
            raise error
    return refused
