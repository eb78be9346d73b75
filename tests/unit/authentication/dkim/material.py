"""Keys, a DNS made of a table and a domain's keys in a real store, for the tests beside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from postroom.authentication.dkim.keypairs import KeyPair, OpenedKey, make_key_pair
from postroom.authentication.dkim.keys import DkimKeys
from postroom.authentication.dkim.records import Algorithm, key_name, key_record
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.resolver import Answer, DnsUnavailable, RecordType
from postroom.platform.system import SystemRandomness
from tests.unit.relay.world import SetClock

DOMAIN = "example.org"
NOW = 1_800_000_000
MESSAGE = (
    b"From: Alice <alice@example.org>\r\n"
    b"To: bob@elsewhere.test\r\n"
    b"Subject: A  letter\r\n\tof two lines\r\n"
    b"Date: Wed, 25 Nov 2026 16:00:00 +0000\r\n"
    b"Message-ID: <1@example.org>\r\n"
    b"\r\n"
    b"Hello  Bob, \r\n\r\n-- \r\nAlice\r\n\r\n\r\n"
)


@cache
def pair(algorithm: Algorithm) -> KeyPair:
    return make_key_pair(algorithm, 2048, SystemRandomness())


@cache
def opened(algorithm: Algorithm) -> OpenedKey:
    made = pair(algorithm)
    return OpenedKey(algorithm[0], algorithm, made.private)


def zone(*algorithms: Algorithm) -> dict[str, str]:
    """Their records by name."""
    return {
        key_name(algorithm[0], DOMAIN): key_record(algorithm, pair(algorithm).public)
        for algorithm in algorithms
    }


@dataclass
class TableResolver:
    """Knows what its table says: TXT records by name."""

    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    broken: bool = False
    asked: list[str] = field(default_factory=list)

    def query(self, name: str, record_type: RecordType) -> Answer:
        assert record_type == "TXT"
        self.asked.append(name)
        if self.broken:
            raise DnsUnavailable(name, record_type, "out of order")
        found = self.texts.get(name)
        return Answer((), exists=False) if found is None else Answer(found)

    def publish(self, records: Mapping[str, str]) -> None:
        self.texts |= {name: (text,) for name, text in records.items()}


@dataclass
class Office:
    """The keys of all domains."""

    store: EmbeddedStore
    clock: SetClock
    keys: DkimKeys

    def states(self, domain: str = DOMAIN) -> list[tuple[str, str]]:
        return [(key.selector, key.state) for key in self.keys.list(domain)]


def office(folder: Path) -> Office:
    clock = SetClock(float(NOW))
    store = EmbeddedStore(folder, clock)
    return Office(store, clock, DkimKeys(store.table, store.vault, clock, SystemRandomness()))
