"""Threads that carry out the calls of an event loop, for ``crossing``.

As ``concurrent.futures`` has it, but for the futures: who calls waits on the loop, never in a
thread, and a future that a thread could wait for costs as much as preparing a short write.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue

from postroom.errors import StoreUnavailable

Call = Callable[[], None]  # must not raise


class Pool:
    """Begins a thread when all are at work, *most* of them at most."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self.closed = False

    def begin(self, call: Call, under_way: int) -> None:
        """*under_way*: calls that have begun and not ended. Raises StoreUnavailable when closed."""
        with self._lock:
            if self.closed:
                raise StoreUnavailable("the gateway is stopping")
            if len(self._threads) <= under_way and len(self._threads) < self._most:
                name = f"{self._name}_{len(self._threads)}"
                thread = threading.Thread(target=self._serve, name=name, daemon=True)
                thread.start()
                self._threads.append(thread)
            self._calls.put(call)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # nothing is kept alive while nothing is to be done

    def close(self) -> None:
        """Wait for the calls that have begun: those that have not look at ``closed`` first."""
        with self._lock:
            self.closed = True
            for _ in self._threads:
                self._calls.put(None)
        for thread in self._threads:
            thread.join()
