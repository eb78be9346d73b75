"""How much text all attempts of a process hold at once: a batch of large messages to many
destinations must not cost more memory than a function has."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Octets of texts as stored. An attempt holds two or three times as much: the text, the text with
# our signature before it, and what is encoded anew for some servers.
MOST_OCTETS = 64 * 1024 * 1024
PATIENCE = 20.0  # seconds; who finds no room by then is put back


class Room:
    """One for each process."""

    def __init__(self, octets: int = MOST_OCTETS) -> None:
        self._octets = octets
        self._held = 0
        self._changed = threading.Condition()

    @contextmanager
    def holding(self, octets: int, patience: float = PATIENCE) -> Iterator[bool]:
        """Wait for room; False when there was none in time.

        A text larger than all the room is let in when nobody else holds any.
        """
        with self._changed:
            entered = self._changed.wait_for(
                lambda: not self._held or self._held + octets <= self._octets, patience
            )
            self._held += octets if entered else 0
        try:
            yield entered
        finally:
            if entered:
                with self._changed:
                    self._held -= octets
                    self._changed.notify_all()
