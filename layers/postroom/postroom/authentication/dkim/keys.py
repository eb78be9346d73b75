"""The signing keys of domains, kept sealed.

A key is

* ``announced``: its record is to be published; it signs nothing yet,
* ``signing``: one for each algorithm of a domain,
* ``retired``: it signs no more, but its record stays published while mail that it has signed is
  under way or may be checked anew,
* and then gone.

The first key of a domain signs at once: a signature whose key nobody finds is ignored (RFC 6376
section 6.1), so no mail is worse off. A key that follows another would break what works, so it
signs only when its record has been seen in the DNS for a while (`rotation.py`) or when somebody
says so.

``dkim/<domain>`` : ``<selector>``, a key, and ``!``, how the domain signs; ``dkim`` : ``<domain>``
in the order of the time at which `rotation` looks at it next. A selector says when and for what
its key was made: ``pr20261125r`` for RSA, ``…e`` for Ed25519, with a number when that is taken.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from postroom.authentication.dkim.keypairs import (
    ADVISED_BITS,
    KeyPair,
    OpenedKey,
    make_key_pair,
    read_key_pair,
)
from postroom.authentication.dkim.records import ALGORITHMS, Algorithm, key_name, key_record
from postroom.errors import BadSetting, ConditionFailed, PostroomError
from postroom.platform.clock import Clock, Randomness
from postroom.platform.table import Absent, Body, Delete, Holds, Key, Put, Record, Table, Write
from postroom.platform.vault import Vault

State = Literal["announced", "signing", "retired"]

ROTATION = 180  # days
_DOMAINS = "dkim"
_SETTINGS = "!"  # sorts before every selector, and is none
_MOST_A_DAY = 50  # keys with one date and algorithm
_MOST_DAYS = 3_650
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_LONGEST_NAME = 253  # octets


class NoSuchKey(PostroomError):
    def __init__(self, domain: str, selector: str = "") -> None:
        which = f"no key {selector}" if selector else "no keys"
        super().__init__(f"{domain} has {which}: see postroom dkim list")


class KeyTaken(PostroomError):
    def __init__(self, domain: str, selector: str) -> None:
        super().__init__(f"{domain} has a key {selector} already")


class KeysBusy(PostroomError):
    def __init__(self, domain: str) -> None:
        super().__init__(f"somebody else changed the keys of {domain}: look, then try again")


@dataclass(frozen=True, slots=True)
class DkimKey:
    """Times in seconds since 1970."""

    domain: str
    selector: str
    algorithm: Algorithm
    bits: int  # of RSA, else 0
    state: State
    made: int
    since: int  # when it came into its state
    seen: int  # when `rotation` first saw its record in the DNS; 0: not yet
    public: bytes = field(repr=False)
    sealed: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Where its record lies in the DNS."""
        return key_name(self.selector, self.domain)

    @property
    def text(self) -> str:
        """What its record says."""
        return key_record(self.algorithm, self.public)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of a domain, and how it signs."""

    domain: str
    keys: tuple[DkimKey, ...] = ()  # by selector
    rotation: int = ROTATION  # days until a key is followed by another; 0: never
    lifetime: int = 0  # days that a signature holds (x=); 0: for ever

    def with_state(self, state: State) -> Sequence[DkimKey]:
        """RSA before Ed25519."""
        found = [key for key in self.keys if key.state == state]
        return sorted(found, key=lambda key: ALGORITHMS.index(key.algorithm))


class DkimKeys:
    def __init__(self, table: Table, vault: Vault, clock: Clock, randomness: Randomness) -> None:
        self._table = table
        self._vault = vault
        self._clock = clock
        self._randomness = randomness

    def ring(self, domain: str) -> KeyRing:
        """One read. A domain that has no keys has an empty ring."""
        domain = name_of(domain)
        return _ring_of(domain, self._table.range(_partition(domain)))

    def list(self, domain: str) -> Sequence[DkimKey]:
        return self.ring(domain).keys

    def get(self, domain: str, selector: str) -> DkimKey:
        """Raises NoSuchKey."""
        for key in self.list(domain):
            if key.selector == selector.lower():
                return key
        raise NoSuchKey(domain, selector)

    def published(self, domain: str) -> Sequence[tuple[str, str]]:
        """Selector and text of every record that has to be in the DNS."""
        return [(key.selector, key.text) for key in self.list(domain)]

    def domains(self) -> Sequence[str]:
        """All that have keys."""
        return [record.key.sort for record in self._table.range(_DOMAINS)]

    def open(self, key: DkimKey) -> OpenedKey:
        """Raises SecretUnreadable, StoreUnavailable."""
        private = self._vault.open(key.sealed, _context(key.domain, key.selector))
        return OpenedKey(key.selector, key.algorithm, private)

    def make(
        self,
        domain: str,
        algorithms: Sequence[Algorithm] = ALGORITHMS,
        bits: int = ADVISED_BITS,
    ) -> Sequence[DkimKey]:
        """Make a key for each algorithm: announced where one signs already, else signing.

        An algorithm whose next key is announced already gets no other. Returns the new ones.
        """
        ring = self.ring(domain)
        made = []
        for algorithm in algorithms:
            states = {key.state for key in ring.keys if key.algorithm == algorithm}
            if "announced" not in states:
                pair = make_key_pair(algorithm, bits, self._randomness)
                state: State = "announced" if "signing" in states else "signing"
                made.append(self._add(ring.domain, pair, state))
        return made

    def adopt(self, domain: str, selector: str, pem: bytes) -> DkimKey:
        """Take over the key of another mail system, whose record is published already.

        It signs at once; a key of ours that signed until now retires. Raises BadSetting, KeyTaken.
        """
        domain, selector = name_of(domain), name_of(selector)
        key = self._add(domain, read_key_pair(pem), "announced", selector)
        return self.activate(domain, key.selector)

    def activate(self, domain: str, selector: str) -> DkimKey:
        """Let the key sign, and retire the one of its algorithm that did so. Raises KeysBusy."""
        ring, key = self.ring(domain), self.get(domain, selector)
        if key.state != "signing":
            followed = [
                other for other in ring.with_state("signing") if other.algorithm == key.algorithm
            ]
            self._move(key, "signing", *followed)
        return self.get(domain, selector)

    def retire(self, domain: str, selector: str) -> DkimKey:
        """Sign with the key no more; its record stays. Raises KeysBusy."""
        key = self.get(domain, selector)
        if key.state != "retired":
            self._move(key, "retired")
        return self.get(domain, selector)

    def remove(self, domain: str, selector: str) -> None:
        """Forget the key, private half and all: its record may leave the DNS."""
        key = self.get(domain, selector)
        self._table.write(Delete(_place(key.domain, key.selector)), self._look_now(key.domain))
        if not self.list(key.domain):
            self._table.write(
                Delete(Key(_DOMAINS, key.domain)), Delete(_place(key.domain, _SETTINGS))
            )

    def set(self, domain: str, rotation: int, lifetime: int) -> None:
        """Change how the domain signs: see KeyRing. Raises BadSetting, NoSuchKey."""
        if not (0 <= rotation <= _MOST_DAYS and 0 <= lifetime <= _MOST_DAYS):
            raise BadSetting(f"0 to {_MOST_DAYS} days are possible")
        domain = name_of(domain)
        if not self.list(domain):
            raise NoSuchKey(domain)
        body: Body = {"rotation": rotation, "lifetime": lifetime}
        self._table.write(Put(_place(domain, _SETTINGS), body), self._look_now(domain))

    # For `rotation`.

    def due(self, now: int, most: int) -> Sequence[str]:
        """Domains to be looked at, the longest overdue first."""
        found = []
        for record in self._table.range_by_order(_DOMAINS, 0, limit=most):
            if record.order is None or record.order > now:
                break
            found.append(record.key.sort)
        return found

    def look_again(self, domain: str, at: int) -> None:
        self._table.write(Put(Key(_DOMAINS, domain), {}, order=at))

    def note_seen(self, key: DkimKey, seen: int) -> None:
        """Note since when the record is in the DNS; 0: it is not. Raises KeysBusy."""
        self._write(key.domain, _put(replace(key, seen=seen), Holds("state", key.state)))

    def _move(self, key: DkimKey, state: State, *followed: DkimKey) -> None:
        now = int(self._clock.seconds())
        moves: list[tuple[DkimKey, State]] = [(key, state)]
        moves += [(one, "retired") for one in followed]
        # The state in which we have read it must still hold.
        writes = [
            _put(replace(one, state=new, since=now), Holds("state", one.state))
            for one, new in moves
        ]
        self._write(key.domain, *writes, self._look_now(key.domain))

    def _write(self, domain: str, *writes: Write) -> None:
        try:
            self._table.write(*writes)
        except ConditionFailed as error:
            raise KeysBusy(domain) from error

    def _look_now(self, domain: str) -> Put:
        """Whatever changes: let `rotation` find out what is due next."""
        return Put(Key(_DOMAINS, domain), {}, order=int(self._clock.seconds()))

    def _add(self, domain: str, pair: KeyPair, state: State, selector: str = "") -> DkimKey:
        now = int(self._clock.seconds())
        made = f"pr{self._clock.now():%Y%m%d}{pair.algorithm[0]}"
        names = [selector] if selector else [made, *(f"{made}{n}" for n in range(2, _MOST_A_DAY))]
        for name in names:
            sealed = self._vault.seal(pair.private, _context(domain, name))
            key = DkimKey(
                domain=domain,
                selector=name,
                algorithm=pair.algorithm,
                bits=pair.bits,
                state=state,
                made=now,
                since=now,
                seen=0,
                public=pair.public,
                sealed=sealed,
            )
            try:
                self._table.write(_put(key, Absent()), self._look_now(domain))
            except ConditionFailed as error:
                if not error.failed:
                    raise KeysBusy(domain) from error
                continue
            return key
        raise KeyTaken(domain, names[-1])


def name_of(name: str) -> str:
    """A domain or selector in lower case. Raises BadSetting."""
    lower = name.lower()
    if len(lower) > _LONGEST_NAME or _NAME.fullmatch(lower) is None:
        raise BadSetting(f"{name[:80]!r} is no domain name in A-labels")
    return lower


def _partition(domain: str) -> str:
    return f"dkim/{domain}"


def _place(domain: str, sort: str) -> Key:
    return Key(_partition(domain), sort)


def _context(domain: str, selector: str) -> str:
    return f"dkim/{domain}/{selector}"


def _put(key: DkimKey, condition: Absent | Holds) -> Put:
    body: Body = {
        "algorithm": key.algorithm,
        "bits": key.bits,
        "state": key.state,
        "made": key.made,
        "since": key.since,
        "seen": key.seen,
        "public": key.public,
        "sealed": key.sealed,
    }
    return Put(_place(key.domain, key.selector), body, condition=condition)


def _ring_of(domain: str, records: Iterable[Record]) -> KeyRing:
    ring, keys = KeyRing(domain), []
    for record in records:
        body = record.body
        if record.key.sort == _SETTINGS:
            ring = replace(
                ring,
                rotation=cast(int, body["rotation"]),
                lifetime=cast(int, body["lifetime"]),
            )
        else:
            keys.append(_key_of(domain, record))
    return replace(ring, keys=tuple(keys))


def _key_of(domain: str, record: Record) -> DkimKey:
    body = record.body
    return DkimKey(
        domain=domain,
        selector=record.key.sort,
        algorithm=cast(Algorithm, body["algorithm"]),
        bits=cast(int, body["bits"]),
        state=cast(State, body["state"]),
        made=cast(int, body["made"]),
        since=cast(int, body["since"]),
        seen=cast(int, body["seen"]),
        public=cast(bytes, body["public"]),
        sealed=cast(bytes, body["sealed"]),
    )
