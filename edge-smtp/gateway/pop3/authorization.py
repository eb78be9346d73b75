"""The AUTHORIZATION state: who is it? (RFC 1939 sections 4 and 7, RFC 5034, RFC 6856)."""

import logging
from collections.abc import Callable

from gateway.authentication import Authentication, Channel, WrongCredentials, mechanisms
from gateway.login import TooManyFailures
from gateway.pop3.engine import Engine
from gateway.pop3.maildrop import InUse, Maildrop, open_maildrop
from gateway.pop3.replies import Replies, Wire
from gateway.pop3.service import Service
from gateway.sasl import Cancelled, UnknownMechanism
from postroom.directory.records import Account
from postroom.directory.saslprep import saslprep
from postroom.errors import BadSyntax
from postroom.mailboxes.store import MailboxMissing

log = logging.getLogger("postroom.pop3")


class Authorization:
    """Gives the maildrop to *opened* once a user has shown who it is.

    Codes are those of RFC 3206 and RFC 2449 section 8.1: AUTH makes a client ask for another
    password, SYS/TEMP and IN-USE do not. All methods may raise StoreUnavailable.
    """

    __slots__ = ("_engine", "_exchange", "_name", "_opened", "_replies", "_service", "_wire")

    def __init__(
        self,
        service: Service,
        wire: Wire,
        engine: Engine,
        replies: Replies,
        opened: Callable[[Maildrop], None],
    ) -> None:
        self._service = service
        self._wire = wire
        self._engine = engine
        self._replies = replies
        self._opened = opened
        self._name = ""  # of USER
        self._exchange: Authentication | None = None

    def mechanisms(self, client: str) -> tuple[str, ...]:
        return mechanisms(self._service.login, self._channel(client))

    def forget(self) -> None:
        """TLS begins: what came before may be anybody's (RFC 2595 section 4)."""
        self._name = ""

    async def user(self, client: str, name: str) -> None:
        self._name = _prepared(name)
        # The same for names that are and are not there (RFC 1939 section 7 leaves it to us).
        self._replies.ok("Send PASS")

    async def password(self, client: str, password: str) -> None:
        name, self._name = self._name, ""
        if not name:
            self._replies.refuse("USER comes first")
            return
        _prepared(password)  # the directory knows how it has kept it
        try:
            account = await self._service.login.check(name, password, client)
        except TooManyFailures as error:
            self._replies.refuse_error(error, "[SYS/TEMP] ")
            return
        if account is None:
            self._wrong(client, name)
            return
        await self._open(account)

    async def authenticate(self, client: str, mechanism: str, initial: str | None) -> None:
        """RFC 5034 section 4."""
        try:
            exchange = Authentication(mechanism, self._service.login, self._channel(client))
        except UnknownMechanism as error:
            self._replies.refuse_error(error)
            return
        if initial is None:
            self._challenge(exchange)
        else:
            await self._receive(client, exchange, initial.encode())

    async def respond(self, client: str, text: bytes) -> None:
        exchange, self._exchange = self._exchange, None
        assert exchange is not None  # noqa: S101  (narrowing: only then a response is expected)
        self._engine.expects_response = False
        await self._receive(client, exchange, text)

    def _challenge(self, exchange: Authentication) -> None:
        self._exchange = exchange
        self._engine.expects_response = True
        self._wire.write(b"+ " + exchange.challenge + b"\r\n")

    async def _receive(self, client: str, exchange: Authentication, text: bytes) -> None:
        try:
            account = await exchange.receive(text)
        except (BadSyntax, Cancelled) as error:
            self._replies.refuse_error(error)
        except WrongCredentials:
            self._wrong(client, exchange.name)
        except TooManyFailures as error:
            self._replies.refuse_error(error, "[SYS/TEMP] ")
        else:
            if account is None:
                self._challenge(exchange)
            else:
                await self._open(account)

    def _channel(self, client: str) -> Channel:
        tls = self._service.tls
        bindings = tls.bindings(self._wire.tls_object) if tls else {}
        return Channel(client, bindings, self._service.settings.channel_binding)

    def _wrong(self, client: str, name: str) -> None:
        log.info("login failed", extra={"client": client, "user": name})
        self._replies.refuse("Wrong name or password", "[AUTH] ")

    async def _open(self, account: Account) -> None:
        service = self._service
        owner = service.app.randomness.octets(12).hex()
        try:
            maildrop = await service.open_maildrop(open_maildrop, account.id, owner)
        except InUse:
            self._replies.refuse("Another session has the maildrop", "[IN-USE] ")
        except MailboxMissing:
            self._replies.refuse("There is no maildrop", "[SYS/PERM] ")
        else:
            self._opened(maildrop)
            count, octets = maildrop.count, maildrop.total
            self._replies.ok("{count} messages ({octets} octets)", count=count, octets=octets)


def _prepared(text: str) -> str:
    """RFC 6856 section 2.2. Raises BadSyntax. What is ASCII was always allowed."""
    return text if text.isascii() else saslprep(text)
