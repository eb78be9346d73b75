"""One client's IMAP connection: octets to the session, news, and when to say BYE."""

import asyncio
import logging

from gateway import connection
from gateway.clients import peer_address
from gateway.imap.compression import BrokenStream, Compression
from gateway.imap.literals import CommandReader
from gateway.imap.service import Service
from gateway.imap.session import Session
from gateway.tls import Tls

_INFLATED_AT_ONCE = 64 * 1024  # octets


class Connection(connection.Connection):
    __slots__ = (
        "_compression",
        "_ending",
        "_goodbye",
        "_news",
        "_reader",
        "_service",
        "_tls",
        "session",
    )

    log = logging.getLogger("postroom.imap")
    high_water = 256 * 1024
    low_water = 64 * 1024

    def __init__(self, service: Service, tls: bool) -> None:
        super().__init__()
        self._service = service
        self._tls = tls
        self._reader = CommandReader()
        self._compression: Compression | None = None
        self._ending: Compression | None = None  # only of what the client says
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
        if self._ending is not None:
            self._end_compression(self._ending, data)
        elif self._compression is not None:
            self._compression.receive(data)
        else:
            self._reader.receive(data)
        waiting = 0 if self._compression is None else self._compression.waiting
        if self._reader.buffered + waiting > self._service.limits.read_ahead:
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

    def still_at_it(self, now: float) -> None:
        if self.session is None or self._task is None or self._room is not None:
            return
        line = self.session.progress.due(now, self._service.limits.progress_seconds)
        if line:
            self.write(line)
            self._hand_over()

    # What the session calls.

    async def breathe(self) -> None:
        await asyncio.sleep(0)

    def wake(self) -> None:
        """There may be news for a client that gets them between commands."""
        self._news = True
        self._work()

    async def start_tls(self, tls: Tls) -> None:
        """Raises OSError when the handshake fails."""
        await self._switch_to_tls(tls, self._service.limits.handshake_seconds)

    @property
    def now(self) -> float:
        return self._loop.time()

    @property
    def compresses(self) -> bool:
        return self._compression is not None

    def compress(self) -> None:
        """From here on, in both directions (RFC 4978 section 3)."""
        self._hand_over()
        self._reader.discard()  # the client has to wait for our OK: this is not compressed
        self._compression = Compression()

    def begin_anew(self) -> None:
        """After UNAUTHENTICATE: no compression, and a stranger's time to log in."""
        compression, self._compression = self._compression, None
        if compression is not None:
            self._out = [compression.end(b"".join(self._out))]
            self._end_compression(compression, b"")
        self._hand_over()
        self._deadline = self._loop.time() + self._service.limits.login_seconds

    def _end_compression(self, compression: Compression, data: bytes) -> None:
        """The client has nothing more to say compressed but the end of its stream."""
        compression.receive(data)
        rest = compression.rest()
        self._ending = compression if rest is None else None
        self._reader.receive(rest or b"")

    # Work.

    def _hand_over(self) -> None:
        if self._compression is not None and self._out:
            self._out = [self._compression.deflate(b"".join(self._out))]
        super()._hand_over()

    def _inflate(self, session: Session) -> None:
        if self._compression is not None and self._compression.waiting:
            try:
                self._reader.receive(self._compression.inflate(_INFLATED_AT_ONCE))
            except BrokenStream as error:
                session.refuse(f"The compressed data is broken, {error}")

    async def _serve(self) -> None:
        session = self.session
        assert session is not None  # noqa: S101  (narrowing)
        heard = False  # news that we tell are no sign of life
        try:
            while not session.over:
                self._inflate(session)
                for event in self._reader.events():
                    heard = True
                    await session.handle(event)
                    if self._goodbye and not session.over:
                        session.refuse(self._goodbye)
                    if session.over:
                        return
                    await self.made_room()
                if self._compression is not None and self._compression.waiting:
                    await self.breathe()
                    continue
                if not self._news:
                    return
                self._news = False
                await session.tell_between()
        finally:
            self._closing |= session.over
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
