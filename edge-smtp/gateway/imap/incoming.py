"""One message on its way into the store: it is kept as it came, octet by octet."""

from threading import Lock
from typing import TYPE_CHECKING

from postroom.errors import PostroomError
from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.message.summary import Summary, summarise
from postroom.platform.blobs import BlobKey, Draft

if TYPE_CHECKING:
    from gateway.imap.service import Service

_SUMMARISED_HERE = 64 * 1024  # octets: a larger message would hold up the other sessions


class Incoming:
    """In memory while it is small; what goes beyond is written as it comes."""

    __slots__ = (
        "_abandoned",
        "_draft",
        "_failure",
        "_pieces",
        "_service",
        "_waiting",
        "_writing",
        "key",
        "size",
    )

    def __init__(self, service: "Service") -> None:
        app = service.app
        self.key = BlobKey(
            new_queue_id(app.clock.seconds(), app.randomness.octets(RANDOM_OCTETS), "")
        )
        self.size = 0  # octets received
        self._service = service
        self._pieces: list[bytes] = []
        self._waiting = 0  # octets of the pieces
        self._draft: Draft | None = None
        self._writing = Lock()
        self._abandoned = False
        self._failure: PostroomError | None = None

    async def receive(self, octets: bytes) -> None:
        """Take some more. What goes wrong is told by ``keep``: the rest has to be passed over."""
        self.size += len(octets)
        if self._failure is not None:
            return
        self._pieces.append(octets)
        self._waiting += len(octets)
        if self._waiting >= self._service.limits.in_memory:
            try:
                await self._write_out()
            except PostroomError as error:
                self._failure = error

    @property
    def is_small(self) -> bool:
        """In memory, and soon summarised: ``octets`` may be asked for, instead of ``keep``."""
        return self._draft is None and self._failure is None and self.size <= _SUMMARISED_HERE

    def octets(self) -> bytes:
        octets = b"".join(self._pieces)
        self._pieces.clear()
        return octets

    async def keep(self) -> Summary:
        """Make it durable under ``key``; return the summary of its octets."""
        if self._failure is not None:
            raise self._failure
        crossing, blobs = self._service.crossing, self._service.app.blobs
        if self._draft is not None:
            await self._write_out()
            await crossing.durable(self._draft.commit_soon())
            return await crossing.slow(lambda: summarise(blobs.get(self.key)))
        octets = self.octets()
        stored = crossing.durable(blobs.put_soon(self.key, octets))
        if len(octets) <= _SUMMARISED_HERE:
            summary = summarise(octets)
        else:
            summary = await crossing.slow(summarise, octets)
        await stored
        return summary

    def abandon(self) -> None:
        """Forget it. Also when its connection is gone while a piece is written."""
        self._pieces.clear()
        if self.size > self._waiting or self._draft is not None:
            self._service.later(self._abandon)

    async def _write_out(self) -> None:
        self._waiting = 0
        await self._service.crossing.slow(self._write, self.octets())

    def _write(self, octets: bytes) -> None:
        with self._writing:
            if self._abandoned:
                return
            if self._draft is None:
                self._draft = self._service.app.blobs.draft(self.key)
            self._draft.write(octets)

    def _abandon(self) -> None:
        with self._writing:
            self._abandoned = True
            if self._draft is not None:
                self._draft.abandon()
