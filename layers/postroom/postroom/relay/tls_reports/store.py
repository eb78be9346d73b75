"""What this process counted, and when it goes to the table.

``tls-results/<day>`` : ``<domain>/<process>``, one record for each domain and process, written
over as the counts grow: at most one write for a domain every FLUSH_EVERY seconds, none for a
message. A process that is killed loses what it counted since: reports are statistics.
"""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime

from postroom.errors import StoreUnavailable
from postroom.platform.clock import Clock, Randomness
from postroom.platform.table import Key, Put, Table
from postroom.relay.destinations.facts import NO_FACTS, Facts
from postroom.relay.parcel import TlsResult
from postroom.relay.tls_reports.counts import Counts, encode

log = logging.getLogger(__name__)

FLUSH_EVERY = 60.0  # seconds
KEPT = 10 * 86_400  # seconds that results stay in the table
_MOST_DOMAINS = 5_000  # counted in one process at a time


def day_of(time: datetime) -> str:
    """Days of reports are those of UTC (RFC 8460 section 4.1)."""
    return time.date().isoformat()


def partition_of(day: str) -> str:
    return f"tls-results/{day}"


class TlsReports:
    """Safe in any thread."""

    def __init__(self, table: Table, clock: Clock, randomness: Randomness) -> None:
        self._table = table
        self._clock = clock
        self._randomness = randomness
        self._lock = threading.Lock()  # of the counts
        self._writing = threading.Lock()  # so that older counts never replace newer ones
        self._puts: list[Put] = []
        self._begin()
        self._flushed = clock.seconds()

    def note(self, domain: str, results: Sequence[TlsResult], facts: Facts = NO_FACTS) -> None:
        """Count the sessions of one attempt to deliver to *domain*. *facts*: those by which its
        hosts were chosen. Writes from time to time; a store that fails is tried again later."""
        if not results or domain.startswith("["):  # an address has no place for reports
            return
        place = (day_of(self._clock.now()), domain)
        with self._lock:
            self._counts.setdefault(place, Counts()).note(domain, results, facts)
            self._changed.add(place)
            crowded = len(self._counts) >= _MOST_DOMAINS
        if crowded or self._clock.seconds() - self._flushed >= FLUSH_EVERY:
            try:
                self.flush()
            except StoreUnavailable as error:
                log.warning("results of TLS not written", extra={"reason": str(error)})

    def flush(self) -> None:
        """Write what has changed. Raises StoreUnavailable; then it is written the next time."""
        with self._writing:
            self._flushed = self._clock.seconds()
            self._collect()
            self._table.put_many(self._puts)
            self._puts.clear()

    def _collect(self) -> None:
        today, expires = day_of(self._clock.now()), int(self._flushed) + KEPT
        with self._lock:
            del self._puts[_MOST_DOMAINS:]  # the store has been away for long
            self._puts += [
                Put(
                    Key(partition_of(day), f"{domain}/{self._process}"),
                    {"counts": encode(counts)},
                    expires=expires,
                )
                for day, domain in sorted(self._changed)
                if (counts := self._counts[day, domain])
            ]
            self._changed.clear()
            if len(self._counts) >= _MOST_DOMAINS or any(day != today for day, _ in self._counts):
                self._begin()

    def _begin(self) -> None:
        """Count from zero, in records of a new name."""
        self._process = self._randomness.octets(8).hex()
        self._counts: dict[tuple[str, str], Counts] = {}
        self._changed: set[tuple[str, str]] = set()
