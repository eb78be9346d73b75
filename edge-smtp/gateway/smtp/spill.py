"""The part of a large message that is in the store already, before the rest has come."""

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

from gateway.crossing import Crossing
from postroom.errors import PostroomError
from postroom.platform.blobs import BlobKey, BlobStore, Draft

log = logging.getLogger("postroom.smtp")

_in_background: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly


def in_background(work: Coroutine[Any, Any, None]) -> None:
    """Let it end on its own: no reply waits for it."""
    task = asyncio.get_running_loop().create_task(work)
    _in_background.add(task)
    task.add_done_callback(_in_background.discard)


class Spill:
    """A draft that is written from the event loop, one call after the other.

    A call that takes more than *patience* seconds raises TimeoutError, but goes on in its thread;
    so ``abandon`` waits for it before it touches the draft.
    """

    def __init__(self, crossing: Crossing, blobs: BlobStore, key: BlobKey, patience: float) -> None:
        self._crossing = crossing
        self._blobs = blobs
        self._key = key
        self._patience = patience
        self._draft: Draft | None = None
        self._call: asyncio.Future[None] | None = None

    async def write(self, octets: bytes) -> None:
        """Raises StoreUnavailable, TimeoutError; then only ``abandon`` may follow."""
        self._call = asyncio.ensure_future(self._write(octets))
        async with asyncio.timeout(self._patience):
            await asyncio.shield(self._call)

    async def _write(self, octets: bytes) -> None:
        if self._draft is None:
            self._draft = await self._crossing.slow(self._blobs.draft, self._key)
        await self._crossing.slow(self._draft.write, octets)

    def commit_soon(self) -> "Future[None]":
        """After the last ``write`` has returned."""
        assert self._draft is not None  # noqa: S101  (narrowing: a spill begins with a write)
        return self._draft.commit_soon()

    def abandon(self) -> None:
        """Forget it, soon."""
        in_background(self._abandon())

    async def _abandon(self) -> None:
        if self._call is not None:
            await asyncio.gather(self._call, return_exceptions=True)
        if self._draft is not None:
            try:
                await self._crossing.slow(self._draft.abandon)
            except PostroomError as error:
                log.warning("draft left behind", extra={"reason": str(error)})
