"""A limit that all sessions of a process share, for what takes much memory and is not kept."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Room:
    """So much may be in use at a time. Who comes first is let in first; more than there is room
    for waits until it is alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def taken(self, size: int) -> AsyncIterator[None]:
        size = min(size, self._size)
        if self._waiting or size > self._left:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append((size, waiter))
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.cancelled():
                    self._let_in()  # those behind it may be smaller
                else:  # it has been let in already
                    self._give_back(size)
                raise
        else:
            self._left -= size
        try:
            yield
        finally:
            self._give_back(size)

    def _give_back(self, size: int) -> None:
        self._left += size
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            size, waiter = self._waiting[0]
            if not waiter.cancelled():  # its task may not have heard of that yet
                if size > self._left:
                    return
                self._left -= size
                waiter.set_result(None)
            self._waiting.popleft()
