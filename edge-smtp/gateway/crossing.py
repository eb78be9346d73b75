"""From the event loop to the ports, which are synchronous, and back."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from postroom.app import App
from postroom.errors import StoreUnavailable

_WAITING_FOR_EACH_THREAD = 64  # calls that may queue before we say that the store is too slow

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Landing = Callable[[Future[Any]], None]


class Crossing:
    """One for each event loop. Many finished calls wake the loop once, not once each."""

    def __init__(self, app: App, threads: int = 32) -> None:
        self.reads_are_local = app.platform.reads_are_local
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="crossing")
        self._most_waiting = threads * _WAITING_FOR_EACH_THREAD
        self._loop: asyncio.AbstractEventLoop | None = None
        self._landed: deque[tuple[Landing, Future[Any]]] = deque()
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

    async def slow(
        self, function: Callable[Given, Answer], *args: Given.args, **kwargs: Given.kwargs
    ) -> Answer:
        """Call a function in the pool: one that writes, waits, or keeps a core busy.

        Raises StoreUnavailable at once when too many calls wait already.
        """
        if self.under_way >= self._most_waiting:
            raise StoreUnavailable(f"{self.under_way} calls wait for the store already")
        self.under_way += 1
        try:
            future = self._pool.submit(function, *args, **kwargs)
        except RuntimeError as error:  # the pool is shut down
            self.under_way -= 1
            raise StoreUnavailable("the gateway is stopping") from error
        waiter: asyncio.Future[Answer] = self._running().create_future()

        def landed(future: "Future[Answer]") -> None:
            # When the call has ended, which may be after its caller was cancelled.
            self.under_way -= 1
            _settle(waiter, future)

        self.then(future, landed)
        return await waiter

    def durable(self, future: "Future[Answer]") -> "asyncio.Future[Answer]":
        """Return what awaits a port's future (``put_soon``, ``write_soon``…) on this loop.

        Cancelling the wait does not cancel the write.
        """
        waiter: asyncio.Future[Answer] = self._running().create_future()
        self.then(future, lambda landed: _settle(waiter, landed))
        return waiter

    def then(self, future: "Future[Any]", landing: Landing) -> None:
        """Call *landing* with the future on this loop, soon after it is done. It must not raise."""
        loop = self._running()
        landed = self._landed

        def done(future: "Future[Any]") -> None:
            landed.append((landing, future))
            # Two threads may both see False and wake the loop twice; that is harmless. A wake-up
            # is never missed: the loop sets the flag back before it empties the queue.
            if not self._woken:
                self._woken = True
                try:
                    loop.call_soon_threadsafe(self._land)
                except RuntimeError:  # the loop is closed: nobody waits any more
                    landed.clear()

        future.add_done_callback(done)

    def close(self) -> None:
        """Let calls under way finish; refuse new ones."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _land(self) -> None:
        self._woken = False
        landed = self._landed
        for _ in range(len(landed)):
            landing, future = landed.popleft()
            landing(future)
        if landed and not self._woken:  # arrived meanwhile: let the loop look at sockets first
            self._woken = True
            self._running().call_soon(self._land)


def _settle(waiter: "asyncio.Future[Any]", future: "Future[Any]") -> None:
    if waiter.done():  # its task was cancelled
        return
    if future.cancelled():
        waiter.set_exception(StoreUnavailable("the store gave the call up"))
        return
    error = future.exception()
    if error is not None:
        waiter.set_exception(error)
    else:
        waiter.set_result(future.result())
