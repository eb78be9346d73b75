"""What was used last, as much of it as fits into so many octets."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Kept = TypeVar("Kept")

_OVERHEAD = 512  # octets that an entry costs beside what it is made of, about


class Recent(Generic[Kept]):
    """Used by several threads at once. What is not there may be there the next time."""

    def __init__(self, most: int) -> None:
        """*most*: octets."""
        self._most = most
        self._lock = Lock()
        self._entries: OrderedDict[Hashable, tuple[Kept, int]] = OrderedDict()
        self._octets = 0

    def get(self, key: Hashable) -> Kept | None:
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            self._entries.move_to_end(key)
            return found[0]

    def keep(self, key: Hashable, value: Kept, octets: int) -> Kept:
        """*octets*: of what the value is made of. Returns the value."""
        with self._lock:
            former = self._entries.pop(key, None)
            self._octets += octets + _OVERHEAD - (former[1] if former else 0)
            self._entries[key] = value, octets + _OVERHEAD
            while self._octets > self._most and len(self._entries) > 1:
                _, (_, freed) = self._entries.popitem(last=False)
                self._octets -= freed
        return value
