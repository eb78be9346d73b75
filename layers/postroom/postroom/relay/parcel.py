"""What a message is to the relay's SMTP client, and what became of it. Values only."""

from dataclasses import dataclass
from typing import Literal

from postroom.platform.network import TlsWanted


@dataclass(frozen=True, slots=True)
class Recipient:
    """One forward-path with its DSN parameters (RFC 3461), encoded as the client gave them."""

    address: str
    notify: tuple[str, ...] = ()  # NEVER, or any of SUCCESS, FAILURE, DELAY
    original: str = ""  # ORCPT


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message for recipients that share a destination: one or a few SMTP transactions."""

    name: str  # queue id, for logs
    reverse_path: str  # "" for the null reverse-path
    recipients: tuple[Recipient, ...]
    content: bytes  # CRLF line ends, as stored, our signature fields in front
    ret: str = ""  # FULL or HDRS
    envid: str = ""  # still encoded (xtext)
    smtputf8: bool = False  # the client asked for it; needed only if an address or a field says so
    requiretls: bool = False  # RFC 8689
    by_seconds: int | None = None  # DELIVERBY (RFC 2852): time left, may be negative
    by_mode: str = ""  # "R", "N", "RT" or "NT"
    unsigned_from: int = 0  # where in content our signature fields end


@dataclass(frozen=True, slots=True)
class Host:
    """A server to try, with its addresses in the order to try them."""

    name: str
    addresses: tuple[str, ...]
    port: int = 25
    implicit_tls: bool = False
    # None: never TLS. Opportunistic TLS falls back to the clear, anything else does not.
    tls: TlsWanted | None = None
    tls_required: bool = False
    policy: str = ""  # where that comes from: "", "sts", "tlsa", "route", "requiretls"
    user: str = ""  # for AUTH
    password: str = ""

    def __repr__(self) -> str:  # a password in a traceback is a password in a log
        return f"Host({self.name!r}, {self.addresses!r}, {self.port})"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recipient in one attempt."""

    kind: Literal["relayed", "deferred", "failed"]
    status: str  # enhanced code (RFC 3463): the peer's own, or the one that fits
    reason: str  # our sentence for logs, journeys and reports
    reply: str = ""  # the peer's reply, lines joined: "550 5.1.1 No such user"
    peer: str = ""  # who said so: "mx1.example.org [192.0.2.1]"
    # The peer announced DSN: telling of success is its job then (RFC 3461 section 5.2.2).
    dsn_passed: bool = False
    by_passed: bool = False  # the peer announced DELIVERBY, and took the deadline over
    # The connection broke after the final dot: the peer may have the message all the same.
    unsure: bool = False


# Of those for whom no time was left in an attempt: nothing was tried.
NOT_TRIED = Outcome("deferred", "4.3.0", "not tried yet: the time of this attempt has run out")


@dataclass(frozen=True, slots=True)
class TlsResult:
    """One attempt to speak TLS with one host, for the reports of RFC 8460."""

    host: str
    address: str
    policy: str  # as in Host.policy
    failure: str = ""  # a result type of RFC 8460 section 4.3, "" for success
    detail: str = ""


Strain = Literal["", "slow", "busy", "down"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one parcel, and what the attempt told about the destination."""

    outcomes: dict[str, Outcome]  # by address of the recipient; everyone is in it
    tls: tuple[TlsResult, ...] = ()
    # "busy": 421, or 4xx that speak of load; "slow": timed out; "down": no host could be reached.
    strain: Strain = ""
    connected: bool = False  # an SMTP session was had: others for this destination may be tried
