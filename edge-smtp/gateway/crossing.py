"""From the event loop to the ports, which are synchronous, and back."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class Crossing:
    """One per event loop; made on the loop's thread while it runs."""

    def __init__(self, *, reads_are_local: bool, threads: int = 32) -> None:
        self._loop = asyncio.get_running_loop()
        self.reads_are_local = reads_are_local
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="crossing")
        self._done: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._woken = False

    async def run(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Call a function that reads: here when reads take microseconds, else in the pool."""
        if self.reads_are_local:
            return function(*arguments)
        return await self.slow(function, *arguments)

    async def slow(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Call a function that may block in the pool."""
        return await self._loop.run_in_executor(self._pool, function, *arguments)

    def durable(self, future: "Future[Answer]") -> "asyncio.Future[Answer]":
        """Wait for a store's future. Many that resolve together wake the loop once."""
        waiter: asyncio.Future[Answer] = self._loop.create_future()
        future.add_done_callback(lambda done: self._resolved(waiter, done))
        return waiter

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _resolved(self, waiter: "asyncio.Future[Any]", future: "Future[Any]") -> None:
        # On the store's thread. The deque is safe between threads; a wake-up too many is harmless.
        self._done.append((waiter, future))
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._done.clear()

    def _wake(self) -> None:
        self._woken = False
        while self._done:
            waiter, future = self._done.popleft()
            if waiter.done():  # given up by a time-out
                continue
            error = future.exception()
            if error is None:
                waiter.set_result(future.result())
            else:
                waiter.set_exception(error)
