"""Drives the dialogues over a connection: one SMTP session with one server."""

import ipaddress
from collections.abc import Generator
from typing import TypeVar

from postroom.errors import BadSyntax
from postroom.platform.clock import Clock
from postroom.platform.dane import usable
from postroom.platform.network import Connection, PeerLost, PeerSilent, TlsFailed, TlsWanted
from postroom.relay.parcel import Host
from postroom.relay.smtp import opening
from postroom.relay.smtp.extensions import NONE, Extensions
from postroom.relay.smtp.limits import ClientLimits
from postroom.relay.smtp.replies import Reply, ReplyReader, SessionEnded
from postroom.relay.smtp.transaction import Ask, Dialogue, Peer, Transaction

_T = TypeVar("_T")
# Pauses after each sending, and whenever a reply takes its time: others may go on meanwhile.
Steps = Generator[None, None, _T]
_RECEIVE = 16_384
_TURN = 0.2  # seconds that a reply is waited for before others have their turn
_BLOCK = 262_144  # of content that is sent with one time limit


class Session:
    """One session, in the hands of one thread at a time."""

    def __init__(
        self, connection: Connection, host: Host, address: str, clock: Clock, limits: ClientLimits
    ) -> None:
        self.since = clock.seconds()
        self.deadline = float("inf")  # no wait goes beyond it; of the attempt that uses us now
        self.transactions = 0  # begun
        self.served = 0  # transactions that ended with the session alive, in this attempt
        self.heard = False  # in this attempt: the connection is known to live
        self.tls_failure: TlsFailed | None = None  # where it need not work
        self.extensions: Extensions = NONE
        self.host = host
        self.address = address
        self.name = f"{host.name} [{address}]"
        self._connection = connection
        self._clock = clock
        self._limits = limits
        self._reader = ReplyReader(limits)
        self._needs_reset = False
        self._verified = False
        self._logged_in = False

    @property
    def tls(self) -> str:
        return self._connection.tls

    @property
    def peer(self) -> Peer:
        return Peer(self.name, self.extensions, self._verified, self._logged_in)

    @property
    def is_worn(self) -> bool:
        """It should take no further transaction."""
        most = self.extensions.most_transactions or self._limits.transactions
        return (
            self.transactions >= min(most, self._limits.transactions)
            or self._clock.seconds() - self.since > self._limits.age
        )

    def open(self, hostname: str, login: opening.Login | None, *, clear: bool) -> None:
        """Get ready for mail. *clear*: TLS was tried, and failed where it need not work.

        Raises NotWelcome, TlsFailed, SessionEnded; the session is useless then.
        """
        host, limits = self.host, self._limits
        if host.implicit_tls:
            self._secure()
        self._run(opening.greeting(limits))
        self.extensions = self._run(opening.hello(hostname, limits))
        if not (host.implicit_tls or clear) and (host.tls is not None or host.tls_required):
            self._upgrade(hostname)
        if login is not None:
            if not self.tls and not _is_loopback(self.address):
                raise opening.NotWelcome("no password is sent without TLS", status="4.7.0")
            self._run(opening.log_in(login, self.extensions, limits))
            self._logged_in = True
        self.heard = True

    def _upgrade(self, hostname: str) -> None:
        why = "the server does not offer STARTTLS"
        if self.extensions.starttls:
            reply = self._run(opening.starttls(self._limits))
            why = "" if reply.code == 220 else f"STARTTLS was refused: {reply.text}"
        if why:
            self.tls_failure = TlsFailed("starttls-not-supported", why)
            if self.host.tls_required:
                raise self.tls_failure
            return
        if not self._reader.is_empty:
            # Somebody in between added them, for us to take as if they came by TLS.
            raise TlsFailed("validation-failure", "there were octets before the TLS handshake")
        self._secure()
        # What was known is forgotten (RFC 3207 section 4.2).
        self.extensions = self._run(opening.hello(hostname, self._limits))

    def _secure(self) -> None:
        wanted = self.host.tls or TlsWanted("any", (self.host.name,))
        try:
            self._connection.start_tls(wanted, self._left(self._limits.handshake))
        except PeerLost as error:
            raise TlsFailed("validation-failure", f"TLS handshake: {error}") from error
        self._verified = wanted.check == "names" or (
            wanted.check == "dane" and bool(usable(wanted.tlsa))
        )

    def carry(self, transaction: Transaction) -> Steps[None]:
        """Run it, in steps. Raises SessionEnded; *transaction* knows what that means for it."""
        self.transactions += 1
        reset, self._needs_reset = self._needs_reset, False
        try:
            yield from self._steps(transaction.dialogue(reset=reset, eager=self.heard))
        finally:
            self._needs_reset = transaction.needs_reset
        self.served += 1

    def take_up(self, deadline: float) -> None:
        """A new attempt begins to use it."""
        self.deadline, self.served, self.heard = deadline, 0, False

    def quit(self, *, wait: bool) -> None:
        """Say QUIT and hang up; *wait* a moment for the reply (RFC 5321 section 4.1.1.10)."""
        try:
            self._connection.send(b"QUIT\r\n", self._limits.quit)
            if wait:
                self._connection.receive(_RECEIVE, self._limits.quit)
        except PeerLost:
            pass  # it was a courtesy
        self.drop()

    def drop(self) -> None:
        self._connection.close()

    def _left(self, most: float) -> float:
        return max(0.0, min(most, self.deadline - self._clock.seconds()))

    def _run(self, dialogue: Dialogue[_T]) -> _T:
        return in_one_go(self._steps(dialogue))

    def _steps(self, dialogue: Dialogue[_T]) -> Steps[_T]:
        try:
            ask = next(dialogue)
            while True:
                try:
                    lost = None
                    if ask.octets:
                        lost = self._send(ask)
                        yield
                    reply = yield from self._answer(ask, lost)
                except SessionEnded as ended:
                    dialogue.throw(ended)
                    raise  # no dialogue goes on without a session
                ask = dialogue.send(reply)
        except StopIteration as end:
            value: _T = end.value
            return value

    def _answer(self, ask: Ask, lost: SessionEnded | None) -> Steps[Reply]:
        """Wait for one reply. *lost*: what went wrong in sending. Raises SessionEnded."""
        patience = self._left(ask.timeout) if lost is None else 1.0
        deadline = self._clock.seconds() + patience
        reader = self._reader
        try:
            while (reply := reader.next()) is None:
                # By the clock, and by the waits themselves: a clock may be set back.
                left = min(deadline - self._clock.seconds(), patience)
                try:
                    octets = self._connection.receive(_RECEIVE, min(left, _TURN))
                except PeerSilent:
                    if left <= _TURN:
                        raise
                    patience -= _TURN
                    yield
                    continue
                if not octets:
                    raise PeerLost("the server closed the connection")
                reader.receive(octets)
        except PeerSilent as error:
            why = f"timed out waiting for the reply to {ask.stage}"
            raise lost or SessionEnded("slow", why) from error
        except PeerLost as error:
            why = f"lost the connection waiting for the reply to {ask.stage}: {error}"
            raise lost or SessionEnded("lost", why) from error
        except BadSyntax as error:
            why = f"{ask.stage}: {error}"
            raise lost or SessionEnded("garbled", why) from error
        if reply.code == 421:  # RFC 5321 section 3.8: to any command; it hangs up
            raise SessionEnded("busy", f"the server ends the session, at {ask.stage}", reply)
        self.heard = True
        return reply

    def _send(self, ask: Ask) -> SessionEnded | None:
        """Return what went wrong: the server may have said why before it hung up."""
        octets = ask.octets
        try:
            if sum(map(len, octets)) <= _BLOCK:
                timeout = self._left(self._limits.block)
                self._connection.send(b"".join(octets), timeout)
                return None
            for piece in octets:
                for start in range(0, len(piece), _BLOCK):
                    timeout = self._left(self._limits.block)
                    self._connection.send(piece[start : start + _BLOCK], timeout)
        except PeerSilent:
            return SessionEnded("slow", f"timed out sending {ask.stage}", sending=True)
        except PeerLost as error:
            why = f"lost the connection sending {ask.stage}: {error}"
            return SessionEnded("lost", why, sending=True)
        return None


def in_one_go(steps: Steps[_T]) -> _T:
    """What the steps come to, with nothing done in between."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        value: _T = end.value
        return value


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
