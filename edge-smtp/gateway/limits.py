"""How many connections there are, and how fast they come; for all and for each client."""

from collections import Counter, deque


class Connections:
    """Counts connections that are open. *client* is what ``clients.client_network`` returns."""

    def __init__(self, most: int, most_per_client: int) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._counts: Counter[str] = Counter()
        self.total = 0

    def has_room(self, client: str, *, unlimited: bool = False) -> bool:
        """*unlimited*: only the limit of all connections holds."""
        if self.total >= self._most:
            return False
        return unlimited or self._counts.get(client, 0) < self._most_per_client

    def enter(self, client: str) -> None:
        self.total += 1
        self._counts[client] += 1

    def leave(self, client: str) -> None:
        self.total -= 1
        self._counts[client] -= 1
        if not self._counts[client]:
            del self._counts[client]


class Rate:
    """Counts events of each key over the last minute."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute  # 0: no limit
        self._times: dict[str, deque[float]] = {}
        self._swept = 0.0

    def allow(self, key: str, now: float) -> bool:
        """Count one event at *now* (seconds, any origin) and say whether it is within the limit."""
        if not self._per_minute:
            return True
        if now - self._swept > 60:
            self._swept = now
            self._times = {k: times for k, times in self._times.items() if times[-1] > now - 60}
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = deque(maxlen=self._per_minute)
        if len(times) == self._per_minute and times[0] > now - 60:
            return False
        times.append(now)
        return True
