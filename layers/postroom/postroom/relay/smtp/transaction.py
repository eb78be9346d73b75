"""One mail transaction (RFC 5321 section 3.3), without I/O.

A *dialogue* is a generator: it yields an Ask (octets to send, how long to wait), and is sent the
next Reply. It is thrown SessionEnded when there is none. Commands that RFC 2920 lets travel
together are in the first Ask; later ones then have nothing to send.
"""

from collections.abc import Generator, Sequence
from typing import NamedTuple, TypeVar

from postroom.relay.parcel import Outcome, Parcel, Recipient
from postroom.relay.smtp import verdicts
from postroom.relay.smtp.commands import Terms, is_safe, mail_command, rcpt_command, wire_address
from postroom.relay.smtp.content import Content, dotted
from postroom.relay.smtp.extensions import Extensions
from postroom.relay.smtp.limits import ClientLimits
from postroom.relay.smtp.replies import Reply, SessionEnded

_T = TypeVar("_T")
# Content that travels with its commands (RFC 3030 section 4.2): not worth a turn of its own.
_SMALL = 65_536


class Ask(NamedTuple):
    octets: tuple[bytes, ...]
    timeout: float  # seconds until the reply has to be there
    stage: str  # for sentences: "waiting for the reply to MAIL"


Dialogue = Generator[Ask, Reply, _T]


class Refusal(NamedTuple):
    """Why a parcel cannot be sent to this peer at all."""

    outcome: Outcome
    elsewhere: bool  # another host may take it


class Peer(NamedTuple):
    name: str  # "mx1.example.org [192.0.2.1]"
    extensions: Extensions
    verified: bool  # TLS, and the certificate was checked
    logged_in: bool = False  # we are, by AUTH


def terms_for(parcel: Parcel, content: Content, peer: Peer) -> Terms | Refusal:
    """What MAIL will say, or why there is no use in it."""
    offers = peer.extensions

    def refusal(status: str, reason: str, elsewhere: bool = False) -> Refusal:
        return Refusal(Outcome("failed", status, reason, "", peer.name), elsewhere)

    if not is_safe(parcel.reverse_path):
        return refusal("5.1.7", "the sender's address has control characters")
    smtputf8 = parcel.smtputf8 and content.has_utf8_header()
    if smtputf8 or wire_address(parcel.reverse_path, False) is None:
        if not offers.smtputf8:
            # RFC 6531 section 3.2: no downgrade of addresses and fields.
            return refusal("5.6.7", "the message needs SMTPUTF8, which the server does not offer")
        smtputf8 = True
    elif offers.smtputf8:
        smtputf8 = any(wire_address(one.address, False) is None for one in parcel.recipients)
    requiretls = parcel.requiretls and offers.requiretls and peer.verified
    if parcel.requiretls and not requiretls and parcel.reverse_path:
        # RFC 8689 section 4.2.1; a bounce goes all the same, section 5.
        if not peer.verified:
            return refusal("5.7.10", "REQUIRETLS: the server has not proved who it is", True)
        return refusal("5.7.30", "REQUIRETLS: the server does not offer it", True)
    if parcel.by_seconds is not None and parcel.by_mode.startswith("R"):
        # RFC 2852 section 4: what must be returned when late may not meet those who don't know.
        if parcel.by_seconds <= 0:
            return refusal("5.4.7", "the time of DELIVERBY has run out")
        if offers.deliver_by is None:
            return refusal("5.3.3", "DELIVERBY: the server does not offer it", True)
        if parcel.by_seconds < offers.deliver_by:
            return refusal("5.4.7", f"DELIVERBY: the server needs {offers.deliver_by} seconds")
    octets = content.form(offers.eight_bit or smtputf8)
    if offers.size and len(octets) > offers.size:
        # RFC 1870 section 6.1
        limit = f"the message has {len(octets)} octets, the server takes {offers.size}"
        return refusal("5.3.4", limit)
    eight_bit = content.is_eight_bit and not octets.isascii()
    return Terms(len(octets), eight_bit, smtputf8, requiretls, peer.logged_in)


class Transaction:
    """For as many recipients as the peer takes at once; ask it afterwards what came of it."""

    def __init__(
        self,
        parcel: Parcel,
        recipients: Sequence[Recipient],
        content: Content,
        terms: Terms,
        peer: Peer,
        limits: ClientLimits,
    ) -> None:
        self.outcomes: dict[str, Outcome] = {}  # verdicts that stand
        self.again: list[Recipient] = []  # not taken in this transaction, for their number
        self.unheard: list[Recipient] = []  # the session ended, or MAIL was put off
        self.unheard_outcome: Outcome | None = None  # theirs, unless another try helps
        self.took_some = False
        self.began = False  # MAIL was taken: verdicts on recipients are the destination's own
        self.needs_reset = False
        self._parcel = parcel
        self._content = content
        self._terms = terms
        self._peer = peer
        self._limits = limits
        self._accepted: list[Recipient] = []
        self._waiting: list[Recipient] = []  # in the order of their RCPT
        self._final = False  # all of the content is on its way
        for recipient in recipients:
            self._admit(recipient)

    def _admit(self, recipient: Recipient) -> None:
        address = recipient.address
        if not is_safe(address):
            why = "the address has control characters"
            self.outcomes[address] = Outcome("failed", "5.1.3", why)
        elif wire_address(address, self._terms.smtputf8) is None:
            why = "the address needs SMTPUTF8, which the server does not offer"
            self.outcomes[address] = Outcome("failed", "5.6.7", why, "", self._peer.name)
        else:
            self._waiting.append(recipient)

    def dialogue(self, *, reset: bool, eager: bool) -> Dialogue[None]:
        """*reset*: an earlier transaction is to be given up first. *eager*: the connection is
        known to live, so small content may go along with the commands (CHUNKING)."""
        self.needs_reset = reset
        if not self._waiting:
            return
        try:
            yield from self._run(reset, eager)
        except SessionEnded as ended:
            # Once all content was handed over the peer may have accepted it (RFC 1047).
            unsure = self._final and not ended.sending and ended.why != "busy"
            outcome = verdicts.of_end(ended, self._peer.name, unsure=unsure)
            left = [*self._accepted, *self._waiting]
            if unsure:
                self.outcomes.update((one.address, outcome) for one in left)
            else:
                self.unheard = [*self.unheard, *left]
                self.unheard_outcome = self.unheard_outcome or outcome
            raise

    def _run(self, reset: bool, eager: bool) -> Dialogue[None]:
        offers, limits = self._peer.extensions, self._limits
        content = self._content.form(offers.eight_bit or self._terms.smtputf8)
        mail = mail_command(self._parcel, self._terms, offers)
        rcpts = [rcpt_command(one, self._terms.smtputf8, offers) for one in self._waiting]
        together = offers.pipelining
        along = together and offers.chunking and eager and len(content) <= _SMALL
        first = [b"RSET\r\n"] if reset else []
        if along:
            first += [mail, *rcpts, b"BDAT %d LAST\r\n" % len(content), content]
        elif together:
            first += [mail, *rcpts] if offers.chunking else [mail, *rcpts, b"DATA\r\n"]
        elif not reset:
            first.append(mail)
        self._final = along
        if reset:
            reply = yield Ask(tuple(first), limits.command, "RSET")
            if reply.kind != 2:
                raise SessionEnded("garbled", "RSET was refused", reply)
            first = [] if together else [mail]
        reply = yield Ask(tuple(first), limits.command, "MAIL")
        self.needs_reset = True
        self.began = reply.kind == 2
        if not self.began:
            self._mail_refused(reply)
            if not together:
                self.needs_reset = False
                return
        for rcpt in rcpts:
            reply = yield Ask(() if together else (rcpt,), limits.command, "RCPT")
            if self.began:
                self._rcpt_answered(reply)
        if offers.chunking:
            yield from self._chunk(content, along)
        else:
            yield from self._data(content, together)

    def _mail_refused(self, reply: Reply) -> None:
        outcome = verdicts.of_reply(reply, "MAIL", self._peer.name)
        if outcome.kind == "failed":
            self.outcomes.update((one.address, outcome) for one in self._waiting)
        else:
            self.unheard, self.unheard_outcome = self._waiting, outcome
        self._waiting = []

    def _rcpt_answered(self, reply: Reply) -> None:
        recipient = self._waiting.pop(0)
        if reply.kind == 2:
            self._accepted.append(recipient)
            self.took_some = True
            return
        status = reply.status
        # RFC 5321 section 4.5.3.1.10. 452 alone may mean it as well, after others were taken.
        if status[1:] == ".5.3" or (reply.code == 452 and not reply.is_enhanced and self._accepted):
            self.again.append(recipient)
            # Should no further transaction take it, this stands.
            if reply.kind == 5:
                reply = Reply(452, [b"4.5.3 " + line for line in reply.lines])
        self.outcomes[recipient.address] = verdicts.of_reply(reply, "RCPT", self._peer.name)

    def _data(self, content: bytes, together: bool) -> Dialogue[None]:
        if not together and not self._accepted:
            return
        ask = Ask(() if together else (b"DATA\r\n",), self._limits.data, "DATA")
        reply = yield ask
        if reply.code != 354:
            if reply.kind in (2, 3):  # RFC 5321 section 4.3.2: what would it take as content?
                raise SessionEnded("garbled", "DATA got an odd reply", reply)
            self._all(verdicts.of_reply(reply, "DATA", self._peer.name))
            return
        if not self._accepted:
            # RFC 2920 section 3.1: refused recipients, and DATA was taken all the same.
            yield Ask((b".\r\n",), self._limits.final, "the final dot")
            return
        self._final = True
        reply = yield Ask((dotted(content), b".\r\n"), self._limits.final, "the final dot")
        self._finished(reply, "the message")

    def _chunk(self, content: bytes, along: bool) -> Dialogue[None]:
        """RFC 3030 section 2: a chunk may hold everything."""
        if not along and not self._accepted:
            return
        header = b"BDAT %d LAST\r\n" % len(content)
        self._final = True
        octets = () if along else (header, content)
        reply = yield Ask(octets, self._limits.final, "BDAT")
        if self._accepted:
            self._finished(reply, "the message")

    def _finished(self, reply: Reply, stage: str) -> None:
        peer = self._peer
        if reply.kind == 2:
            reason = "accepted"
            if self._content.breaks_signature:
                reason = "accepted; parts that somebody had signed were encoded anew for it"
            offers = peer.extensions
            outcome = Outcome(
                "relayed",
                reply.status,
                reason,
                reply.text,
                peer.name,
                dsn_passed=offers.dsn,
                by_passed=offers.deliver_by is not None,
            )
            self.needs_reset = False
        else:
            outcome = verdicts.of_reply(reply, stage, peer.name)
        self._all(outcome)

    def _all(self, outcome: Outcome) -> None:
        self.outcomes.update((one.address, outcome) for one in self._accepted)
        self._accepted = []
