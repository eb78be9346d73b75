"""Messages leave for the stores in groups, so that one sync pays for several."""

import asyncio

_LONGEST_WAIT = 0.001  # seconds


class Departures:
    """One for each event loop.

    A local store syncs in a tenth of a millisecond, so with many sessions nearly each message
    would have a sync, and several switches of threads, for itself. Whoever comes while others are
    under way waits until they have arrived, a millisecond at most: a store in a network takes
    longer than that, and many groups are under way to it. Nobody waits who is alone.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._group: list[asyncio.Future[None]] = []
        self._under_way = 0
        self._timer: asyncio.Handle | None = None

    async def depart(self) -> None:
        """Wait for the group to leave. ``arrive`` must follow, unless this was cancelled."""
        if self._timer is None:
            # Those whose octets came in the same turn of the loop go together.
            self._timer = (
                self._loop.call_later(_LONGEST_WAIT, self._leave)
                if self._under_way
                else self._loop.call_soon(self._leave)
            )
        waiter = self._loop.create_future()
        self._group.append(waiter)
        await waiter
        self._under_way += 1

    def arrive(self) -> None:
        """It is stored, or not; either way it is no longer under way."""
        self._under_way -= 1
        if not self._under_way and self._timer is not None:
            self._timer.cancel()
            self._timer = self._loop.call_soon(self._leave)

    def _leave(self) -> None:
        self._timer = None
        group, self._group = self._group, []
        for waiter in group:
            if not waiter.done():
                waiter.set_result(None)
