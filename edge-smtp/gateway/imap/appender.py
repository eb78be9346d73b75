"""The APPENDs of all sessions of a process: those that come while others are written go together,
so that a few transactions, and two syncs, pay for many."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.crossing import Crossing
from postroom.app import App
from postroom.mailboxes.records import Appended, Delivery
from postroom.platform.blobs import BlobKey

_MOST_TOGETHER = 100  # deliveries
_PATIENCE = 0.002  # seconds that a batch waits for those that came with the last ones
_MOST_BATCHES = 8  # under way in a store far away: one that is slow does not hold up everybody

_Outcome = list[Appended] | Exception


@dataclass(slots=True)
class _Waiting:
    delivery: Delivery
    octets: bytes  # of its first message, b"" when they are stored already
    outcome: "asyncio.Future[list[Appended]]"

    @property
    def blob(self) -> BlobKey:
        return self.delivery.messages[0].blob


class Appender:
    def __init__(self, app: App, crossing: Crossing) -> None:
        self._app = app
        self._crossing = crossing
        # A local store has one writer: who does not wait for a batch waits for its lock.
        self._is_local = crossing.reads_are_local
        self._most_batches = 1 if self._is_local else _MOST_BATCHES
        self._waiting: list[_Waiting] = []
        self._batches: set[asyncio.Task[None] | None] = set()
        self._begins = False  # a batch that has not looked yet what waits
        self._expected = 0  # deliveries that come at about the same time
        self._all_here: asyncio.Future[None] | None = None  # while a batch waits for them

    async def append(self, delivery: Delivery, octets: bytes = b"") -> list[Appended]:
        """As ``Mailboxes.append``. The octets of a message that is not stored yet are stored first.
        Cancelling the wait does not cancel the append."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[list[Appended]] = loop.create_future()
        self._waiting.append(_Waiting(delivery, octets, outcome))
        if self._all_here is not None:
            if len(self._waiting) >= self._expected:
                _set(self._all_here)
        elif not self._begins and len(self._batches) < self._most_batches:
            self._begins = True  # when the sessions that were woken with this one have come, too
            self._batches.add(loop.create_task(self._work()))
        return await outcome

    async def _work(self) -> None:
        self._begins = False
        while self._waiting:
            if self._is_local and len(self._waiting) < self._expected:
                await self._wait_for_others()
            batch = self._waiting[:_MOST_TOGETHER]
            del self._waiting[:_MOST_TOGETHER]
            try:
                outcomes = await self._crossing.slow(self._write, batch)
            except Exception as error:  # each session has to answer for it
                outcomes = [error] * len(batch)
            # Whoever appends one message after the other comes again with those of now.
            self._expected = min(len(batch) + len(self._waiting), _MOST_TOGETHER)
            for each, outcome in zip(batch, outcomes, strict=True):
                if each.outcome.done():  # its session is gone
                    continue
                if isinstance(outcome, Exception):
                    each.outcome.set_exception(outcome)
                else:
                    each.outcome.set_result(outcome)
        # At once, not in a callback of the task: who comes before that would wait for nobody.
        self._batches.discard(asyncio.current_task())

    async def _wait_for_others(self) -> None:
        """Two half batches in turn would cost nearly twice as much as a whole one."""
        loop = asyncio.get_running_loop()
        self._all_here = loop.create_future()
        timer = loop.call_later(_PATIENCE, _set, self._all_here)
        await self._all_here
        timer.cancel()
        self._all_here = None

    def _write(self, batch: Sequence[_Waiting]) -> list[_Outcome]:
        """In the pool."""
        blobs = [(each.blob, each.octets) for each in batch if each.octets]
        errors = self._app.blobs.put_each(blobs) if blobs else []
        failed = {key: error for (key, _), error in zip(blobs, errors, strict=True) if error}
        stored = [each.delivery for each in batch if each.blob not in failed]
        appended = iter(self._app.mailboxes.append_many(stored) if stored else ())
        return [failed.get(each.blob) or next(appended) for each in batch]


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
