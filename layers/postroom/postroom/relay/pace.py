"""How fast a destination takes our mail: nothing is kept of one that keeps up.

A destination that says 421 or 4xx, is slow or cannot be reached gets a record: fewer
connections at once, pauses, and after each failure a longer time in which nobody tries. Each
success takes some of that back, until the record goes. An operator may pause a domain, and set
limits that stay. ``destination/<domain>`` : ``pace``, and ``slot/<n>`` for connections in use.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from postroom.errors import ConditionFailed
from postroom.platform.clock import Clock, Randomness
from postroom.platform.table import Absent, Body, Delete, Holds, Key, Put, Record, Table
from postroom.relay.parcel import Strain

MOST_CONNECTIONS = 20  # what a destination without a record gets: the function's concurrency
_FIRST_PAUSE, _LONGEST_PAUSE = 30, 1800  # seconds in which a dead destination is left alone
_FIRST_INTERVAL, _LONGEST_INTERVAL = 250, 30_000  # milliseconds between messages
_FORGOTTEN = 7 * 86_400  # seconds after which a record without news goes
_ATTEMPTS = 4


class Pace(msgspec.Struct, frozen=True, omit_defaults=True):
    paused: str = ""  # why an operator lets nothing go there
    connections: int = MOST_CONNECTIONS
    interval: int = 0  # milliseconds from one message to the next, 0: none
    not_before: int = 0  # milliseconds since 1970: the destination rests until then
    failures: int = 0  # one after the other
    reason: str = ""  # of the last failure
    most_connections: int = 0  # set by an operator, 0: not set
    least_interval: int = 0  # set by an operator
    next_message: int = 0  # milliseconds since 1970: the interval after the last message
    version: int = 0

    @property
    def easy(self) -> bool:
        """Nothing to remember."""
        return self == Pace(version=self.version)


EASY = Pace()


@dataclass(frozen=True, slots=True)
class Admission:
    """How many of the messages may go now. ``slot`` is given back by ``Paces.done``."""

    messages: int
    wait: float  # seconds until the others may ask again
    slot: Key | None = None
    reason: str = ""


class Paces:
    def __init__(self, table: Table, clock: Clock, randomness: Randomness, lease: float) -> None:
        self._table = table
        self._clock = clock
        self._randomness = randomness
        self._lease = lease

    def of(self, domains: Iterable[str]) -> dict[str, Pace]:
        """The paces of all the domains, in one batch of reads."""
        keys = {_key(domain): domain for domain in domains}
        found = self._table.get_many(list(keys))
        return {domain: _pace(found[key]) if key in found else EASY for key, domain in keys.items()}

    def admit(self, domain: str, pace: Pace, wanted: int) -> Admission:
        """Ask for a connection to a destination, and for messages on it."""
        if pace.easy:
            return Admission(wanted, 0)
        now = self._now()
        if pace.not_before > now:
            return Admission(0, (pace.not_before - now) / 1000, reason=pace.reason)
        slot = self._slot(domain, pace.connections)
        if slot is None:
            busy = f"all {pace.connections} connections that {domain} takes are in use"
            return Admission(0, self._some(10), reason=busy)
        if not pace.interval:
            return Admission(wanted, 0, slot)
        # An interval is kept between messages of all workers: the next time is reserved here.
        for _ in range(_ATTEMPTS):
            start = max(pace.next_message, now)
            if start - now >= 1000:
                self._free(slot)
                return Admission(0, (start - now) / 1000, reason=f"{domain} is sent to slowly")
            count = max(1, min(wanted, 1000 // pace.interval))
            if self._put(
                domain, msgspec.structs.replace(pace, next_message=start + count * pace.interval)
            ):
                return Admission(count, count * pace.interval / 1000, slot)
            pace = self.of([domain])[domain]
        self._free(slot)
        return Admission(0, self._some(5), reason=f"{domain} is sent to slowly")

    def done(
        self, domain: str, slot: Key | None, strain: Strain, reason: str, *, good: bool
    ) -> None:
        """Note how it went. *good*: at least one message was taken."""
        if slot is not None:
            self._free(slot)
        if not strain and slot is None:
            return  # it kept up, and nothing was remembered
        for _ in range(_ATTEMPTS):
            pace = self.of([domain])[domain]
            after = self._strained(pace, strain, reason) if strain else _relieved(pace, good)
            if after == pace or self._put(domain, after):
                return

    def pause(self, domain: str, reason: str) -> None:
        self._set(domain, paused=reason or "by an operator")

    def resume(self, domain: str) -> None:
        """Let mail go there again, at full pace."""
        self._set(domain, paused="", not_before=0, failures=0, reason="")

    def limit(self, domain: str, connections: int, interval: int) -> None:
        """Limits that stay: connections at once, milliseconds between messages; 0 for none."""
        self._set(
            domain,
            most_connections=connections,
            least_interval=interval,
            connections=connections or MOST_CONNECTIONS,
            interval=interval,
            next_message=0,
        )

    # How a pace changes.

    def _strained(self, pace: Pace, strain: Strain, reason: str) -> Pace:
        if strain == "down" and pace.not_before > self._now():
            return pace  # another worker has found the same: one outage is one failure
        failures = pace.failures + 1
        connections = max(1, pace.connections // 2)
        interval, not_before = pace.interval, pace.not_before
        if strain == "down":
            rest = min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
            not_before = self._now() + int((rest + self._some(rest / 4)) * 1000)
        elif strain == "busy":
            interval = min(max(pace.interval * 2, _FIRST_INTERVAL), _LONGEST_INTERVAL)
        return msgspec.structs.replace(
            pace,
            failures=failures,
            connections=connections,
            interval=interval,
            not_before=not_before,
            reason=reason[:300],
        )

    def _slot(self, domain: str, connections: int) -> Key | None:
        now = int(self._clock.seconds())
        start = int.from_bytes(self._randomness.octets(2), "big")
        for number in range(connections):
            key = Key(f"destination/{domain}", f"slot/{(start + number) % connections}")
            try:
                self._table.write(Put(key, {}, expires=now + int(self._lease), condition=Absent()))
            except ConditionFailed:
                continue
            return key
        return None

    def _free(self, slot: Key) -> None:
        self._table.write(Delete(slot))

    def _set(self, domain: str, **changes: str | int) -> None:
        while True:
            pace = self.of([domain])[domain]
            if self._put(domain, msgspec.structs.replace(pace, **changes)):
                return

    def _put(self, domain: str, pace: Pace) -> bool:
        """Replace the record if it is still the one that *pace* was made of."""
        key, version = _key(domain), pace.version
        condition = Holds("version", version) if version else Absent()
        try:
            if pace.easy:
                self._table.write(
                    Delete(key, Holds("version", version)) if version else Delete(key)
                )
                return True
            after = msgspec.structs.replace(pace, version=version + 1)
            stays = pace.paused or pace.most_connections or pace.least_interval
            expires = None if stays else int(self._clock.seconds()) + _FORGOTTEN
            body: Body = {"version": version + 1, "pace": msgspec.msgpack.encode(after)}
            self._table.write(Put(key, body, expires=expires, condition=condition))
        except ConditionFailed:
            return False
        return True

    def _some(self, most: float) -> float:
        """A random part of *most*, never nothing."""
        return most * (1 + self._randomness.octets(1)[0]) / 256

    def _now(self) -> int:
        return int(self._clock.seconds() * 1000)


def _relieved(pace: Pace, good: bool) -> Pace:
    if not good:
        return pace
    most = pace.most_connections or MOST_CONNECTIONS
    interval = pace.interval // 2 if pace.interval > _FIRST_INTERVAL else 0
    after = msgspec.structs.replace(
        pace,
        failures=0,
        not_before=0,
        reason="",
        connections=min(pace.connections + 1, most),
        interval=max(interval, pace.least_interval),
    )
    if not after.interval:
        after = msgspec.structs.replace(after, next_message=0)
    return after


def _key(domain: str) -> Key:
    return Key(f"destination/{domain}", "pace")


def _pace(record: Record) -> Pace:
    body = record.body["pace"]
    assert isinstance(body, bytes)  # noqa: S101  (we wrote it)
    return _decoder.decode(body)


_decoder = msgspec.msgpack.Decoder(Pace)
