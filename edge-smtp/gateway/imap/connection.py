"""One client's IMAP connection: octets to the session, news, and when to say BYE."""

import asyncio
import logging

from gateway import connection
from gateway.clients import peer_address
from gateway.imap.literals import CommandReader
from gateway.imap.service import Service
from gateway.imap.session import Session
from gateway.tls import Tls


class Connection(connection.Connection):
    __slots__ = ("_goodbye", "_news", "_reader", "_service", "_tls", "session")

    log = logging.getLogger("postroom.imap")
    high_water = 256 * 1024
    low_water = 64 * 1024

    def __init__(self, service: Service, tls: bool) -> None:
        super().__init__()
        self._service = service
        self._tls = tls
        self._reader = CommandReader()
        self._news = False
        self._goodbye = ""  # why we leave, as soon as the command under way is done
        self.session: Session | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._begin(transport, self._service.limits.login_seconds)
        client_ip = peer_address(transport)
        self.session = Session(self._service, self, self._reader, client_ip, self._tls)
        refusal = self._service.enter(self)
        if refusal:
            self.leave(refusal)
            return
        self.session.greet()
        self._hand_over()

    def data_received(self, data: bytes) -> None:
        if self.session is None or self._closing:
            return
        self._reader.receive(data)
        if self._reader.buffered > self._service.limits.read_ahead:
            self._pause_reading()
        self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.session is not None:
            self.session.closed()
            self.session = None
        self._service.left(self)

    # What the service calls.

    def leave(self, text: str) -> None:
        if self.session is not None and self._task is None:
            self.session.refuse(text)
            self.close()
        else:
            self._goodbye = text

    # What the session calls.

    async def breathe(self) -> None:
        await asyncio.sleep(0)

    def wake(self) -> None:
        """There may be news for an idling client."""
        self._news = True
        self._work()

    async def start_tls(self, tls: Tls) -> None:
        """Raises OSError when the handshake fails."""
        await self._switch_to_tls(tls, self._service.limits.handshake_seconds)

    # Work.

    async def _serve(self) -> None:
        session = self.session
        assert session is not None  # noqa: S101  (narrowing)
        heard = False  # news that we tell are no sign of life
        try:
            while True:
                for event in self._reader.events():
                    heard = True
                    await session.handle(event)
                    if self._goodbye and not session.over:
                        session.refuse(self._goodbye)
                    if session.over:
                        self._closing = True
                        return
                    await self.made_room()
                if not self._news:
                    return
                self._news = False
                await session.tell_idling()
                if session.over:
                    self._closing = True
                    return
        finally:
            if heard:
                self._still_there()

    def _apologise(self) -> None:
        if self.session is not None:
            self.session.refuse("Internal error, see the server's log")

    def _still_there(self) -> None:
        """A stranger's time goes on, whatever he says."""
        if self.session is not None and self.session.logged_in:
            self._deadline = self._loop.time() + self._service.limits.idle_seconds

    def _client(self) -> str:
        return self.session.client_ip if self.session is not None else ""

    def _at_work(self) -> bool:
        return super()._at_work() and self.session is not None and self.session.logged_in

    def _expire(self) -> None:
        if self._room is not None:
            self.abort()  # it does not read: it would not hear our goodbye
        else:
            self.leave("Autologout, idle for too long")
