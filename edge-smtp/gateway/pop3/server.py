"""POP3 on a socket. `make_pop3` gives the protocol factory that the listeners use."""

import asyncio
import logging

from gateway import connection
from gateway.clients import peer_address
from gateway.crossing import Crossing
from gateway.login import Login
from gateway.pop3.engine import Engine
from gateway.pop3.maildrop import Maildrop
from gateway.pop3.service import Service
from gateway.pop3.session import Session
from gateway.settings import GatewaySettings
from gateway.tls import Tls
from postroom.app import App

_READ_AHEAD = 64 * 1024  # octets of pipelined commands


class Pop3Server:
    """Call it for the protocol of a new connection. One for each port; ``for_tls`` makes the
    second one, which shares everything that a process should have once."""

    def __init__(self, service: Service, *, implicit: bool) -> None:
        self._service = service
        self._implicit = implicit

    def __call__(self) -> asyncio.Protocol:
        return Connection(self._service, secured=self._implicit)

    def for_tls(self, *, implicit: bool) -> "Pop3Server":
        return Pop3Server(self._service, implicit=implicit)

    async def drain(self, seconds: float) -> None:
        """Let commands under way finish and close; of all ports that share the service."""
        await self._service.drain(seconds)


def make_pop3(
    app: App,
    settings: GatewaySettings,
    crossing: Crossing,
    login: Login,
    tls: Tls | None,
    implicit: bool,
) -> Pop3Server:
    """Wire a server for one port. *implicit*: the listener has done the TLS handshake already."""
    return Pop3Server(Service(app, settings, crossing, login, tls), implicit=implicit)


class Connection(connection.Connection):
    __slots__ = ("_engine", "_secured", "_service", "_session")

    log = logging.getLogger("postroom.pop3")
    high_water = 512 * 1024
    low_water = 128 * 1024

    def __init__(self, service: Service, *, secured: bool) -> None:
        super().__init__()
        self._service = service
        self._secured = secured
        self._engine = Engine()
        self._session: Session | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._begin(transport, self._service.settings.login_timeout)
        self._session = Session(
            self._service, self, self._engine, peer_address(transport), self._secured
        )
        self._service.enter(self)
        if self._service.draining:
            self.write(b"-ERR [SYS/TEMP] Shutting down\r\n")
            self.close()
            return
        self._session.greet()
        self._hand_over()

    def data_received(self, data: bytes) -> None:
        if self._closing or self._transport is None:
            return
        self._still_there()
        self._engine.receive(data)
        if self._engine.buffered > _READ_AHEAD:
            self._pause_reading()
        self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        session, self._session = self._session, None
        if session is not None and session.maildrop is not None:
            self._service.release(session.maildrop)
        self._service.left(self)

    # What the service calls.

    @property
    def maildrop(self) -> Maildrop | None:
        return self._session.maildrop if self._session is not None else None

    def leave(self) -> None:
        self._closing = True
        if self._task is None:
            self.close()

    # What the session calls.

    async def start_tls(self) -> None:
        tls = self._service.tls
        if tls is None:
            raise ConnectionResetError("no certificate")
        await self._switch_to_tls(tls, self._service.settings.handshake_timeout)

    # Work. RFC 1939 section 3: the autologout says nothing and deletes nothing.

    async def _serve(self) -> None:
        session = self._session
        assert session is not None  # noqa: S101  (narrowing: data came over its connection)
        # A client that has half closed still gets its answers; one that is told to leave does
        # not get to its next command.
        for event in self._engine.events():
            await session.handle(event)
            if session.over or self._service.draining:
                self._closing = True
                return
            await self.made_room()
        self._still_there()

    def _apologise(self) -> None:
        self.write(b"-ERR [SYS/TEMP] Internal error\r\n")

    def _still_there(self) -> None:
        """From the login on, each sign of life counts; before it, none does."""
        if self.maildrop is not None:
            self._deadline = self._loop.time() + self._service.settings.pop3_timeout

    def _client(self) -> str:
        return self._session.client if self._session is not None else ""
