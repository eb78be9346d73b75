"""Connections that stay open for a few seconds, for the next mail to the same server."""

from collections.abc import Hashable, Sequence
from threading import Lock

from postroom.platform.clock import Clock
from postroom.relay.parcel import Host
from postroom.relay.smtp.limits import ClientLimits
from postroom.relay.smtp.session import Session


def pool_key(host: Host, address: str) -> Hashable:
    """Everything that makes one connection as good as another."""
    secrecy = (host.implicit_tls, host.tls, host.tls_required)
    return (host.name, address, host.port, secrecy, host.user, host.password)


class Lanes:
    """Connections that may be had beside the first one, counted for each server."""

    def __init__(self, limits: ClientLimits) -> None:
        self._most = limits.together
        self._lock = Lock()
        self._taken: dict[Hashable, int] = {}

    def take(self, server: Hashable, wanted: int) -> int:
        """As many of them as there is room for."""
        with self._lock:
            taken = self._taken.get(server, 0)
            count = max(0, min(wanted, self._most - taken))
            if count:
                self._taken[server] = taken + count
            return count

    def give_back(self, server: Hashable, count: int) -> None:
        if count:
            with self._lock:
                left = self._taken.get(server, 0) - count
                if left > 0:
                    self._taken[server] = left
                else:
                    self._taken.pop(server, None)


class Pool:
    """For several threads. A session is in here, or in the hands of one of them."""

    def __init__(self, clock: Clock, limits: ClientLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._lock = Lock()
        self._idle: list[tuple[Hashable, float, Session]] = []  # the longest idle first

    def take(self, candidates: Sequence[tuple[Host, str]]) -> tuple[int, Session] | None:
        """A session with the first of *candidates* that has one, and the candidate's position."""
        self._sweep()
        if not self._idle:
            return None
        keys = [pool_key(*candidate) for candidate in candidates]
        with self._lock:
            for position, wanted in enumerate(keys):
                for place in range(len(self._idle) - 1, -1, -1):
                    if self._idle[place][0] == wanted:
                        return position, self._idle.pop(place)[2]
        return None

    def has_one(self, candidates: Sequence[tuple[Host, str]]) -> bool:
        """Whether a session with one of them waits."""
        keys = {pool_key(*candidate) for candidate in candidates}
        with self._lock:
            return any(key in keys for key, _, _ in self._idle)

    def put(self, session: Session) -> None:
        """Keep it for a while, unless it has served long enough."""
        if session.is_worn:
            session.quit(wait=False)
            return
        key = pool_key(session.host, session.address)
        with self._lock:
            self._idle.append((key, self._clock.seconds(), session))
            too_many = self._idle[: -self._limits.pooled]
            self._idle = self._idle[-self._limits.pooled :]
        for _, _, old in too_many:
            old.quit(wait=False)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, _, session in idle:
            session.quit(wait=True)

    def _sweep(self) -> None:
        until = self._clock.seconds() - self._limits.idle
        if not self._idle or self._idle[0][1] > until:
            return
        with self._lock:
            old = [one for one in self._idle if one[1] <= until]
            self._idle = [one for one in self._idle if one[1] > until]
        for _, _, session in old:
            session.quit(wait=False)
