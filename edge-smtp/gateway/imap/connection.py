"""One client's connection: octets to the session, replies back, clocks and back-pressure."""

import asyncio
import logging
from typing import cast

from gateway.clients import peer_address
from gateway.imap.literals import CommandReader
from gateway.imap.service import Service
from gateway.imap.session import Session
from gateway.tls import Tls, start_tls

log = logging.getLogger("postroom.imap")

_BATCH = 64 * 1024  # octets of replies that go out as one write
_HIGH_WATER = 256 * 1024  # octets that wait in the transport before we stop making more
_LOW_WATER = 64 * 1024


class Connection(asyncio.Protocol):
    """At most one task works for a client, and only while there is something to do: an idle
    session is a few small objects and a timer."""

    __slots__ = (
        "_closing",
        "_deadline",
        "_goodbye",
        "_loop",
        "_news",
        "_out",
        "_out_size",
        "_reader",
        "_reading_paused",
        "_room",
        "_service",
        "_task",
        "_timer",
        "_tls",
        "_transport",
        "session",
    )

    def __init__(self, service: Service, tls: bool) -> None:
        self._service = service
        self._tls = tls
        self._reader = CommandReader()
        self._out: list[bytes] = []
        self._out_size = 0
        self._room: asyncio.Future[None] | None = None  # there while the client reads too slowly
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reading_paused = False
        self._news = False
        self._closing = False
        self._goodbye = ""  # why we leave, as soon as the command under way is done
        self.session: Session | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._use(cast(asyncio.Transport, transport))
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + self._service.limits.login_seconds
        self._timer = self._loop.call_at(self._deadline, self._time_is_up)
        client_ip = peer_address(transport)
        self.session = Session(self._service, self, self._reader, client_ip, self._tls)
        refusal = self._service.enter(self)
        if refusal:
            self.leave(refusal)
            return
        self.session.greet()
        self._hand_over()

    def _use(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER, low=_LOW_WATER)

    def data_received(self, data: bytes) -> None:
        session = self.session
        if session is None or self._closing:
            return
        self._reader.receive(data)
        if self._reader.buffered > self._service.limits.read_ahead and self._transport:
            self._reading_paused = True
            self._transport.pause_reading()
        self._work()

    def eof_received(self) -> bool:
        """The client sends no more: finish what it asked for, then close. (TLS closes at once.)"""
        if self._task is None or self.session is None or self.session.tls:
            self.close()
            return False
        self._closing = True
        return True

    def pause_writing(self) -> None:
        if self._room is None:
            self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)
        if self.session is not None and self.session.logged_in:  # it reads, so it is alive
            self._deadline = self._loop.time() + self._service.limits.idle_seconds

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
        self.resume_writing()
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

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # What the session calls.

    def write(self, octets: bytes) -> None:
        self._out.append(octets)
        self._out_size += len(octets)

    async def flush(self) -> None:
        """Hand over what was written; wait while the client is slow, and let others run."""
        self._hand_over()
        if self._room is not None:
            await self._room
        else:
            await asyncio.sleep(0)

    async def made_room(self) -> None:
        """Call between the replies of a long answer: hands over when a batch is full."""
        if self._out_size >= _BATCH:
            await self.flush()

    async def breathe(self) -> None:
        await asyncio.sleep(0)

    def wake(self) -> None:
        """There may be news for an idling client."""
        self._news = True
        self._work()

    async def start_tls(self, tls: Tls) -> None:
        """Raises OSError when the handshake fails."""
        self._hand_over()
        assert self._transport is not None  # noqa: S101  (narrowing: we are in a command)
        timeout = self._service.limits.handshake_seconds
        self._use(await start_tls(self._transport, self, tls, timeout))

    def close(self) -> None:
        """Send what was written, then close."""
        self._closing = True
        self._hand_over()
        if self._transport is not None:
            self._transport.close()

    # Work.

    def _hand_over(self) -> None:
        if not self._out:
            return
        octets = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._out_size = 0
        if self._transport is not None:
            self._transport.write(octets)

    def _work(self) -> None:
        if self._task is None and not self._closing:
            self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
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
                        self.close()
                        return
                    await self.made_room()
                if not self._news:
                    break
                self._news = False
                await session.tell_idling()
                if session.over:
                    self.close()
                    return
        except asyncio.CancelledError:
            if self._transport is not None:
                raise
        except OSError as error:  # of start_tls: there is no connection left to answer on
            log.info("tls failed", extra={"reason": str(error), "client": session.client_ip})
            self.close()
        # The catch-all of the connection: one client's bad luck is not the others'.
        except Exception:
            log.exception("session failed", extra={"client": session.client_ip})
            session.refuse("Internal error, see the server's log")
            self.close()
        finally:
            self._task = None
            if heard and session.logged_in:  # a stranger's time goes on, whatever he says
                self._deadline = self._loop.time() + self._service.limits.idle_seconds
            self._hand_over()
            if self._closing:
                self.close()
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()

    def _time_is_up(self) -> None:
        """The timer is not moved with each command; it looks how late it really is."""
        left = self._deadline - self._loop.time()
        busy = self._task is not None and self._room is None
        if left > 0 or (busy and self.session is not None and self.session.logged_in):
            self._timer = self._loop.call_later(max(left, 1), self._time_is_up)
            return
        log.info("timed out", extra={"client": self.session.client_ip if self.session else ""})
        if self._room is not None and self._transport is not None:
            self._transport.abort()  # it does not read: it would not hear our goodbye
        else:
            self.leave("Autologout, idle for too long")
