"""Which domain signs a message that leaves: that of its author."""

from typing import Protocol

from postroom.directory.addresses import BadAddress, canonical_domain
from postroom.message.addresses import parse_addresses
from postroom.message.headers import end_of_header, pairs, unfold

_LONGEST_HEADER = 256 * 1024  # octets looked at


class Signer(Protocol):
    def fields(self, domain: str, message: bytes) -> bytes:
        """DKIM-Signature fields to prepend, b"" when the domain has no keys."""


def signature(signer: Signer, message: bytes) -> bytes:
    """The fields that the author's domain signs the message with, b"" if it does not."""
    domain = author_domain(message)
    return signer.fields(domain, message) if domain else b""


def author_domain(message: bytes) -> str:
    """The domain of the first author: whose signature counts for DMARC (RFC 7489 section 3.1.1).

    "" when there is none that can be read.
    """
    for name, value in pairs(message[: end_of_header(message, 0, _LONGEST_HEADER)]):
        if name.strip() == b"from":
            hosts = [address.host for address in parse_addresses(unfold(value)) if address.host]
            return _canonical(hosts[0]) if hosts else ""
    return ""


def _canonical(host: bytes) -> str:
    try:
        return canonical_domain(host.decode("utf-8", "replace"))
    except BadAddress:
        return ""
