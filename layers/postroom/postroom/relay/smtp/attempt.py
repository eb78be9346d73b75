"""One way to a destination: its hosts and addresses in turn, over one connection at a time.

What stands (RFC 5321 section 5.1; Postfix does likewise):

* the next address is tried when one cannot be reached, refuses greeting, EHLO or AUTH, breaks the
  TLS policy, breaks off, or puts MAIL off; the last of these is deferred, even a 5xx greeting;
* once MAIL is taken, replies are verdicts: a recipient refused or put off is not tried elsewhere;
* no reply to the final dot is deferred at once, and *unsure*: the peer may have the message.
"""

import logging
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from postroom.platform.clock import Clock, Randomness
from postroom.platform.network import Network, PeerLost, TlsFailed
from postroom.relay.parcel import (
    NOT_TRIED,
    Delivered,
    Host,
    Outcome,
    Parcel,
    Recipient,
    Strain,
    TlsResult,
)
from postroom.relay.smtp import verdicts
from postroom.relay.smtp.content import Content, Resign
from postroom.relay.smtp.extensions import Extensions
from postroom.relay.smtp.limits import ClientLimits
from postroom.relay.smtp.opening import Login, NotWelcome
from postroom.relay.smtp.pool import Lanes, Pool, pool_key
from postroom.relay.smtp.replies import SessionEnded
from postroom.relay.smtp.session import Session, Steps
from postroom.relay.smtp.transaction import Refusal, Transaction, terms_for

log = logging.getLogger(__name__)

_NO_HOST = Outcome("deferred", "4.4.4", "there is no host to deliver to")


@dataclass(frozen=True, slots=True)
class Means:
    """What all attempts of a process share."""

    network: Network
    clock: Clock
    randomness: Randomness
    hostname: str
    limits: ClientLimits
    pool: Pool
    lanes: Lanes


class Attempt:
    """What is known about the hosts in one call of deliver."""

    def __init__(self, means: Means, hosts: Sequence[Host], deadline: float) -> None:
        self._means = means
        self._limits = means.limits
        self._deadline = deadline
        every = [(host, address) for host in hosts for address in host.addresses]
        self._candidates = every[: means.limits.connects]
        self._dead: dict[int, Outcome] = {}  # by candidate, why it is not tried any more
        self._without_tls: set[int] = set()  # dead for their TLS
        self._session: Session | None = None
        self._at = 0  # the session's candidate
        self._answered = 0  # candidates that had a session, or a greeting, and died
        self._first = True
        self._strain: Strain = ""
        # Of the parcel in hand.
        self._tls: list[TlsResult] = []
        self._connected = False
        self._outcomes: dict[str, Outcome] = {}

    @property
    def server(self) -> Hashable:
        """The one that is tried first."""
        return pool_key(*self._candidates[0]) if self._candidates else None

    @property
    def has_fallen(self) -> bool:
        """No host could be reached, or one has let us wait in vain."""
        return self._strain in ("down", "slow")

    @property
    def goes_well(self) -> bool:
        """A connection is there, or will be had at once, and nothing speaks of load."""
        return not self._strain and self._is_connected()

    @property
    def may_have_company(self) -> bool:
        """Another connection will be had as easily."""
        return not self._dead and self.goes_well

    def _is_connected(self) -> bool:
        return self._session is not None or self._means.pool.has_one(self._candidates[:1])

    def guarded(self, parcel: Parcel, resign: Resign | None) -> Steps[Delivered]:
        """`deliver`; what is unforeseen puts off this parcel and none of the others.

        Strangers wrote what is encoded here, and what is answered.
        """
        self._outcomes = {}
        try:
            return (yield from self.deliver(parcel, Content(parcel, resign)))
        except Exception as error:
            log.exception("parcel failed", extra={"parcel": parcel.name})
            reason = f"an error of this mail system: {type(error).__name__}"
            left = Outcome("deferred", "4.3.0", reason)
            outcomes = {one.address: left for one in parcel.recipients} | self._outcomes
            return Delivered(outcomes, tuple(self._tls))

    def deliver(self, parcel: Parcel, content: Content) -> Steps[Delivered]:
        self._tls, self._connected = [], False
        outcomes = self._outcomes = {}
        elsewhere: dict[int, Outcome] = {}  # by candidate, why it does not get this parcel
        pending = list(parcel.recipients)
        late = False
        while pending and not (late := self._is_late()):
            self._first = False
            session = self._ready(elsewhere)
            if session is None:
                break
            terms = terms_for(parcel, content, session.peer)
            if isinstance(terms, Refusal):
                if terms.elsewhere:
                    elsewhere[self._at] = terms.outcome
                    continue
                outcomes.update((one.address, terms.outcome) for one in pending)
                pending = []
                break
            batch = _batch(pending, session.extensions, self._limits)
            transaction = Transaction(parcel, batch, content, terms, session.peer, self._limits)
            yield from self._carry(session, transaction)
            outcomes.update(transaction.outcomes)
            if transaction.unheard_outcome is not None and self._session is not None:
                elsewhere[self._at] = transaction.unheard_outcome  # MAIL was put off
            if transaction.unheard_outcome is not None:
                self._note(transaction.unheard_outcome)
            # Only a transaction that took somebody makes another worth while.
            again = transaction.again if transaction.took_some else []
            pending = [*again, *transaction.unheard, *pending[len(batch) :]]
        if pending:
            left = NOT_TRIED if late else self._why_not(parcel, elsewhere)
            # A recipient who was put off for the number of recipients keeps that verdict.
            outcomes = {**{one.address: left for one in pending}, **outcomes}
        for outcome in outcomes.values():
            self._note(outcome)
        if pending and not (self._connected or self._answered or late):
            self._strain = "down"
        return Delivered(outcomes, tuple(self._tls), self._strain, self._connected)

    def end(self) -> None:
        if self._session is not None:
            self._means.pool.put(self._session)
            self._session = None

    def _carry(self, session: Session, transaction: Transaction) -> Steps[None]:
        try:
            yield from session.carry(transaction)
        except SessionEnded as ended:
            session.drop()
            self._session = None
            if ended.why == "slow":
                self._strain = "slow"
            # One that has served, or was idle, may just be at its end: a new one is worth it.
            if (session.served or not session.heard) and ended.why != "slow":
                return
            self._answered += 1
            self._dead[self._at] = verdicts.of_end(ended, session.name)
        except BaseException:
            session.drop()  # nobody knows what it is in the middle of
            self._session = None
            raise

    def _ready(self, elsewhere: Iterable[int]) -> Session | None:
        """A session with the best candidate that is left; None when there is none."""
        if self._session is not None and self._at not in elsewhere and not self._session.is_worn:
            self._connected = True
            return self._session
        self.end()
        places = [
            place
            for place in range(len(self._candidates))
            if place not in self._dead and place not in elsewhere
        ]
        found = self._means.pool.take([self._candidates[place] for place in places])
        if found is not None:
            place, session = found
            session.take_up(self._deadline)
            return self._hold(places[place], session)
        for place in places:
            if self._answered >= self._limits.sessions or self._left() <= 0:
                break
            opened = self._open(place)
            if opened is not None:
                return self._hold(place, opened)
        return None

    def _hold(self, place: int, session: Session) -> Session:
        self._at, self._session, self._connected = place, session, True
        return session

    def _open(self, place: int) -> Session | None:
        """Connect and get ready; on failure note why, and return None."""
        host, address = self._candidates[place]
        try:
            try:
                return self._opened(host, address, clear=False)
            except TlsFailed as error:
                self._report(host, address, error)
                if host.tls_required or host.implicit_tls:
                    raise
                # Opportunistic TLS is better than none, and none better than no mail (RFC 7435).
                return self._opened(host, address, clear=True)
        except PeerLost as error:
            name = f"{host.name} [{address}]"
            self._dead[place] = Outcome("deferred", "4.4.1", str(error), "", name)
        except TlsFailed as error:
            status = "4.7.4" if error.kind == "starttls-not-supported" else "4.7.5"
            self._fail(place, Outcome("deferred", status, f"TLS is required: {error}"))
            self._without_tls.add(place)
        except SessionEnded as ended:
            if ended.why == "slow":
                self._strain = "slow"
            self._fail(place, verdicts.of_end(ended, ""))
        except NotWelcome as refused:
            status = refused.status or "4.3.0"
            outcome = Outcome("deferred", status, str(refused))
            if refused.reply is not None:
                told = refused.reply
                status = "4" + told.status[1:] if told.kind in (4, 5) else "4.5.0"
                outcome = Outcome("deferred", status, str(refused), told.text)
            self._fail(place, outcome)
        return None

    def _opened(self, host: Host, address: str, *, clear: bool) -> Session:
        """Raises PeerLost, TlsFailed, SessionEnded, NotWelcome."""
        means, limits = self._means, self._limits
        timeout = max(0.0, min(limits.connect, self._left()))
        connection = means.network.connect(address, host.port, timeout)
        session = Session(connection, host, address, means.clock, limits)
        session.deadline = self._deadline
        login = None
        if host.user:
            login = Login(host.user, host.password, means.randomness.octets(18).hex())
        try:
            session.open(means.hostname, login, clear=clear)
        except NotWelcome:
            session.quit(wait=False)
            raise
        except BaseException:
            session.drop()
            raise
        if session.tls or session.tls_failure is not None:
            self._report(host, address, session.tls_failure, session.tls)
        return session

    def _fail(self, place: int, outcome: Outcome) -> None:
        """The candidate answered, and is of no use."""
        host, address = self._candidates[place]
        peer = f"{host.name} [{address}]"
        self._answered += 1
        self._dead[place] = Outcome("deferred", outcome.status, outcome.reason, outcome.reply, peer)

    def _report(
        self, host: Host, address: str, failure: TlsFailed | None, detail: str = ""
    ) -> None:
        kind, text = (failure.kind, str(failure)) if failure is not None else ("", detail)
        self._tls.append(TlsResult(host.name, address, host.policy, kind, text))

    def _note(self, outcome: Outcome) -> None:
        if verdicts.speaks_of_load(outcome):
            self._strain = "busy"

    def _why_not(self, parcel: Parcel, elsewhere: dict[int, Outcome]) -> Outcome:
        """No candidate is left: what that means for recipients without a verdict."""
        reasons = []
        for place in range(len(self._candidates)):
            outcome = elsewhere.get(place) or self._dead.get(place)
            if outcome is None:
                continue
            if place in self._without_tls and parcel.requiretls and parcel.reverse_path:
                # RFC 8689 section 4.2.1: this is not put off.
                why = f"REQUIRETLS: {outcome.reason}"
                outcome = Outcome("failed", "5.7.10", why, outcome.reply, outcome.peer)
            reasons.append(outcome)
        if not reasons:
            return _NO_HOST
        # A host that could not be asked may take tomorrow what others refuse today. What a
        # server said tells more than that one could not be reached.
        deferred = [outcome for outcome in reasons if outcome.kind == "deferred"]
        told = [outcome for outcome in deferred if outcome.status != "4.4.1"]
        return (told or deferred or reasons)[-1]

    def _left(self) -> float:
        return self._deadline - self._means.clock.seconds()

    def _is_late(self) -> bool:
        return self._left() < (0.0 if self._first else self._limits.reserve)


def _batch(pending: list[Recipient], offers: Extensions, limits: ClientLimits) -> list[Recipient]:
    """The first recipients, as many as one transaction may have (RFC 9422 section 4)."""
    most = min(offers.most_recipients or limits.recipients, limits.recipients)
    batch = pending[:most]
    if not offers.most_domains:
        return batch
    domains: set[str] = set()
    for count, recipient in enumerate(batch):
        domains.add(recipient.address.rpartition("@")[2].lower())
        if len(domains) > offers.most_domains:
            return batch[:count]
    return batch
