"""One POP3 session: its state (RFC 1939 sections 4 to 6), and what each command does."""

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from gateway.authentication import Authentication, Channel, WrongCredentials, mechanisms
from gateway.login import TooManyFailures
from gateway.metrics import metrics
from gateway.pop3.content import Stuffer, Top, stuffed
from gateway.pop3.engine import Command, Engine, Event, Response, parse_number
from gateway.pop3.maildrop import (
    InUse,
    LockLost,
    Maildrop,
    NoSuchMessage,
    close_maildrop,
    open_maildrop,
)
from gateway.pop3.service import Service
from gateway.sasl import Cancelled, UnknownMechanism
from postroom.directory.records import Account
from postroom.errors import BadSyntax, BlobMissing, PostroomError, StoreUnavailable
from postroom.mailboxes.store import MailboxMissing
from postroom.platform.blobs import BlobStore

log = logging.getLogger("postroom.pop3")

_WHOLE = 256 * 1024  # octets; a larger message is read and sent in pieces of this size
_BEFORE_LOGIN = frozenset({"APOP", "AUTH", "CAPA", "LANG", "PASS", "QUIT", "STLS", "USER", "UTF8"})
_AFTER_LOGIN = frozenset(
    {"CAPA", "DELE", "LANG", "LIST", "NOOP", "QUIT", "RETR", "RSET", "STAT", "TOP", "UIDL"}
)
_NOT_NOW = b"-ERR [SYS/TEMP] Not now, try again later\r\n"


class Wire(Protocol):
    """The connection, as the session sees it."""

    def write(self, octets: bytes) -> None: ...
    async def flush(self) -> None:
        """Between the pieces of a message: waits while the client is slow. Raises OSError."""

    @property
    def tls_object(self) -> object:
        """What ssl says of the connection, None in the clear."""

    async def start_tls(self) -> None:
        """Raises OSError when the handshake fails."""


class Session:
    __slots__ = (
        "_engine",
        "_errors",
        "_exchange",
        "_name",
        "_service",
        "_wire",
        "client",
        "maildrop",
        "over",
        "secured",
        "utf8",
    )

    def __init__(
        self, service: Service, wire: Wire, engine: Engine, client: str, secured: bool
    ) -> None:
        self._service = service
        self._wire = wire
        self._engine = engine
        self._name = ""  # of USER
        self._exchange: Authentication | None = None
        self._errors = 0
        self.client = client
        self.secured = secured
        self.utf8 = False
        self.maildrop: Maildrop | None = None  # there in the TRANSACTION state
        self.over = False

    def greet(self) -> None:
        host = self._service.app.settings.hostname
        # No <timestamp@host> in it: APOP would need passwords that can be read.
        self._wire.write(f"+OK {host} Postroom POP3 ready\r\n".encode())

    async def handle(self, event: Event) -> None:
        metrics.commands["pop3"] += 1
        if isinstance(event, Command):
            allowed = _AFTER_LOGIN if self.maildrop is not None else _BEFORE_LOGIN
            if event.verb not in allowed:
                self._refuse(f"{event.verb} is not for this state")
                return
            try:
                await _COMMANDS[event.verb](self, *event.arguments)
            except (BadSyntax, NoSuchMessage) as error:
                self._refuse(str(error))
            except StoreUnavailable as error:
                log.error("store", extra={"verb": event.verb, "reason": str(error)})
                self._wire.write(_NOT_NOW)
        elif isinstance(event, Response):
            await self._response(event.text)
        else:
            self._refuse(str(event.error))
            self.over = self.over or event.fatal

    def _ok(self, text: str) -> None:
        self._wire.write(f"+OK {text}\r\n".encode())

    def _refuse(self, text: str) -> None:
        metrics.refusals["pop3"] += 1
        self._errors += 1
        if self._errors >= self._service.settings.errors:
            self._wire.write(b"-ERR [SYS/PERM] Too many errors\r\n")
            self.over = True
            return
        # RFC 2449 section 4: 512 octets; a reply is one line whatever the client sent.
        safe = text.encode("ascii", "backslashreplace")[:400]
        self._wire.write(b"-ERR " + safe.replace(b"\r", b" ").replace(b"\n", b" ") + b"\r\n")

    def _need(self) -> Maildrop:
        assert self.maildrop is not None  # noqa: S101  (narrowing: `handle` looked at the state)
        return self.maildrop

    # Any state

    async def _capa(self) -> None:
        """RFC 2449 section 5."""
        tags = ["TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE NEVER"]
        tags += ["UTF8 USER", "LANG", "IMPLEMENTATION Postroom"]
        if self._may_log_in():
            tags += ["USER", f"SASL {' '.join(self._mechanisms())}"]
        if self._may_start_tls():
            tags.append("STLS")
        self._wire.write("\r\n".join(["+OK Capability list follows", *tags, ".", ""]).encode())

    async def _lang(self, wanted: str = "") -> None:
        """RFC 6856 section 3: we speak English."""
        if not wanted:
            self._wire.write(b"+OK Language listing follows\r\nen English\r\n.\r\n")
        elif wanted.lower() in ("*", "en", "i-default") or wanted.lower().startswith("en-"):
            self._ok("en Language is English")
        else:
            self._refuse("en No such language")

    async def _quit(self) -> None:
        self.over = True
        maildrop, self.maildrop = self.maildrop, None
        if maildrop is None:
            self._ok("Bye")
            return
        try:
            await self._service.crossing.slow(close_maildrop, self._service.app, maildrop)
        except LockLost as error:
            self._wire.write(f"-ERR [IN-USE] {error}\r\n".encode())
        except PostroomError as error:
            log.error("maildrop not updated", extra={"reason": str(error)})
            self._wire.write(b"-ERR [SYS/TEMP] Some deleted messages not removed\r\n")
        else:
            self._ok(f"Bye, {len(maildrop.marked)} messages deleted")

    # AUTHORIZATION

    def _may_log_in(self) -> bool:
        return self.secured or self._service.settings.may_send_plaintext(self.client)

    def _may_start_tls(self) -> bool:
        return self._service.tls is not None and not self.secured and self.maildrop is None

    async def _stls(self) -> None:
        """RFC 2595 section 4."""
        if not self._may_start_tls():
            self._refuse("TLS is not to be had here, or is there already")
            return
        if self.utf8:
            self._refuse("STLS comes before UTF8")  # RFC 6856 section 2.1
            return
        self._ok("Begin TLS negotiation")
        self._engine.forget()
        self._name = ""
        await self._wire.start_tls()
        self.secured = True

    async def _utf8(self) -> None:
        """RFC 6856 section 2. Messages go out as they are with and without it."""
        self.utf8 = True
        self._ok("UTF8 enabled")

    async def _apop(self, name: str, digest: str) -> None:
        self._refuse("APOP is not offered, see CAPA")

    async def _user(self, name: str) -> None:
        if not self._may_log_in():
            self._refuse("A password needs TLS first, see STLS")
            return
        self._name = name
        # The same for names that are and are not there (RFC 1939 section 7 leaves it to us).
        self._ok("Send PASS")

    async def _pass(self, password: str) -> None:
        name, self._name = self._name, ""
        if not name:
            self._refuse("USER comes first")
            return
        await self._log_in(name, password)

    async def _auth(self, mechanism: str = "", initial: str | None = None) -> None:
        """RFC 5034 section 4; without a mechanism it lists them, as old clients expect."""
        if not mechanism:
            self._wire.write("\r\n".join(["+OK", *self._mechanisms(), ".", ""]).encode())
            return
        if not self._may_log_in():
            self._refuse("A password needs TLS first, see STLS")
            return
        try:
            self._exchange = Authentication(mechanism, self._service.login, self._channel())
        except UnknownMechanism as error:
            self._refuse(str(error))
            return
        if initial is None:
            self._challenge()
        else:
            await self._response(initial.encode())

    def _challenge(self) -> None:
        assert self._exchange is not None  # noqa: S101  (narrowing: it has just been used)
        self._engine.expects_response = True
        self._wire.write(b"+ " + self._exchange.challenge + b"\r\n")

    async def _response(self, text: bytes) -> None:
        exchange = self._exchange
        assert exchange is not None  # noqa: S101  (narrowing: only then a response is expected)
        self._engine.expects_response = False
        self._exchange = None
        try:
            account = await exchange.receive(text)
        except (BadSyntax, Cancelled) as error:
            self._refuse(str(error))
        except WrongCredentials:
            self._wrong(exchange.name)
        except TooManyFailures as error:
            self._refuse(f"[SYS/TEMP] {error}")
        except StoreUnavailable as error:
            log.error("store", extra={"verb": "AUTH", "reason": str(error)})
            self._wire.write(_NOT_NOW)
        else:
            await self._go_on(exchange, account)

    async def _go_on(self, exchange: Authentication, account: Account | None) -> None:
        if account is None:
            self._exchange = exchange
            self._challenge()
            return
        try:
            await self._open(account)
        except StoreUnavailable as error:
            log.error("store", extra={"verb": "AUTH", "reason": str(error)})
            self._wire.write(_NOT_NOW)

    def _mechanisms(self) -> tuple[str, ...]:
        return mechanisms(self._service.login, self._channel())

    def _channel(self) -> Channel:
        tls = self._service.tls
        bindings = tls.bindings(self._wire.tls_object) if tls else {}
        return Channel(self.client, bindings, self._service.settings.channel_binding)

    def _wrong(self, name: str) -> None:
        log.info("login failed", extra={"client": self.client, "user": name})
        self._refuse("[AUTH] Wrong name or password")

    async def _log_in(self, name: str, password: str) -> None:
        """Codes of RFC 3206: AUTH makes a client ask for another password, SYS/TEMP does not."""
        try:
            account = await self._service.login.check(name, password, self.client)
        except TooManyFailures as error:
            self._refuse(f"[SYS/TEMP] {error}")
            return
        if account is None:
            self._wrong(name)
            return
        await self._open(account)

    async def _open(self, account: Account) -> None:
        service = self._service
        owner = service.app.randomness.octets(12).hex()
        try:
            self.maildrop = await service.open_maildrop(open_maildrop, account.id, owner)
        except InUse:
            self._refuse("[IN-USE] Another session has the maildrop")
            return
        except MailboxMissing:
            self._refuse("[SYS/PERM] There is no maildrop")
            return
        self._ok(f"{self.maildrop.count} messages ({self.maildrop.total} octets)")

    # TRANSACTION

    async def _noop(self) -> None:
        self._ok("Nothing done")

    async def _stat(self) -> None:
        maildrop = self._need()
        self._ok(f"{maildrop.count} {maildrop.total}")

    async def _list(self, number: str = "") -> None:
        maildrop = self._need()
        sizes = maildrop.sizes
        if number:
            wanted = parse_number(number)
            self._ok(f"{wanted} {sizes[maildrop.index(wanted)]}")
            return
        lines = [f"{n} {sizes[n - 1]}\r\n" for n in maildrop.numbers()]
        first = f"+OK {maildrop.count} messages ({maildrop.total} octets)\r\n"
        self._wire.write("".join([first, *lines, ".\r\n"]).encode())

    async def _uidl(self, number: str = "") -> None:
        maildrop = self._need()
        if number:
            wanted = parse_number(number)
            self._ok(f"{wanted} {maildrop.unique_id(wanted)}")
            return
        uids, validity = maildrop.uids, maildrop.uid_validity
        lines = [f"{n} {validity}.{uids[n - 1]}\r\n" for n in maildrop.numbers()]
        first = "+OK Unique-id listing follows\r\n"
        self._wire.write("".join([first, *lines, ".\r\n"]).encode())

    async def _dele(self, number: str) -> None:
        wanted = parse_number(number)
        self._need().mark(wanted)
        self._ok(f"Message {wanted} will be deleted")

    async def _rset(self) -> None:
        maildrop = self._need()
        maildrop.unmark_all()
        self._ok(f"{maildrop.count} messages ({maildrop.total} octets)")

    async def _retr(self, number: str) -> None:
        message = self._need().message(parse_number(number))
        first = b"+OK %d octets\r\n" % message.size
        blobs: BlobStore = self._service.app.platform.blobs
        if message.size > _WHOLE:
            await self._stream(first, parse_number(number), None)
            return
        try:
            octets = await self._service.crossing.run(blobs.get, message.blob)
        except BlobMissing as error:
            self._lost(error)
            return
        metrics.octets_out += message.size
        self._wire.write(first + stuffed(message.prefix + octets))

    async def _top(self, number: str, lines: str) -> None:
        await self._stream(
            b"+OK Top of message follows\r\n", parse_number(number), Top(parse_number(lines))
        )

    async def _stream(self, first: bytes, number: int, top: Top | None) -> None:
        """Send a message, or its top, in pieces; never more than a few of them in memory."""
        message = self._need().message(number)
        crossing, blobs = self._service.crossing, self._service.app.platform.blobs
        size = message.size - len(message.prefix)
        stuffer = Stuffer()
        octets, start = message.prefix, 0
        # Most headers end in the first few kilobytes.
        step = _WHOLE if top is None else 8 * 1024
        while True:
            try:
                piece = await crossing.run(blobs.get_range, message.blob, start, step)
            except BlobMissing as error:
                self._lost(error, midway=start > 0)
                return
            except StoreUnavailable as error:
                if not start:
                    raise
                self._lost(error, midway=True)
                return
            start += len(piece)
            octets += piece
            metrics.octets_out += len(octets)
            self._wire.write(first + stuffer.feed(octets if top is None else top.feed(octets)))
            first = octets = b""
            if start >= size or not piece or (top is not None and top.done):
                break
            step = _WHOLE
            await self._wire.flush()
        self._wire.write(stuffer.end())

    def _lost(self, error: PostroomError, *, midway: bool = False) -> None:
        log.error("message not readable", extra={"reason": str(error)})
        if midway:
            # The client must not take a half for the whole: no final dot.
            self.over = True
        else:
            self._wire.write(b"-ERR [SYS/PERM] The message cannot be read\r\n")


_Handler = Callable[..., Awaitable[None]]
_COMMANDS: dict[str, _Handler] = {
    verb: getattr(Session, f"_{verb.lower()}") for verb in _BEFORE_LOGIN | _AFTER_LOGIN
}
