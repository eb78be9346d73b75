"""Port: TCP connections to other servers, with time limits and TLS.

Everything blocks, nothing for longer than it was told. Hostile peers are the normal case: whoever
reads says how many octets it takes, and how long it waits.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from postroom.errors import PostroomError


class PeerLost(PostroomError):
    """The connection could not be made, broke, or the peer was silent for too long."""


class PeerSilent(PeerLost):
    """It was silent, or took nothing, for too long."""


class TlsFailed(PostroomError):
    """No TLS, or none that keeps to what was asked.

    *kind* is a result type of RFC 8460 section 4.3: "certificate-expired", "validation-failure"…
    """

    def __init__(self, kind: str, sentence: str) -> None:
        self.kind = kind
        super().__init__(sentence)


class Tlsa(NamedTuple):
    """One TLSA record (RFC 6698 section 2.1)."""

    usage: int
    selector: int
    matching: int
    association: bytes


@dataclass(frozen=True, slots=True)
class TlsWanted:
    """How a peer has to prove itself.

    ``any``: whatever certificate; ``names``: one that our trust store accepts for one of *names*
    (the first is also sent as SNI; a name ``.example.org`` or ``*.example.org`` matches one label
    before it); ``dane``: one that a TLSA record of *tlsa* matches (RFC 7672 section 3), for the
    names where usage asks for them.
    """

    check: Literal["any", "names", "dane"]
    names: tuple[str, ...]
    tlsa: tuple[Tlsa, ...] = ()


class Connection(Protocol):
    """One connection; not for several threads at once."""

    peer: str  # IP address
    tls: str  # "TLSv1.3 TLS_AES_256_GCM_SHA384", "" while in the clear

    def send(self, octets: bytes, timeout: float) -> None:
        """Hand all octets over within *timeout* seconds. Raises PeerLost, PeerSilent."""

    def receive(self, most: int, timeout: float) -> bytes:
        """Return at least one and at most *most* octets, b"" when the peer has closed.

        Raises PeerSilent after *timeout* seconds without any, PeerLost when the connection broke.
        """

    def start_tls(self, wanted: TlsWanted, timeout: float) -> None:
        """Shake hands. Raises TlsFailed (the connection is useless then) or PeerLost."""

    def close(self) -> None:
        """Let go of it. Never raises, may be repeated."""


class Network(Protocol):
    def connect(self, address: str, port: int, timeout: float) -> Connection:
        """Connect to an IP address. Raises PeerLost, PeerSilent after *timeout*: it says why."""
