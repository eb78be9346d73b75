"""One batch of outbound entries: claim them, find their destination, attempt, record.

The record in the table is the truth and a letter only a hint: it may come twice, late, or for
what is done already. Claiming is a conditional write: of two workers with the same letter one goes
on. Every destination of the batch has its own thread, so that none waits for another; all that a
route leads to one server is one destination.
"""

import logging
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Literal, Protocol

from postroom.errors import BlobMissing, PostroomError, StoreUnavailable
from postroom.platform.blobs import BlobStore
from postroom.platform.clock import Clock
from postroom.platform.mailer import Mailer
from postroom.relay.destinations.facts import Facts
from postroom.relay.destinations.find import Destinations, Unroutable
from postroom.relay.destinations.routes import Route, Routes, by_url
from postroom.relay.entries import Entry
from postroom.relay.mailing import hand_to_service, unforeseen
from postroom.relay.memory import Room
from postroom.relay.pace import Admission, Paces
from postroom.relay.parcel import (
    Delivered,
    Host,
    Outcome,
    Parcel,
    TlsResult,
)
from postroom.relay.recording import Job, Recorder, Text
from postroom.relay.settling import same_for_all
from postroom.relay.signing import Signer, signature
from postroom.relay.tls_reports.store import TlsReports
from postroom.relay.visits import Visit, Wish, shares, was_tried, wish_of
from postroom.relay.waiting import Ticket

log = logging.getLogger(__name__)

_THREADS = 64
_RELEASED = 50  # texts let go together: a worker that is killed leaves as many that nobody needs
_WIDTH = 20  # connections that one thread drives
_GLANCE = 1.0  # seconds between two looks for a free thread
_STORE_PAUSE = 60.0  # seconds before the next attempt when our own store fails


_Done = Callable[[Sequence[tuple[Job, Delivered]]], None]


class Courier(Protocol):
    """relay/smtp/courier.py: delivers to one of the hosts, tells *done* what came of parcels."""

    def deliver(
        self,
        parcels: Sequence[Parcel],
        hosts: Sequence[Host],
        budget: float,
        done: Callable[[Sequence[tuple[Parcel, Delivered]]], None],
        resign: Callable[[Parcel, bytes], bytes] | None = None,
        width: int = 1,
    ) -> None: ...
    def close(self) -> None: ...


class Relay:
    """One for each process; several threads use it.

    *patience* is how many seconds a batch waits for its slowest destination. On one machine its
    thread goes on after that; in Lambda nothing runs between two calls, so there it is 0: to the
    end, which the budget bounds.
    """

    def __init__(
        self,
        blobs: BlobStore,
        clock: Clock,
        recorder: Recorder,
        routes: Routes,
        destinations: Destinations,
        courier: Courier,
        mailer: Callable[[], Mailer],
        paces: Paces,
        tls_reports: TlsReports,
        signer: Signer,
        patience: float,
    ) -> None:
        self._blobs = blobs
        self._clock = clock
        self._recorder = recorder
        self._routes = routes
        self._destinations = destinations
        self._courier = courier
        self._mailer = mailer
        self._paces = paces
        self._tls_reports = tls_reports
        self._signer = signer
        self._patience = patience
        self._room = Room()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="relay")
        self._running: dict[Future[None], list[Job]] = {}

    def process(self, tickets: Sequence[Ticket], budget: float) -> None:
        """Attempt what the tickets name, within *budget* seconds.

        Raises StoreUnavailable when nothing can be claimed. What cannot be recorded later on is
        logged: its lease ends, and it is attempted once more.
        """
        deadline = self._clock.seconds() + budget
        # What is claimed is to begin at once: its lease runs.
        while len(self._running) >= _THREADS and self._clock.seconds() < deadline:
            wait(list(self._running), _GLANCE, FIRST_COMPLETED)
        jobs = self._recorder.claim(tickets)
        try:
            ways = self._ways(jobs)
        except PostroomError:
            for job in jobs:
                self._recorder.put_back(job, _STORE_PAUSE)
            raise
        calls = []
        for route, visits in ways:
            call = self._pool.submit(self._attempt, route, visits, deadline)
            self._running[call] = [job for visit in visits for job in visit.jobs]
            call.add_done_callback(self._forget)
            calls.append(call)
        wait(calls, self._patience or None)

    def _ways(self, jobs: list[Job]) -> list[tuple[Route, list[Visit]]]:
        """The jobs by route and domain. Raises StoreUnavailable."""
        if not jobs:
            return []
        paces = self._paces.of({job.entry.domain for job in jobs})
        routes = self._routes.find([(job.entry.sender_domain, job.entry.domain) for job in jobs])
        ways: dict[Hashable, tuple[Route, dict[str, Visit]]] = {}
        for job, usual in zip(jobs, routes, strict=True):
            route = by_url(job.entry.via) if job.entry.via else usual
            domain = job.entry.domain
            # What goes to one server of ours for many domains shares a thread and connections.
            _, visits = ways.setdefault(
                route if route.kind == "smtp" else (route, domain), (route, {})
            )
            visits.setdefault(domain, Visit(domain, paces[domain])).jobs.append(job)
        return [(route, list(visits.values())) for route, visits in ways.values()]

    def _forget(self, call: "Future[None]") -> None:
        self._running.pop(call, None)

    def close(self) -> None:
        """Wait for attempts under way, put back what has not begun, say goodbye to the servers."""
        waiting = dict(self._running)
        self._pool.shutdown(wait=False, cancel_futures=True)
        for call, jobs in waiting.items():
            if call.cancelled():
                for job in jobs:
                    self._recorder.put_back(job, 1)
        self._pool.shutdown(wait=True)
        self._courier.close()
        self._tls_reports.flush()

    def _attempt(self, route: Route, visits: list[Visit], deadline: float) -> None:
        try:
            going = [visit for visit in visits if self._is_admitted(visit)]
            if going:
                self._go(route, going, deadline)
        except Exception:  # the thread ends here; leases bring back what is not recorded
            domains = ", ".join(visit.domain for visit in visits[:5])
            log.exception("attempt failed", extra={"domain": domains})

    def _is_admitted(self, visit: Visit) -> bool:
        """Whether some of its jobs may go now; those that may not are put back."""
        domain, pace, jobs = visit.domain, visit.pace, visit.jobs
        if pace.paused:
            for job in jobs:
                self._recorder.hold(job, f"{domain} is paused: {pace.paused}")
            # Resumed since we looked: whoever did it may not have met what we put on hold.
            if not self._paces.of([domain])[domain].paused:
                self._recorder.free(jobs)
            return False
        admission = self._paces.admit(domain, pace, len(jobs))
        visit.jobs, visit.slot = jobs[: admission.messages], admission.slot
        for job in jobs[admission.messages :]:
            self._turn_away(job, admission)
        return bool(visit.jobs)

    def _turn_away(self, job: Job, admission: Admission) -> None:
        if self._recorder.is_over_time(job.entry):
            outcome = Outcome("deferred", "4.4.1", admission.reason or "Its turn has not come.")
            self._recorder.record(job, same_for_all(job.entry, outcome))
        else:
            self._recorder.turn_away(job, admission.wait)

    def _go(self, route: Route, visits: list[Visit], deadline: float) -> None:
        by_domain = {visit.domain: visit for visit in visits}

        def done(results: Sequence[tuple[Job, Delivered]]) -> None:
            # Those that were not tried are put back below.
            tried = [(job, delivered) for job, delivered in results if was_tried(delivered)]
            for job, delivered in tried:
                by_domain[job.entry.domain].note(delivered)
            over.extend(
                self._recorder.record_all([(job, delivered.outcomes) for job, delivered in tried])
            )
            if len(over) >= _RELEASED:
                release()

        def release() -> None:
            some, over[:] = list(over), []
            self._recorder.release(some)

        over: list[Text] = []  # what has left, its texts not let go yet
        jobs = [job for visit in visits for job in visit.jobs]
        pause = 1.0
        try:
            if route.kind == "ses":
                self._mail_all(jobs, deadline, done)
            else:
                self._deliver(route, jobs, deadline, done)
        except StoreUnavailable as error:
            log.warning("attempt broken off", extra={"reason": str(error)})
            pause = _STORE_PAUSE
        except Exception as error:
            # Most likely for the next one in turn. It gets the pauses of the schedule, and an end:
            # put back like the others, it would break off their next attempt as well.
            log.exception("attempt broken off")
            for job in [job for job in jobs if not job.settled][:1]:
                outcome = Outcome("deferred", "4.3.0", unforeseen(error))
                self._recorder.record(job, same_for_all(job.entry, outcome))
        finally:
            for job in jobs:
                if not job.settled:  # no time was left for it
                    self._recorder.put_back(job, pause)
            release()
            for visit in visits:
                strain = "" if route.kind == "ses" else visit.strain
                self._paces.done(visit.domain, visit.slot, strain, visit.reason, good=visit.good)

    def _deliver(self, route: Route, jobs: list[Job], deadline: float, done: _Done) -> None:
        facts: dict[tuple[str, Wish], Facts] = {}
        found: dict[tuple[str, Wish], tuple[Host, ...] | Outcome] = {}
        groups: dict[tuple[Host, ...], list[Job]] = {}
        for job in jobs:
            domain, wish = job.entry.domain, wish_of(job.entry)
            if (domain, wish) not in found:
                found[domain, wish] = self._hosts(domain, route, wish)
                facts[domain, wish] = self._destinations.facts(domain, route)
            hosts = found[domain, wish]
            if isinstance(hosts, Outcome):
                done([(job, Delivered(same_for_all(job.entry, hosts)))])
            else:
                groups.setdefault(hosts, []).append(job)

        def told(results: Sequence[tuple[Job, Delivered]]) -> None:
            done(results)
            for job, delivered in results:
                # Reports about TLS say "TLS-Required: No": they must not be reported on in turn.
                if delivered.tls and not job.entry.tls_optional:
                    domain = job.entry.domain
                    self._note_tls(domain, facts[domain, wish_of(job.entry)], delivered.tls)

        for hosts, some in groups.items():
            self._hand_over(some, hosts, deadline, told)

    def _hosts(self, domain: str, route: Route, wish: Wish) -> tuple[Host, ...] | Outcome:
        required, optional, bounce = wish
        try:
            if required and bounce:
                return self._hosts_of_bounce(domain, route)
            return self._destinations.hosts(
                domain, route, requiretls=required, tls_optional=optional
            )
        except Unroutable as error:
            kind: Literal["failed", "deferred"] = "failed" if error.permanent else "deferred"
            return Outcome(kind, error.status, error.reason)

    def _hosts_of_bounce(self, domain: str, route: Route) -> tuple[Host, ...]:
        """With REQUIRETLS: servers that prove themselves come first, but a bounce is not lost
        where there are none (RFC 8689 section 5)."""
        usual = self._destinations.hosts(domain, route)
        try:
            proven = self._destinations.hosts(domain, route, requiretls=True)
        except Unroutable:
            return usual
        # Two, as an attempt asks few servers, and the usual ones should have their turn.
        return *(replace(host, addresses=host.addresses[:1]) for host in proven[:2]), *usual

    def _note_tls(self, domain: str, facts: Facts, results: Sequence[TlsResult]) -> None:
        try:
            self._tls_reports.note(domain, results, facts)
        except PostroomError as error:  # statistics, and written with the next ones
            log.warning("TLS results not kept", extra={"reason": str(error)})

    def _hand_over(
        self, jobs: list[Job], hosts: Sequence[Host], deadline: float, done: _Done
    ) -> None:
        # Together as many connections as each of the domains by itself would have, within bounds.
        width = min(_WIDTH, len({job.entry.domain for job in jobs}))
        for share in shares(jobs):
            with self._room.holding(sum(job.entry.size for job in share)) as entered:
                budget = deadline - self._clock.seconds()
                if not entered or budget <= 0:
                    return
                by_name: dict[str, Job] = {}
                parcels = []
                for job, content in self._with_texts(share):
                    parcel = self._parcel(job.entry, content)
                    by_name[parcel.name] = job
                    parcels.append(parcel)

                def told(
                    results: Sequence[tuple[Parcel, Delivered]], by_name: dict[str, Job] = by_name
                ) -> None:
                    done([(by_name[parcel.name], delivered) for parcel, delivered in results])

                self._courier.deliver(parcels, hosts, budget, told, self._resign, width)

    def _mail_all(self, jobs: list[Job], deadline: float, done: _Done) -> None:
        for job in jobs:
            with self._room.holding(job.entry.size) as entered:
                if not entered or self._clock.seconds() > deadline:
                    return
                for _, content in self._with_texts([job]):
                    delivered = hand_to_service(self._mailer, job.entry, content)
                    done([(job, delivered)])

    def _with_texts(self, jobs: list[Job]) -> Iterator[tuple[Job, bytes]]:
        for job in jobs:
            try:
                yield job, self._blobs.get(job.entry.blob)
            except BlobMissing as error:
                log.error("text missing", extra={"queue_id": job.entry.queue_id})
                outcome = Outcome("deferred", "4.3.0", str(error))
                self._recorder.record(job, same_for_all(job.entry, outcome))

    def _parcel(self, entry: Entry, content: bytes) -> Parcel:
        left = None
        if entry.deliver_by:
            left = int(entry.deliver_by / 1000 - self._clock.seconds())
        return Parcel(
            entry.ticket.waiting,
            entry.reverse_path,
            tuple(goal.recipient for goal in entry.goals),
            entry.prefix + content,
            entry.ret,
            entry.envid,
            entry.smtputf8,
            entry.requiretls,  # also of a bounce, where it can be kept (RFC 8689 section 5)
            left,
            entry.by_mode,
            len(entry.prefix),
        )

    def _resign(self, parcel: Parcel, content: bytes) -> bytes:
        """Of content that had to be encoded anew; what we had not signed stays unsigned."""
        return signature(self._signer, content) if parcel.unsigned_from else b""
