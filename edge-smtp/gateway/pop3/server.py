"""POP3 on a socket. `make_pop3` gives the protocol factory that the listeners use."""

import asyncio
import logging
from typing import cast

from gateway.clients import peer_address
from gateway.crossing import Crossing
from gateway.pop3.engine import Engine
from gateway.pop3.maildrop import Maildrop
from gateway.pop3.service import Logins, Service
from gateway.pop3.session import Session
from gateway.settings import GatewaySettings
from gateway.tls import Tls, start_tls
from postroom.app import App

log = logging.getLogger("postroom.pop3")

_BATCH = 64 * 1024  # octets of replies that go out as one write
_HIGH_WATER = 512 * 1024  # octets that wait in the transport before we stop making more
_LOW_WATER = 128 * 1024
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
    login: Logins,
    tls: Tls | None,
    implicit: bool,
) -> Pop3Server:
    """Wire a server for one port. *implicit*: the listener has done the TLS handshake already."""
    return Pop3Server(Service(app, settings, crossing, login, tls), implicit=implicit)


class Connection(asyncio.Protocol):
    """At most one task works for a client, and only while there is something to do."""

    __slots__ = (
        "_closing",
        "_deadline",
        "_engine",
        "_loop",
        "_out",
        "_out_size",
        "_reading_paused",
        "_room",
        "_secured",
        "_service",
        "_session",
        "_task",
        "_timer",
        "_transport",
    )

    def __init__(self, service: Service, *, secured: bool) -> None:
        self._service = service
        self._secured = secured
        self._engine = Engine()
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._room: asyncio.Future[None] | None = None  # there while the client reads too slowly
        self._out: list[bytes] = []
        self._out_size = 0
        self._reading_paused = False
        self._closing = False  # after the command under way

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._loop = asyncio.get_running_loop()
        self._use(cast(asyncio.Transport, transport))
        self._session = Session(
            self._service, self, self._engine, peer_address(transport), self._secured
        )
        self._service.enter(self)
        self._deadline = self._loop.time() + self._service.settings.login_timeout
        self._timer = self._loop.call_at(self._deadline, self._time_is_up)
        if self._service.draining:
            self.write(b"-ERR [SYS/TEMP] Shutting down\r\n")
            self._close()
            return
        self._session.greet()
        self._hand_over()

    def _use(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER, low=_LOW_WATER)

    def data_received(self, data: bytes) -> None:
        if self._closing or self._transport is None:
            return
        self._still_there()
        self._engine.receive(data)
        if self._task is None:
            self._task = self._loop.create_task(self._run())
        elif self._engine.buffered > _READ_AHEAD and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more: answer what it asked, then close."""
        self._closing = True
        if self._task is None:
            self._close()
            return False
        # Over TLS a half-closed connection cannot be kept, whatever we return.
        return self._session is not None and not self._session.secured

    def pause_writing(self) -> None:
        if self._room is None:
            self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        self._still_there()  # it reads: a long message may take its time
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._transport = None
        self.resume_writing()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        session, self._session = self._session, None
        if session is not None and session.maildrop is not None:
            self._service.release(session.maildrop)
        self._service.left(self)

    # What the session calls.

    def write(self, octets: bytes) -> None:
        self._out.append(octets)
        self._out_size += len(octets)

    async def room(self) -> None:
        self._hand_over()
        if self._room is not None:
            await self._room
        else:
            await asyncio.sleep(0)  # a long message must not keep other clients waiting

    async def start_tls(self) -> None:
        self._hand_over()
        tls, transport = self._service.tls, self._transport
        if tls is None or transport is None:
            raise ConnectionResetError("the client left")
        patience = self._service.settings.handshake_timeout
        self._use(await start_tls(transport, self, tls, patience))

    # What the service calls.

    @property
    def maildrop(self) -> Maildrop | None:
        return self._session.maildrop if self._session is not None else None

    def leave(self) -> None:
        self._closing = True
        if self._task is None:
            self._close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # Work.

    async def _run(self) -> None:
        session = self._session
        assert session is not None  # noqa: S101  (narrowing: data came over its connection)
        try:
            # A client that has half closed still gets its answers; one that is told to leave
            # does not get to its next command.
            for event in self._engine.events():
                await session.handle(event)
                if session.over or self._service.draining:
                    self._closing = True
                    break
                if self._out_size >= _BATCH:
                    await self.room()
        except asyncio.CancelledError:
            if self._transport is not None:
                raise
        except (OSError, TimeoutError) as error:  # of start_tls: nobody is there to answer to
            log.info("tls failed", extra={"reason": str(error), "client": session.client})
            self._closing = True
        # The catch-all of the connection: one client's bad luck is not the others'.
        except Exception:
            log.exception("session failed", extra={"client": session.client})
            self.write(b"-ERR [SYS/TEMP] Internal error\r\n")
            self._closing = True
        finally:
            self._task = None
        if self._closing:
            self._close()
            return
        self._still_there()
        self._hand_over()
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()

    def _still_there(self) -> None:
        """From the login on, each sign of life counts; before it, none does."""
        if self.maildrop is not None:
            self._deadline = self._loop.time() + self._service.settings.pop3_timeout

    def _hand_over(self) -> None:
        if not self._out:
            return
        octets = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._out_size = 0
        if self._transport is not None:
            self._transport.write(octets)

    def _close(self) -> None:
        self._closing = True
        self._hand_over()
        if self._transport is not None:
            self._transport.close()

    def _time_is_up(self) -> None:
        """The timer is not moved with each command; it looks how late it really is.

        RFC 1939 section 3: the autologout says nothing and deletes nothing.
        """
        left = self._deadline - self._loop.time()
        if left <= 0 and self._task is not None and self._room is None:
            left = 1.0  # at work for this client
        if left > 0:
            self._timer = self._loop.call_later(left, self._time_is_up)
            return
        log.info("timed out", extra={"client": self._session.client if self._session else ""})
        self.abort()
