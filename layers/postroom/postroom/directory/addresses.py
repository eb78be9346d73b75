"""Addresses as the directory spells them: one spelling for each (RFC 5321 section 2.3.11)."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import idna

from postroom.errors import PostroomError

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
# Dot-atom of RFC 5322 section 3.2.3 with the letters of RFC 6532 section 3.2.
_DOT_ATOM = re.compile(
    r"[^\s\x00-\x20()<>\[\]:;@\\,\".\x7f]+(?:\.[^\s\x00-\x20()<>\[\]:;@\\,\".\x7f]+)*"
)
_QUOTED = re.compile(r'"((?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*)"')
LONGEST_LOCAL_PART = 64  # octets (RFC 5321 section 4.5.3.1.1)
_LONGEST_OUTSIDE = 256  # octets: return paths of VERP, SRS and BATV
_REMEMBERED = 1024  # answers: a message asks for the same few addresses again and again
LONGEST_DOMAIN = 255  # octets (RFC 5321 section 4.5.3.1.2)


class BadAddress(PostroomError):
    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address[:320]!r} is not an address we can keep: {reason}")


@dataclass(frozen=True, slots=True)
class Address:
    """``local`` is in lower case and without needless quotes; ``domain`` in A-labels."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


@lru_cache(_REMEMBERED)
def canonical(address: str) -> Address:
    """Return the one spelling of *address*: as every large provider does, case is ignored.

    ``"alice"@EXAMPLE.test`` and ``Alice@example.test`` are the same; so are the U-label and the
    A-label form of a domain. Raises BadAddress.
    """
    local, at, domain = address.rpartition("@")
    if not at:
        raise BadAddress(address, "it has no @")
    return Address(_canonical_local_part(local, address), canonical_domain(domain))


def outside(address: str) -> str:
    """Return an address of another domain as it is sent: what its local part means, and whether
    case matters in it, only that domain knows (RFC 5321 section 2.4). Raises BadAddress.

    ``Bob@EXAMPLE.test`` is ``Bob@example.test``. Longer local parts than ours are in use.
    """
    local, at, domain = address.rpartition("@")
    if not at:
        raise BadAddress(address, "it has no @")
    if len(local.encode("utf-8", "replace")) > _LONGEST_OUTSIDE:
        raise BadAddress(address, f"a local part has 1 to {_LONGEST_OUTSIDE} octets")
    if not _DOT_ATOM.fullmatch(local) and not _QUOTED.fullmatch(local):
        raise BadAddress(address, "its local part needs quotes")
    return f"{local}@{canonical_domain(domain)}"


@lru_cache(_REMEMBERED)
def canonical_domain(domain: str) -> str:
    """Return the domain in lower case and A-labels. Raises BadAddress."""
    name = domain.strip().removesuffix(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise BadAddress(domain, f"its domain has no A-label form: {error}") from error
    if not name or len(name) > LONGEST_DOMAIN:
        raise BadAddress(domain, f"a domain has 1 to {LONGEST_DOMAIN} octets")
    for label in name.split("."):
        if _LABEL.fullmatch(label) is None:
            raise BadAddress(domain, f"{label!r} is not a label of a domain name")
    return name


def _canonical_local_part(local: str, address: str) -> str:
    quoted = _QUOTED.fullmatch(local)
    text = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else local
    text = unicodedata.normalize("NFC", text).lower()
    if not 1 <= len(text.encode("utf-8", "replace")) <= LONGEST_LOCAL_PART:
        raise BadAddress(address, f"a local part has 1 to {LONGEST_LOCAL_PART} octets")
    if _DOT_ATOM.fullmatch(text):
        return text
    if not quoted:
        raise BadAddress(address, "its local part needs quotes")
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"'
