"""Port: DNS."""

from dataclasses import dataclass
from typing import Literal, Protocol

from postroom.errors import PostroomError

RecordType = Literal["A", "AAAA", "MX", "TXT", "PTR", "CNAME", "TLSA", "SRV", "NS", "SOA"]


class DnsUnavailable(PostroomError):
    """No usable answer (time-out, SERVFAIL, bogus): trying again later may work."""

    def __init__(self, name: str, record_type: str, reason: str) -> None:
        super().__init__(f"no DNS answer for {name} {record_type}: {reason}")


@dataclass(frozen=True, slots=True)
class Answer:
    """``exists`` is False for NXDOMAIN; then, and for a name without such records, no records."""

    records: tuple[str, ...]  # in presentation format; TXT strings joined, without quotes
    exists: bool = True
    validated: bool = False  # the resolver says DNSSEC holds (AD bit)
    ttl: int = 0  # seconds, of the shortest-lived record; how long a negative answer holds
    canonical: str = ""  # where CNAMEs led, without the final dot; "" when there was none


class Resolver(Protocol):
    def query(self, name: str, record_type: RecordType) -> Answer:
        """Look the name up (an A-label name, no trailing dot needed). Raises DnsUnavailable."""
