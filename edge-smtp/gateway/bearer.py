"""Access tokens in SASL: OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's, from before). Pure."""

import json
import re
from dataclasses import dataclass

from gateway.sasl import text
from postroom.errors import BadSyntax

_GS2_HEADER = re.compile(r"(?:n|y),(?:a=([^,\0\1]*))?,")
_PAIR = re.compile(r"([A-Za-z]+)=([\t\r\n -~\u00a0-\U0010ffff]*)")
_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)  # RFC 6750 section 2.1
END = b"\1"  # what a client says to an error (RFC 7628 section 3.2.3)


@dataclass(frozen=True, slots=True)
class Bearer:
    name: str  # whose mail it is about, "" when only the token says so
    token: str  # "" to ask what is wanted

    def __repr__(self) -> str:
        return f"Bearer({self.name!r}, ...)"


def parse_oauthbearer(octets: bytes) -> Bearer:
    """RFC 7628 section 3.1: ``n,a=user@example.com,^Ahost=...^Aauth=Bearer ...^A^A``.

    ``host`` and ``port`` tell nothing in which we could be wrong. Raises BadSyntax.
    """
    message = text(octets)
    header = _GS2_HEADER.match(message)
    if header is None:
        raise BadSyntax("gs2-header", b"...", "RFC 7628 section 3.1")
    pairs = _pairs(message[header.end() :], start="\1")
    name = (header[1] or "").replace("=2C", ",").replace("=3D", "=")
    return Bearer(name, _token(pairs))


def parse_xoauth2(octets: bytes) -> Bearer:
    """``user=someuser@example.com^Aauth=Bearer ...^A^A``. Raises BadSyntax."""
    pairs = _pairs(text(octets), start="")
    return Bearer(pairs.get("user", ""), _token(pairs))


def refusal(mechanism: str) -> bytes:
    """What the client is told of a token that is not taken (RFC 7628 section 3.2.2)."""
    if mechanism == "XOAUTH2":
        return json.dumps({"status": "401", "schemes": "bearer"}).encode()
    return json.dumps({"status": "invalid_token"}).encode()


def _pairs(message: str, start: str) -> dict[str, str]:
    if not message.startswith(start) or not message.endswith("\1\1"):
        raise BadSyntax("client-resp", b"...", "RFC 7628 section 3.1")
    pairs = {}
    for pair in message[len(start) : -2].split("\1"):
        match = _PAIR.fullmatch(pair)
        if match is None or match[1] in pairs:
            raise BadSyntax("kvpair", b"...", "RFC 7628 section 3.1")
        pairs[match[1]] = match[2]
    return pairs


def _token(pairs: dict[str, str]) -> str:
    if pairs.get("auth") == "":  # RFC 7628 section 4.3
        return ""
    match = _BEARER.fullmatch(pairs.get("auth", ""))
    if match is None:
        raise BadSyntax("Bearer token", b"...", "RFC 6750 section 2.1")
    return match[1]
