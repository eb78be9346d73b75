"""The dialogue with our own users (RFC 6409): they log in, and may then send anywhere, as
themselves, as much as they are allowed.

docs/decisions/0004-submission.md tells why the rules are as they are.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from gateway.authentication import Authentication, Channel, WrongCredentials, mechanisms
from gateway.login import Login, TooManyFailures
from gateway.sasl import Cancelled, UnknownMechanism
from gateway.scram import Bindings
from gateway.smtp import replies
from gateway.smtp.allowance import AccountGone, Allowance
from gateway.smtp.dialogue import COMMANDS, REFUSALS, Dialogue, Envelope, Reply
from gateway.smtp.fixups import MOST_AUTHORS, Writers, writers
from gateway.smtp.incoming import Incoming
from gateway.smtp.outgoing import Outgoing
from gateway.smtp.parameters import MailParameters
from postroom.directory.addresses import BadAddress, canonical
from postroom.errors import BadSyntax, PostroomError, StoreUnavailable
from postroom.message.headers import fields
from postroom.pipeline.accepted import Recipient
from postroom.submission.counts import MESSAGES, RECIPIENTS, LimitReached, Window

log = logging.getLogger("postroom.submission")

LONGEST_HOLD = 30 * 86_400  # seconds; what FUTURERELEASE announces
# AUTH has lines of 12,288 octets (RFC 4954 section 4).
LONGEST_LINE = 12_288 + len("\r\n")
_GRANT_KEPT = 5.0  # seconds: so late may a session notice that an address was taken from it
_MORE_PARAMETERS = frozenset({"HOLDFOR", "HOLDUNTIL", "BY", "AUTH"})


@dataclass(frozen=True, slots=True)
class Desk:
    """What the submission listeners of a process share."""

    login: Login
    allowance: Allowance
    bindings: Callable[[object], Bindings]  # of what ssl says of a connection
    may_send_plaintext: Callable[[str], bool]  # by IP address
    lists_plus: bool = False  # see gateway.authentication.Channel


class Submission(Dialogue):
    _commands = MappingProxyType({**COMMANDS, b"AUTH": "_auth"})
    # To be sent elsewhere is what our users' mail is for.
    _refusals = MappingProxyType({k: v for k, v in REFUSALS.items() if k != "elsewhere"})

    desk: Desk  # set by whoever makes it

    _exchange: Authentication | None = None  # AUTH has begun, the next line is a response
    _granted = ("", "")  # account and address that may send as it, as looked up before
    _granted_until = 0.0
    _taken = 0  # of MESSAGES, for the transaction
    _recipients_taken = 0

    # AUTH (RFC 4954).

    def command(self, line: bytes) -> Reply:
        if self._exchange is not None:
            return self._respond(self._exchange, line)
        return super().command(line)

    def bad_line(self) -> None:
        self._exchange = None

    def forget(self) -> None:
        super().forget()
        self.account = ""

    def _auth(self, argument: bytes) -> Reply:
        if self.session.host_name is None or not self.session.extended_smtp:
            return replies.NEEDS_EHLO
        if self.account:
            return replies.AUTH_TWICE
        if not self._is_private():
            return replies.AUTH_NEEDS_TLS
        words = argument.split()
        if not 1 <= len(words) <= 2:
            return replies.BAD_AUTH
        try:
            mechanism = words[0].decode("ascii", "replace")
            exchange = Authentication(mechanism, self.desk.login, self._channel())
        except UnknownMechanism:
            return replies.UNKNOWN_MECHANISM
        return self._ask(exchange) if len(words) == 1 else self._respond(exchange, words[1])

    def _is_private(self) -> bool:
        return bool(self._client.tls) or self.desk.may_send_plaintext(self._client.address)

    def _channel(self) -> Channel:
        bindings = self.desk.bindings(self._line.tls_object)
        return Channel(self._client.address, bindings, self.desk.lists_plus)

    def _ask(self, exchange: Authentication) -> bytes:
        self._exchange = exchange
        return b"334 " + exchange.challenge + b"\r\n"

    async def _respond(self, exchange: Authentication, line: bytes) -> bytes:
        self._exchange = None
        try:
            async with asyncio.timeout(self._limits.store_timeout):
                account = await exchange.receive(line)
        except Cancelled:
            return replies.AUTH_CANCELLED
        except BadSyntax:
            return replies.AUTH_NOT_UNDERSTOOD
        except WrongCredentials:
            log.info("login failed", extra={"client": self._client.address, "user": exchange.name})
            return replies.WRONG_CREDENTIALS
        except TooManyFailures as error:
            return replies.reply(454, "4.7.0", str(error).capitalize())
        except (StoreUnavailable, TimeoutError) as error:
            log.error("store", extra={"verb": "AUTH", "reason": str(error)})
            return replies.AUTH_NOT_NOW
        if account is None:
            return self._ask(exchange)
        self.account = account.id
        log.info("login", extra={"account": account.id, "client": self._client.address})
        return replies.AUTHENTICATED

    # What is offered.

    def _offers(self) -> list[str]:
        latest = datetime.fromtimestamp(self._app.clock.seconds(), UTC) + timedelta(
            seconds=LONGEST_HOLD
        )
        offers = [
            *super()._offers(),
            f"FUTURERELEASE {LONGEST_HOLD} {latest:%Y-%m-%dT%H:%M:%SZ}",
            "DELIVERBY",
        ]
        if self._is_private():
            names = mechanisms(self.desk.login, self._channel())
            offers.append(f"AUTH {' '.join(names)}")
        return offers

    def _offered_parameters(self) -> frozenset[str]:
        return super()._offered_parameters() | _MORE_PARAMETERS

    # Who sends, and how much.

    def _mail(self, argument: bytes) -> Reply:
        if not self.account:
            return replies.NEEDS_AUTH if self._is_private() else replies.NEEDS_TLS
        return super()._mail(argument)

    def _begin(self, address: str, parameters: MailParameters) -> Reply:
        if refusal := self._impossible(parameters):
            return refusal
        if self._crossing.reads_are_local:
            try:
                if not self._may_send_as(address):
                    return replies.not_your_address(address, "MAIL FROM")
            except PostroomError:
                return replies.SENDER_LOOKUP_DOWN
            if self.desk.allowance.take(self.account, MESSAGES):
                return self._counted(address, parameters)
        return self._begin_later(address, parameters)

    async def _begin_later(self, address: str, parameters: MailParameters) -> bytes:
        try:
            async with asyncio.timeout(self._limits.store_timeout):
                if not await self._crossing.run(self._may_send_as, address):
                    return replies.not_your_address(address, "MAIL FROM")
        except (PostroomError, TimeoutError):
            return replies.SENDER_LOOKUP_DOWN
        return await self._fetch(MESSAGES) or self._counted(address, parameters)

    def _counted(self, address: str, parameters: MailParameters) -> bytes:
        self._taken = 1
        reply = super()._begin(address, parameters)
        assert isinstance(reply, bytes)  # noqa: S101  (narrowing: it looks nothing up)
        if reply is not replies.SENDER_OK:
            self._give_back()
        return reply

    def _may_send_as(self, address: str) -> bool:
        """The null reverse-path is anybody's: a client sends its read receipts with it."""
        if not address:
            return True
        now = self._app.clock.seconds()
        if (self.account, address) == self._granted and now < self._granted_until:
            return True
        allowed = self._app.directory.may_send_as(self.account, address)
        if allowed:
            self._granted, self._granted_until = (self.account, address), now + _GRANT_KEPT
        return allowed

    def _impossible(self, parameters: MailParameters) -> bytes:
        """Why we cannot promise what is asked for, or nothing."""
        hold = parameters.hold_for
        if parameters.hold_until:
            hold = parameters.hold_until // 1000 - int(self._app.clock.seconds())
        if hold > LONGEST_HOLD:
            return replies.HOLD_TOO_LONG
        if parameters.by_mode and hold > 0 and hold >= parameters.by_time:
            return replies.HELD_BEYOND_DEADLINE
        return b""

    async def _fetch(self, window: Window) -> bytes:
        """Count one in the store. Returns why it cannot be, or nothing."""
        try:
            async with asyncio.timeout(self._limits.store_timeout):
                await self.desk.allowance.fetch(self.account, window)
        except LimitReached as error:
            if window is RECIPIENTS:
                return replies.reply(452, "4.5.3", str(error))
            return replies.reply(450, "4.7.1", str(error))
        except AccountGone:
            self.account = ""
            return replies.ACCOUNT_GONE
        except (PostroomError, TimeoutError):
            return replies.COUNTS_DOWN
        return b""

    def drop(self) -> None:
        super().drop()
        self._give_back()

    def _give_back(self) -> None:
        messages, recipients = self._taken, self._recipients_taken
        self._taken = self._recipients_taken = 0
        self.desk.allowance.give_back(self.account, MESSAGES, messages)
        self.desk.allowance.give_back(self.account, RECIPIENTS, recipients)

    # Whom it is sent to.

    def _check(self, address: str) -> tuple[bytes, str]:
        if address.endswith("]"):
            return replies.NO_LITERALS, ""
        if "." not in address[address.rfind("@") :] and self._verdict(address).kind == "elsewhere":
            return replies.NOT_QUALIFIED, ""  # RFC 6409 section 4.2
        return super()._check(address)

    def _add_recipient(self, envelope: Envelope, recipient: Recipient, octets: int) -> Reply:
        if self.desk.allowance.take(self.account, RECIPIENTS):
            self._recipients_taken += 1
            return super()._add_recipient(envelope, recipient, octets)
        return self._add_later(envelope, recipient, octets)

    async def _add_later(self, envelope: Envelope, recipient: Recipient, octets: int) -> bytes:
        if refusal := await self._fetch(RECIPIENTS):
            envelope.refused += 1
            return refusal
        self._recipients_taken += 1
        reply = super()._add_recipient(envelope, recipient, octets)
        assert isinstance(reply, bytes)  # noqa: S101  (narrowing: it looks nothing up)
        return reply

    # The message.

    def _new_message(self) -> Incoming:
        return Outgoing(self._app, self._crossing, self._limits)

    async def _spill(self, incoming: Incoming) -> bytes:
        await self._examine(incoming, whole=False)
        return await super()._spill(incoming)

    async def _finish(self, envelope: Envelope, incoming: Incoming) -> bytes:
        await self._examine(incoming, whole=True)
        messages, self._taken = self._taken, 0
        recipients, self._recipients_taken = self._recipients_taken, 0
        reply = await super()._finish(envelope, incoming)
        if not reply.startswith(b"250"):
            self._taken, self._recipients_taken = messages, recipients
            self._give_back()
        return reply

    async def _examine(self, incoming: Incoming, *, whole: bool) -> None:
        """Refuse it when its header names an author who is not the user; else mend the header."""
        assert isinstance(incoming, Outgoing)  # noqa: S101  (narrowing: `_new_message` made it)
        if incoming.refusal or incoming.examined:
            return
        header = incoming.header(whole=whole)
        if header is None:
            return
        found = fields(header)
        refusal = await self._foreign_author(writers(found))
        if refusal:
            incoming.refuse(refusal)
        else:
            incoming.mend(header, found, self._hostname)

    async def _foreign_author(self, found: Writers) -> bytes:
        """Every author must be an address of the user, and of a message with several authors the
        Sender too (RFC 5322 section 3.6.2). Returns why not, or nothing."""
        if found.unreadable:
            return replies.UNREADABLE_FROM
        named = [("From", address) for address in found.authors]
        if len(found.authors) > 1:
            named += [("Sender", address) for address in found.senders]
        if len(named) > MOST_AUTHORS:
            return replies.TOO_MANY_AUTHORS
        # The reverse-path was looked up at MAIL, and mostly it is the author.
        granted = _spelled(self.envelope.mail_from or "")
        unknown = [
            (where, address)
            for where, address in named
            if not granted or _spelled(address) != granted
        ]
        if not unknown:
            return b""
        try:
            async with asyncio.timeout(self._limits.store_timeout):
                for where, address in unknown:
                    if not await self._crossing.run(
                        self._app.directory.may_send_as, self.account, address
                    ):
                        return replies.not_your_address(address, where)
        except (PostroomError, TimeoutError):
            return replies.SENDER_LOOKUP_DOWN
        return b""


def _spelled(address: str) -> str:
    try:
        return str(canonical(address))
    except BadAddress:
        return ""
