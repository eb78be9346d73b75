"""A domain that is set up well, in a DNS made of a table, and web servers made of another."""

import ipaddress
from dataclasses import dataclass, field

from postroom.authentication.dkim.records import key_name, key_record
from postroom.deliverability.plan import PlannedKey, Setup, plan, sts_policy
from postroom.deliverability.records import policy_url
from postroom.platform.resolver import Answer, DnsUnavailable, RecordType
from postroom.platform.web import WebFailed

DOMAIN, HOST = "example.org", "mail.example.org"
ADDRESSES = ("8.8.4.4", "2001:4860:4860::8844")  # must be global; those of documentation are not
DIGEST = bytes(range(32))
# Two keys: one as long as that of RSA, one short.
KEYS = (
    PlannedKey(key_name("s1", DOMAIN), key_record("rsa-sha256", bytes(range(256)) + b"\0" * 38)),
    PlannedKey(key_name("s2", DOMAIN), key_record("ed25519-sha256", b"\7" * 32), signs=False),
)
SETUP = Setup(
    DOMAIN,
    HOST,
    keys=KEYS,
    sts="enforce",
    dmarc="reject",
    certificate_key=DIGEST,
    bimi="https://example.org/logo.svg",
)


@dataclass
class Zones:
    """The DNS: records by name and type, in presentation format."""

    records: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)  # names whose servers do not answer
    aliases: dict[str, str] = field(default_factory=dict)
    validated: bool = True
    asked: int = 0

    def query(self, name: str, record_type: RecordType) -> Answer:
        self.asked += 1
        if name in self.broken:
            raise DnsUnavailable(name, record_type, "time-out")
        canonical = self.aliases.get(name, "")
        found = self.records.get((canonical or name, record_type), ())
        exists = bool(canonical) or any(known == name for known, _ in self.records)
        return Answer(found, exists, self.validated, 300, canonical)

    def set(self, name: str, record_type: RecordType, *records: str) -> None:
        self.records[name, record_type] = records

    def add(self, name: str, record_type: RecordType, record: str) -> None:
        self.records[name, record_type] = (*self.records.get((name, record_type), ()), record)


@dataclass
class Websites:
    """The web: documents by URL."""

    documents: dict[str, bytes] = field(default_factory=dict)

    def get(self, url: str, *, most: int, timeout: float) -> bytes:
        if url not in self.documents:
            raise WebFailed(url, "status 404")
        return self.documents[url]

    def post(self, url: str, body: bytes, content_type: str, *, timeout: float) -> None:
        raise WebFailed(url, "status 405")


def published(setup: Setup = SETUP) -> tuple[Zones, Websites]:
    """All that the plan says, and what it takes for granted: addresses and their names."""
    zones = Zones()
    for record in plan(setup):
        zones.add(record.name, record.kind, record.value)
    zones.set(HOST, "A", ADDRESSES[0])
    zones.set(HOST, "AAAA", ADDRESSES[1])
    for address in ADDRESSES:
        zones.set(ipaddress.ip_address(address).reverse_pointer, "PTR", f"{HOST}.")
    policy = sts_policy(setup).encode()
    return zones, Websites({policy_url(DOMAIN): policy} if policy else {})
