"""From the event loop to the ports, which are synchronous, and back."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, ParamSpec, TypeVar

from gateway.pool import Pool
from postroom.app import App
from postroom.errors import MuchToRead, StoreUnavailable

_BRIEF = 500  # messages or changes that are read while the other sessions wait
_WAITING_FOR_EACH_THREAD = 64  # calls that may queue before we say that the store is too slow

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Landing = Callable[[Future[Any]], None]


class Crossing:
    """One for each event loop. Many finished calls wake the loop once, not once each."""

    def __init__(self, app: App, threads: int = 32) -> None:
        self.reads_are_local = app.platform.reads_are_local
        self._pool = Pool(threads, "crossing")
        self._most_waiting = threads * _WAITING_FOR_EACH_THREAD
        self._loop: asyncio.AbstractEventLoop | None = None
        self._landed: deque[Callable[[], None]] = deque()
        self._woken = False
        self.cores = os.cpu_count() or 1
        self.under_way = 0  # calls in the pool or waiting for it

    async def run(
        self, function: Callable[Given, Answer], *args: Given.args, **kwargs: Given.kwargs
    ) -> Answer:
        """Call a function that only reads: here when reads are local, in the pool otherwise.

        Raises what the function raises, and StoreUnavailable as ``slow`` does.
        """
        if self.reads_are_local:
            return function(*args, **kwargs)
        return await self.slow(function, *args, **kwargs)

    async def brief(self, function: Callable[..., Answer], *args: Any, **kwargs: Any) -> Answer:
        """Call a function that reads, with *most*: here when reads are local and it is no more than
        that, in the pool otherwise. Raises what ``slow`` does."""
        if self.reads_are_local:
            try:
                return function(*args, **kwargs, most=_BRIEF)
            except MuchToRead:
                pass
        return await self.slow(function, *args, **kwargs)

    async def slow(
        self, function: Callable[Given, Answer], *args: Given.args, **kwargs: Given.kwargs
    ) -> Answer:
        """Call a function in the pool: one that writes, waits, or keeps a core busy.

        Raises StoreUnavailable at once when too many calls wait already.
        """
        if self.under_way >= self._most_waiting:
            raise StoreUnavailable(f"{self.under_way} calls wait for the store already")
        waiter: asyncio.Future[Answer] = self._running().create_future()

        def call() -> None:
            try:
                if self._pool.closed:
                    raise StoreUnavailable("the gateway is stopping")
                answer = function(*args, **kwargs)
            except BaseException as error:
                self._land_soon(partial(self._end, partial(_fail, waiter, error)))
            else:
                self._land_soon(partial(self._end, partial(_answer, waiter, answer)))

        self._pool.begin(call, self.under_way)
        self.under_way += 1
        return await waiter

    def _end(self, settle: Callable[[], None]) -> None:
        # When the call has ended, which may be after its caller was cancelled.
        self.under_way -= 1
        settle()

    def durable(self, future: "Future[Answer]") -> "asyncio.Future[Answer]":
        """Return what awaits a port's future (``put_soon``, ``write_soon``…) on this loop.

        Cancelling the wait does not cancel the write.
        """
        waiter: asyncio.Future[Answer] = self._running().create_future()
        self.then(future, lambda landed: _settle(waiter, landed))
        return waiter

    def then(self, future: "Future[Any]", landing: Landing) -> None:
        """Call *landing* with the future on this loop, soon after it is done. It must not raise."""
        soon = self.way_back()
        future.add_done_callback(lambda future: soon(partial(landing, future)))

    def way_back(self) -> Callable[[Callable[[], None]], None]:
        """Return what a thread gives functions to that this loop shall call soon."""
        self._running()
        return self._land_soon

    def _land_soon(self, landing: Callable[[], None]) -> None:
        self._landed.append(landing)
        # Two threads may both see False and wake the loop twice; that is harmless. A wake-up
        # is never missed: the loop sets the flag back before it empties the queue.
        if not self._woken:
            self._woken = True
            try:
                self._running().call_soon_threadsafe(self._land)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._landed.clear()

    def close(self) -> None:
        """Let calls under way finish; refuse new ones."""
        self._pool.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _land(self) -> None:
        self._woken = False
        landed = self._landed
        try:
            for _ in range(len(landed)):
                landed.popleft()()
        finally:  # if one raises, which the loop tells, the others do not wait for the next
            if landed and not self._woken:  # or arrived meanwhile: let the loop look at sockets
                self._woken = True
                self._running().call_soon(self._land)


def _settle(waiter: "asyncio.Future[Any]", future: "Future[Any]") -> None:
    if future.cancelled():
        _fail(waiter, StoreUnavailable("the store gave the call up"))
        return
    error = future.exception()
    if error is not None:
        _fail(waiter, error)
    else:
        _answer(waiter, future.result())


def _answer(waiter: "asyncio.Future[Answer]", answer: Answer) -> None:
    if not waiter.done():  # otherwise its task was cancelled
        waiter.set_result(answer)


def _fail(waiter: "asyncio.Future[Any]", error: BaseException) -> None:
    if not waiter.done():
        waiter.set_exception(error)
