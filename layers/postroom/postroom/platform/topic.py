"""Port: news that something changed, to whoever listens now."""

from collections.abc import Callable, Sequence
from typing import Protocol


class Subscription(Protocol):
    def close(self) -> None:
        """No call of the callback begins after this returns."""


class Topic(Protocol):
    """Best effort, in any process: a listener that misses news finds it at its next look."""

    def publish(self, messages: Sequence[str]) -> None:
        """Tell every subscriber, in this and every other process. Each message ≤ 1 KiB.

        Never raises for a listener that is slow or gone.
        """

    def subscribe(self, receive: Callable[[str], None]) -> Subscription:
        """Call *receive* for every message from now on, on a thread of the adapter's or of who
        publishes: it makes a note and returns."""
