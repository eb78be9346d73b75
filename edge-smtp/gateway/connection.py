"""One client's connection, as IMAP and POP3 have it: batches, back-pressure, clock, STARTTLS.

A protocol says how octets become events and what is done with each; see `Connection`.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import ClassVar, cast

from gateway.tls import Tls, start_tls

_BATCH = 64 * 1024  # octets of replies that go out as one write


class Connection(ABC, asyncio.Protocol):
    """At most one task works for a client, and only while there is something to do: an idle
    session is a few small objects and a timer.

    A protocol calls ``_begin`` when the connection is made and ``_work`` when there is something
    to do; it fills in the four abstract methods. All octets go out by ``write``.
    """

    __slots__ = (
        "_closing",
        "_deadline",
        "_loop",
        "_out",
        "_out_size",
        "_reading_paused",
        "_room",
        "_task",
        "_timer",
        "_transport",
    )

    log: ClassVar[logging.Logger]
    high_water: ClassVar[int]  # octets that wait in the transport before we stop making more
    low_water: ClassVar[int]

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._room: asyncio.Future[None] | None = None  # there while the client reads too slowly
        self._out: list[bytes] = []
        self._out_size = 0
        self._reading_paused = False
        self._closing = False  # after the command under way

    # What a protocol fills in.

    @abstractmethod
    async def _serve(self) -> None:
        """Do all that there is to do. Set ``_closing`` to leave afterwards."""

    @abstractmethod
    def _apologise(self) -> None:
        """Write that we failed, whatever the reason; the connection closes."""

    @abstractmethod
    def _still_there(self) -> None:
        """The client gave a sign of life: move ``_deadline`` if that counts."""

    @abstractmethod
    def _client(self) -> str:
        """The client's address for the log."""

    def _at_work(self) -> bool:
        """It is we who take the time, not the client."""
        return self._task is not None and self._room is None

    def _expire(self) -> None:
        self.abort()

    @property
    def tls_object(self) -> object:
        """What ssl says of the connection, None in the clear."""
        return None if self._transport is None else self._transport.get_extra_info("ssl_object")

    # What the transport calls.

    def _begin(self, transport: asyncio.BaseTransport, seconds: float) -> None:
        """*seconds*: the time the client has to log in."""
        self._loop = asyncio.get_running_loop()
        self._use(cast(asyncio.Transport, transport))
        self._deadline = self._loop.time() + seconds
        self._timer = self._loop.call_at(self._deadline, self._time_is_up)

    def _use(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(high=self.high_water, low=self.low_water)

    def eof_received(self) -> bool:
        """The client sends no more: finish what it asked for, then close.

        A TLS connection closes at once: it cannot be kept half closed.
        """
        transport = self._transport
        if self._task is None or transport is None or transport.get_extra_info("sslcontext"):
            self.close()
            return False
        self._closing = True
        return True

    def pause_writing(self) -> None:
        if self._room is None:
            self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        self._still_there()  # it reads: a long answer may take its time
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
        self.resume_writing()

    # What sessions and services call.

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

    def close(self) -> None:
        """Send what was written, then close."""
        self._closing = True
        self._hand_over()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # Work.

    async def _switch_to_tls(self, tls: Tls, seconds: float) -> None:
        """Raises OSError when the handshake fails or takes longer."""
        self._hand_over()
        if self._transport is None:
            raise ConnectionResetError("the client left")
        self._use(await start_tls(self._transport, self, tls, seconds))

    def _pause_reading(self) -> None:
        """Until the work that we have is done."""
        if self._transport is not None and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def _work(self) -> None:
        if self._task is None and not self._closing:
            self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._serve()
        except asyncio.CancelledError:
            if self._transport is not None:
                raise
        except OSError as error:  # of STARTTLS: there is no connection left to answer on
            self.log.info("tls failed", extra={"reason": str(error), "client": self._client()})
            self._closing = True
        # The catch-all of the connection: one client's bad luck is not the others'.
        except Exception:
            self.log.exception("session failed", extra={"client": self._client()})
            self._apologise()
            self._closing = True
        finally:
            self._task = None
            if self._closing:
                self.close()
            else:
                self._hand_over()
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()

    def _hand_over(self) -> None:
        if not self._out:
            return
        octets = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._out_size = 0
        if self._transport is not None:
            self._transport.write(octets)

    def _time_is_up(self) -> None:
        """The timer is not moved with each command; it looks how late it really is."""
        left = self._deadline - self._loop.time()
        if left > 0 or self._at_work():
            self._timer = self._loop.call_later(left if left > 0 else 1.0, self._time_is_up)
            return
        self.log.info("timed out", extra={"client": self._client()})
        self._expire()
