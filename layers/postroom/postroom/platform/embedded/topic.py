"""The Topic port over doorbells: one socket and one thread in each process that listens.

Who listens in the publisher's own process is told at once, without the socket.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from postroom.errors import TooLarge
from postroom.platform.embedded.doorbell import Bell, Ringer

LARGEST_MESSAGE = 1024  # octets of UTF-8


class EmbeddedTopic:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ringer = Ringer(folder)
        self._lock = threading.Lock()
        self._listener: _Listener | None = None

    def publish(self, messages: Sequence[str]) -> None:
        for message in messages:
            octets = message.encode()
            if len(octets) > LARGEST_MESSAGE:
                raise TooLarge("a message of a topic in octets", len(octets), LARGEST_MESSAGE)
            listener = self._listener
            self._ringer.ring(octets, but="" if listener is None else listener.bell.name)
            if listener is not None:
                listener.hand_over(message)

    def subscribe(self, receive: Callable[[str], None]) -> "EmbeddedSubscription":
        with self._lock:
            if self._listener is None:
                self._listener = _Listener(self._folder)
            return EmbeddedSubscription(self._listener, receive)

    def close(self) -> None:
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        self._ringer.close()


class _Listener:
    """Hands every message of the process's one socket to all subscriptions."""

    def __init__(self, folder: Path) -> None:
        self.subscriptions: tuple[EmbeddedSubscription, ...] = ()
        self.lock = threading.Lock()
        self.bell = Bell(folder)
        self._own = Ringer(folder)
        self._closed = False
        self._thread = threading.Thread(target=self._listen, name="topic", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._closed:
            self.bell.wait(None)
            for ring in self.bell.rings():
                if ring:
                    self.hand_over(ring.decode())

    def hand_over(self, message: str) -> None:
        for subscription in self.subscriptions:
            subscription.hand_over(message)

    def close(self) -> None:
        self._closed = True
        self._own.ring(b"")  # an empty message wakes the thread and is for nobody
        if threading.current_thread() is not self._thread:
            self._thread.join()
        self._own.close()
        self.bell.close()


class EmbeddedSubscription:
    def __init__(self, listener: _Listener, receive: Callable[[str], None]) -> None:
        self._listener = listener
        self._receive = receive
        self._calling = threading.RLock()  # reentrant: a callback may close its subscription
        self._closed = False
        with listener.lock:
            listener.subscriptions = (*listener.subscriptions, self)

    def hand_over(self, message: str) -> None:
        # A callback that fails must not silence the others: news is best effort.
        with self._calling, suppress(Exception):
            if not self._closed:
                self._receive(message)

    def close(self) -> None:
        with self._listener.lock:
            others = [one for one in self._listener.subscriptions if one is not self]
            self._listener.subscriptions = tuple(others)
        with self._calling:
            self._closed = True
