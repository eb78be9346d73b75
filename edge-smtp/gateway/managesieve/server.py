"""ManageSieve on a socket. `make_managesieve` gives the protocol factory that the listeners use."""

import asyncio
import logging

from gateway import connection
from gateway.clients import peer_address
from gateway.crossing import Crossing
from gateway.login import Login
from gateway.managesieve import replies
from gateway.managesieve.engine import Engine
from gateway.managesieve.service import Service
from gateway.managesieve.session import Session
from gateway.settings import GatewaySettings
from gateway.tls import Tls
from postroom.app import App

_READ_AHEAD = 64 * 1024  # octets of pipelined commands


class ManageSieveServer:
    """Call it for the protocol of a new connection, while the loop runs.

    There is one port: TLS is begun by STARTTLS (RFC 5804 section 1.8).
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def __call__(self) -> asyncio.Protocol:
        return Connection(self._service)

    async def drain(self, seconds: float) -> None:
        """Let commands under way finish, say BYE to everybody, and wait for it at most so long."""
        await self._service.drain(seconds)


def make_managesieve(
    app: App, settings: GatewaySettings, crossing: Crossing, login: Login, tls: Tls | None
) -> ManageSieveServer:
    return ManageSieveServer(Service(app, settings, crossing, login, tls))


class Connection(connection.Connection):
    __slots__ = ("_engine", "_goodbye", "_service", "_session")

    log = logging.getLogger("postroom.managesieve")
    high_water = 256 * 1024
    low_water = 64 * 1024

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service
        self._engine = Engine()
        self._session: Session | None = None
        self._goodbye = ""  # why we leave, as soon as the command under way is done

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._begin(transport, self._service.settings.login_timeout)
        self._session = Session(self._service, self, self._engine, peer_address(transport))
        self._service.enter(self)
        if self._service.draining:
            self.leave("Shutting down")
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
        self._session = None
        self._service.left(self)

    # What the service calls.

    def leave(self, text: str) -> None:
        if self._task is not None:
            self._goodbye = text
            return
        self.write(replies.bye(text, "TRYLATER"))
        self.close()

    # What the session calls.

    async def start_tls(self) -> None:
        tls = self._service.tls
        if tls is None:
            raise ConnectionResetError("no certificate")
        await self._switch_to_tls(tls, self._service.settings.handshake_timeout)

    # Work.

    async def _serve(self) -> None:
        session = self._session
        assert session is not None  # noqa: S101  (narrowing: data came over its connection)
        for event in self._engine.events():
            await session.handle(event)
            if self._goodbye and not session.over:
                self.write(replies.bye(self._goodbye, "TRYLATER"))
            if session.over or self._goodbye:
                self._closing = True
                return
            await self.made_room()
        self._still_there()

    def _apologise(self) -> None:
        self.write(replies.bye("Internal error", "TRYLATER"))

    def _still_there(self) -> None:
        """From the login on, each sign of life counts; before it, none does."""
        if self._session is not None and self._session.account is not None:
            self._deadline = self._loop.time() + self._service.settings.sieve_timeout

    def _client(self) -> str:
        return self._session.client if self._session is not None else ""

    def _expire(self) -> None:
        if self._room is not None or self._task is not None:
            self.abort()  # it does not read: it would not hear our goodbye
        else:
            self.leave("Idle for too long")
