"""The key record in the DNS (RFC 6376 section 3.6.1, RFC 8463 section 4)."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Literal, get_args

from postroom.authentication.dkim.tags import parse_tags
from postroom.errors import BadSyntax

# RFC 8301 section 3.1: rsa-sha1 is neither made nor accepted.
Algorithm = Literal["rsa-sha256", "ed25519-sha256"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)  # in the order of the fields we write

_WHITE = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    kind: str  # k=: "rsa", "ed25519"
    public: bytes  # p=: SubjectPublicKeyInfo for RSA, 32 octets for Ed25519; b"" when revoked
    hashes: tuple[str, ...] = ()  # h=: all when empty
    services: tuple[str, ...] = ("*",)  # s=
    flags: tuple[str, ...] = ()  # t=: "y" testing, "s" no subdomains in i=


def key_name(selector: str, domain: str) -> str:
    """Where the record lies (RFC 6376 section 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


def key_record(algorithm: Algorithm, public: bytes) -> str:
    """The text of the record."""
    kind = algorithm.partition("-")[0]
    return f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"


def parse_key_record(text: str) -> KeyRecord:
    """Read a TXT record. Raises BadSyntax. Unknown tags are left out, unknown kinds kept."""
    tags = parse_tags(text)
    # v= is optional, but if it is there it is first and says this.
    if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
        raise _bad(text)
    if "p" not in tags:
        raise _bad(text)
    try:
        public = base64.b64decode(_WHITE.sub("", tags["p"]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(text) from error
    return KeyRecord(
        kind=tags.get("k", "rsa"),
        public=public,
        hashes=_list(tags.get("h", "")),
        services=_list(tags.get("s", "*")),
        flags=_list(tags.get("t", "")),
    )


def _list(value: str) -> tuple[str, ...]:
    return tuple(part for part in _WHITE.sub("", value).split(":") if part)


def _bad(text: str) -> BadSyntax:
    return BadSyntax("DKIM key record", text.encode("utf-8", "replace"), "RFC 6376 section 3.6.1")
