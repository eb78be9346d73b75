"""The dialogue: one command in, one reply out (RFC 5321 section 4). Knows no sockets.

The command table is aiosmtpd's idea (a method for each verb), and so are Session and Envelope;
handlers here return the reply instead of writing it, so that a batch of pipelined commands is
answered in one write, and only those that must wait are coroutines.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Protocol

from aiosmtpd.smtp import Envelope as BaseEnvelope
from aiosmtpd.smtp import Session

from gateway.crossing import Crossing
from gateway.metrics import metrics
from gateway.smtp import replies
from gateway.smtp.bdat import ChunkReader, parse_bdat
from gateway.smtp.client import Client
from gateway.smtp.data import DataReader
from gateway.smtp.incoming import Incoming
from gateway.smtp.limits import SmtpLimits
from gateway.smtp.parameters import (
    ALWAYS_OFFERED,
    MailParameters,
    UnknownParameter,
    parse_mail_parameters,
    parse_rcpt_parameters,
)
from gateway.smtp.paths import parse_forward_path, parse_reverse_path
from gateway.smtp.received import received_field
from postroom.app import App
from postroom.directory.records import Verdict
from postroom.errors import BadSyntax, PostroomError
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.relay.forwarding import is_rewritten

log = logging.getLogger("postroom.smtp")

Reply = bytes | Awaitable[bytes]
_FROM = re.compile(rb"FROM:[ \t]*", re.IGNORECASE)  # the blank is not in the grammar, but in use
_TO = re.compile(rb"TO:[ \t]*", re.IGNORECASE)
_HELLO_NAME = re.compile(r"[!-~\u00a0-\U0010ffff]{1,255}")


class Envelope(BaseEnvelope):
    """One transaction, from MAIL to the end of its message."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters = MailParameters()
        self.recipients: list[Recipient] = []
        self.refused = 0  # recipients
        self.octets = 0  # that the recipients take in the queue entry
        self.incoming: Incoming | None = None
        self.chunks: ChunkReader | None = None  # BDAT has begun
        self.last_chunk = False


class Line(Protocol):
    """What the dialogue needs of the connection that it is held on."""

    def read_with(self, reader: DataReader | ChunkReader) -> None: ...
    async def start_tls(self) -> bytes: ...
    @property
    def tls_object(self) -> object: ...


# Verbs, and the methods that answer them.
COMMANDS: Mapping[bytes, str] = {
    b"EHLO": "_ehlo",
    b"HELO": "_helo",
    b"STARTTLS": "_starttls",
    b"MAIL": "_mail",
    b"RCPT": "_rcpt",
    b"DATA": "_data",
    b"BDAT": "_bdat",
    b"RSET": "_rset",
    b"NOOP": "_noop",
    b"VRFY": "_vrfy",
    b"EXPN": "_expn",
    b"HELP": "_help",
    b"QUIT": "_quit",
}
# After a chunk that was not the last (RFC 3030 section 2).
_BETWEEN_CHUNKS = frozenset({"_bdat", "_rset", "_noop", "_quit", "_ehlo"})
# Replies to RCPT, by the directory's verdict.
REFUSALS: Mapping[str, bytes] = {
    "unknown": replies.UNKNOWN_RECIPIENT,
    "elsewhere": replies.RELAYING_DENIED,
    "disabled": replies.DISABLED_RECIPIENT,
}
_OFFERED_WITH_TLS = ALWAYS_OFFERED | {"REQUIRETLS"}


class Dialogue:
    _commands: ClassVar[Mapping[bytes, str]] = COMMANDS
    _refusals: ClassVar[Mapping[str, bytes]] = REFUSALS

    def __init__(
        self,
        app: App,
        crossing: Crossing,
        limits: SmtpLimits,
        line: Line,
        session: Session,
        client: Client,
        message_rate: Callable[[], bool],
        naming: Awaitable[str] | None,
        tls_offered: bool,
    ) -> None:
        self._app = app
        self._crossing = crossing
        self._limits = limits
        self._line = line
        self.session = session
        self._client = client
        self._message_rate = message_rate
        self._naming = naming  # the client's name, being looked up since the greeting
        self._tls_offered = tls_offered
        self._messages = 0
        self.envelope = Envelope()
        self.closing = False  # hang up once the reply is written
        self.account = ""  # id, once authenticated
        self._hostname = app.settings.hostname

    def greeting(self) -> bytes:
        return replies.reply(220, "", f"{self._hostname} ESMTP Postroom")

    def command(self, line: bytes) -> Reply:
        """Answer one command, given without its CRLF."""
        verb, _, argument = line.partition(b" ")
        answer = self._commands.get(verb) or self._commands.get(verb.upper())
        if answer is None:
            return replies.UNKNOWN_COMMAND
        if self.envelope.chunks is not None and answer not in _BETWEEN_CHUNKS:
            return replies.AFTER_BDAT
        reply: Reply = getattr(self, answer)(argument.strip(b" \t"))
        return reply

    def bad_line(self) -> None:
        """A line came that can be neither command nor response; it has been answered."""

    def forget(self) -> None:
        """A new EHLO is needed: the handshake of TLS is a new beginning (RFC 3207 section 4.2)."""
        self.session.host_name = None
        self.drop()

    # Session.

    def _ehlo(self, argument: bytes) -> Reply:
        if not self._hello(argument, extended=True):
            return replies.BAD_HELLO
        return self._after_reset(replies.lines(250, [self._hostname, *self._offers()]))

    def _offers(self) -> list[str]:
        offers = [
            "PIPELINING",
            f"SIZE {self._limits.message_size}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "DSN",
            "CHUNKING",
            f"LIMITS MAILMAX={self._limits.messages} RCPTMAX={self._limits.recipients}",
        ]
        if self._client.tls:
            offers.append("REQUIRETLS")
        elif self._tls_offered:
            offers.append("STARTTLS")
        return offers

    def _offered_parameters(self) -> frozenset[str]:
        return _OFFERED_WITH_TLS if self._client.tls else ALWAYS_OFFERED

    def _helo(self, argument: bytes) -> Reply:
        if not self._hello(argument, extended=False):
            return replies.BAD_HELLO
        return self._after_reset(replies.reply(250, "", self._hostname))

    def _hello(self, argument: bytes, extended: bool) -> bool:
        try:
            name = argument.decode()
        except UnicodeDecodeError:
            return False
        if _HELLO_NAME.fullmatch(name) is None:
            return False
        self.session.host_name = name
        self.session.extended_smtp = extended
        return True

    def _starttls(self, argument: bytes) -> Reply:
        if argument:
            return replies.NO_ARGUMENT
        if self._client.tls:
            return replies.TLS_ACTIVE
        if not self._tls_offered:
            return replies.TLS_NOT_AVAILABLE
        return self._line.start_tls()

    def _rset(self, argument: bytes) -> Reply:
        return replies.NO_ARGUMENT if argument else self._after_reset(replies.OK)

    def _after_reset(self, reply: bytes) -> Reply:
        self.drop()
        return reply

    def drop(self) -> None:
        """Forget the transaction, and what the stores have of its message."""
        envelope, self.envelope = self.envelope, Envelope()
        if envelope.incoming is not None:
            envelope.incoming.drop()

    def _noop(self, argument: bytes) -> Reply:
        return replies.OK

    def _vrfy(self, argument: bytes) -> Reply:
        return replies.CANNOT_VERIFY if argument else replies.BAD_VRFY

    def _expn(self, argument: bytes) -> Reply:
        return replies.NOT_IMPLEMENTED

    def _help(self, argument: bytes) -> Reply:
        verbs = b" ".join(self._commands).decode()
        return replies.reply(214, "2.0.0", f"{verbs} (RFC 5321)")

    def _quit(self, argument: bytes) -> Reply:
        if argument:
            return replies.NO_ARGUMENT
        self.closing = True
        return replies.GOODBYE

    # Transaction.

    def _mail(self, argument: bytes) -> Reply:
        if self.session.host_name is None:
            return replies.NEEDS_EHLO
        if self.envelope.mail_from is not None:
            return replies.NESTED_MAIL
        keyword = _FROM.match(argument)
        if keyword is None:
            return replies.BAD_MAIL
        try:
            address, rest = parse_reverse_path(argument[keyword.end() :])
        except BadSyntax:
            return replies.BAD_SENDER
        if rest and not self.session.extended_smtp:
            return replies.BAD_MAIL
        try:
            parameters = parse_mail_parameters(rest, self._offered_parameters())
        except UnknownParameter:
            return replies.UNKNOWN_PARAMETER
        except BadSyntax as error:
            return replies.bad_parameter(error)
        if not parameters.smtputf8 and not address.isascii():
            return replies.NEEDS_SMTPUTF8
        if parameters.size > self._limits.message_size:
            return replies.TOO_LARGE
        return self._begin(address, parameters)

    def _begin(self, address: str, parameters: MailParameters) -> Reply:
        """A MAIL without fault: begin the transaction, unless there are too many."""
        if self._messages >= self._limits.messages:
            self.closing = True
            return replies.SESSION_FULL
        if not self._message_rate():
            return replies.TOO_MANY_MESSAGES
        self._messages += 1
        envelope = self.envelope
        envelope.mail_from = address
        envelope.parameters = parameters
        envelope.smtp_utf8 = parameters.smtputf8
        return replies.SENDER_OK

    def _rcpt(self, argument: bytes) -> Reply:
        envelope = self.envelope
        if envelope.mail_from is None:
            return replies.NEEDS_MAIL
        keyword = _TO.match(argument)
        if keyword is None:
            return replies.BAD_RCPT
        try:
            address, rest = parse_forward_path(argument[keyword.end() :])
        except BadSyntax:
            return replies.BAD_RECIPIENT
        if rest and not self.session.extended_smtp:
            return replies.BAD_RCPT
        try:
            parameters = parse_rcpt_parameters(rest, smtputf8=envelope.smtp_utf8)
        except UnknownParameter:
            return replies.UNKNOWN_PARAMETER
        except BadSyntax as error:
            return replies.bad_parameter(error)
        if not envelope.smtp_utf8 and not address.isascii():
            return replies.NEEDS_SMTPUTF8
        if len(envelope.recipients) >= self._limits.recipients:
            return replies.TOO_MANY_RECIPIENTS
        octets = 80 + 2 * (len(address.encode()) + len(parameters.original.encode()))
        if envelope.octets + octets > self._limits.envelope:
            return replies.TOO_MANY_RECIPIENTS
        recipient = Recipient(address, parameters.notify, parameters.original)
        if not self._crossing.reads_are_local:
            return self._check_elsewhere(envelope, recipient, octets)
        try:
            verdict = self._check(recipient.address)
        except PostroomError:
            return replies.DIRECTORY_DOWN
        return self._recipient(envelope, recipient, octets, verdict)

    async def _check_elsewhere(
        self, envelope: Envelope, recipient: Recipient, octets: int
    ) -> bytes:
        try:
            async with asyncio.timeout(self._limits.store_timeout):
                verdict = await self._crossing.run(self._check, recipient.address)
        except (PostroomError, TimeoutError):
            return replies.DIRECTORY_DOWN
        reply = self._recipient(envelope, recipient, octets, verdict)
        return reply if isinstance(reply, bytes) else await reply

    def _recipient(
        self, envelope: Envelope, recipient: Recipient, octets: int, found: tuple[bytes, str]
    ) -> Reply:
        reply, canonical = found
        if reply is not replies.RECIPIENT_OK:
            envelope.refused += 1
            return reply
        if "@" not in recipient.address:  # <Postmaster> (RFC 5321 section 4.5.1)
            recipient = Recipient(canonical, recipient.notify, recipient.original)
        return self._add_recipient(envelope, recipient, octets)

    def _add_recipient(self, envelope: Envelope, recipient: Recipient, octets: int) -> Reply:
        envelope.recipients.append(recipient)
        envelope.octets += octets
        return replies.RECIPIENT_OK

    def _check(self, address: str) -> tuple[bytes, str]:
        """The reply to RCPT, and the address as the directory spells it. Reads the stores."""
        verdict = self._verdict(address)
        refusal = self._refusals.get(verdict.kind)
        if refusal is not None:
            return refusal, ""
        if verdict.quota and self._app.mailboxes.usage(verdict.account) >= verdict.quota:
            return replies.MAILBOX_FULL, ""
        return replies.RECIPIENT_OK, verdict.canonical

    def _verdict(self, address: str) -> Verdict:
        """What may be done with mail for the address. Reads the stores."""
        verdict = self._app.directory.verdict(address)
        if verdict.kind == "elsewhere" or not is_rewritten(address):
            return verdict
        # A bounce of mail that an address of ours has forwarded goes back to its sender.
        original = self._app.forwarding.original(address)
        return verdict if original is None else Verdict("local", address)

    def _ready(self) -> bytes:
        """Why there can be no message now, or nothing."""
        if self.envelope.mail_from is None:
            return replies.NEEDS_MAIL
        if not self.envelope.recipients:
            return replies.NO_VALID_RECIPIENTS if self.envelope.refused else replies.NEEDS_RCPT
        return b""

    def _data(self, argument: bytes) -> Reply:
        if argument:
            return replies.NO_ARGUMENT
        if refusal := self._ready():
            return refusal
        self.envelope.incoming = self._new_message()
        self._line.read_with(DataReader(self._limits.bare_line_endings))
        return replies.GO_AHEAD

    def _new_message(self) -> Incoming:
        return Incoming(self._app, self._crossing, self._limits)

    def _bdat(self, argument: bytes) -> Reply:
        try:
            chunk = parse_bdat(argument)
        except BadSyntax:
            # How much text follows is not known, so what comes next cannot be understood.
            self.closing = True
            return replies.BAD_BDAT
        if chunk.size > self._limits.message_discarded:
            self.closing = True  # rather than read all that and throw it away
            return replies.TOO_LARGE
        envelope = self.envelope
        incoming = envelope.incoming
        if envelope.chunks is None or incoming is None:
            envelope.chunks = ChunkReader(self._limits.bare_line_endings)
            incoming = envelope.incoming = self._new_message()
        # A chunk comes all the same when it is refused (RFC 3030 section 2).
        if refusal := self._ready():
            incoming.refuse(refusal)
        elif incoming.size + chunk.size > self._limits.message_size:
            incoming.refuse(replies.TOO_LARGE)
        envelope.last_chunk = chunk.last
        envelope.chunks.start(chunk)
        self._line.read_with(envelope.chunks)
        return b""

    # The message.

    def content(self, octets: bytes) -> Awaitable[bytes] | None:
        """Take text of the message. What is returned must end before more is given."""
        incoming = self.envelope.incoming
        if incoming is None:
            return None
        if incoming.add(octets):
            return self._spill(incoming)
        if incoming.size > self._limits.message_discarded:
            return self._give_up(incoming)
        return None

    async def _give_up(self, incoming: Incoming) -> bytes:
        """The client goes on and on; there is no other way to stop it."""
        self.closing = True
        return incoming.refusal

    async def _spill(self, incoming: Incoming) -> bytes:
        await self._look_up_name()
        await incoming.spill(self._received_field)
        return b""

    def end_of_content(self, *, bare: bool) -> Reply:
        """The final dot, or the end of a chunk."""
        envelope = self.envelope
        incoming = envelope.incoming
        if incoming is None:
            return replies.NEEDS_MAIL
        if bare:
            incoming.refuse(replies.BARE_LINE_ENDING)
        if envelope.chunks is not None and not envelope.last_chunk:
            if incoming.refusal:
                return self._after_reset(incoming.refusal)
            return replies.OK
        return self._finish(envelope, incoming)

    async def _finish(self, envelope: Envelope, incoming: Incoming) -> bytes:
        await self._look_up_name()
        kept = not incoming.refusal and await incoming.keep(
            self._received_field, lambda: self._accepted(envelope, incoming)
        )
        self.envelope = Envelope()
        if not kept:
            return incoming.refusal
        metrics.accepted += 1
        metrics.octets_in += incoming.stored_size
        log.info("accepted", extra={"queue_id": incoming.queue_id})
        return replies.reply(250, "2.0.0", f"Ok: queued as {incoming.queue_id}")

    async def _look_up_name(self) -> None:
        if self._naming is not None:
            self._client.name = await self._naming
            self._naming = None

    def _received_field(self, queue_id: str, seconds: float) -> bytes:
        recipients = self.envelope.recipients
        return received_field(
            self._client,
            helo=self.session.host_name or "",
            extended=self.session.extended_smtp,
            smtputf8=self.envelope.smtp_utf8,
            authenticated=bool(self.account),
            hostname=self._hostname,
            queue_id=queue_id,
            seconds=seconds,
            only_recipient=recipients[0].address if len(recipients) == 1 else "",
        )

    def _accepted(self, envelope: Envelope, incoming: Incoming) -> Accepted:
        parameters = envelope.parameters
        return Accepted(
            queue_id=incoming.queue_id,
            blob=incoming.blob,
            size=incoming.stored_size,
            received=incoming.milliseconds,
            reverse_path=envelope.mail_from or "",
            recipients=tuple(envelope.recipients),
            message_id=incoming.message_id,
            ret=parameters.ret,
            envid=parameters.envid,
            smtputf8=parameters.smtputf8,
            client=self._client.address,
            client_name=self._client.name,
            helo=self.session.host_name or "",
            tls=self._client.tls,
            account=self.account,
            requiretls=parameters.requiretls,
            tls_optional=incoming.tls_optional and not parameters.requiretls,
            **_times(parameters, incoming.milliseconds),
        )


def _times(parameters: MailParameters, now: int) -> dict[str, Any]:
    """FUTURERELEASE and DELIVERBY count from *now*, in milliseconds since 1970."""
    if not (parameters.hold_for or parameters.hold_until or parameters.by_mode):
        return {}
    by_mode = parameters.by_mode
    return {
        "hold_until": parameters.hold_until or _after(now, parameters.hold_for),
        "deliver_by": now + 1000 * parameters.by_time if by_mode else 0,
        "by_mode": by_mode,
    }


def _after(now: int, seconds: int) -> int:
    return now + 1000 * seconds if seconds else 0
