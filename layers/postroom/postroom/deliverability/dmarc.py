"""DMARC records (RFC 7489 section 6.3)."""

import re
from dataclasses import dataclass

from postroom.authentication.dkim.tags import parse_tags
from postroom.errors import BadSyntax

_POLICIES = ("none", "quarantine", "reject")
# With the size that a report must not exceed, ``!10m`` (section 6.2).
_MAILTO = re.compile(r"mailto:([^@\s,!]+@([A-Za-z0-9.-]+))(?:![0-9]+[kmgt]?)?", re.IGNORECASE)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s,]+")


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    policy: str
    subdomains: str  # sp=
    percent: int
    reports: tuple[str, ...]  # addresses of rua=


def is_dmarc(text: str) -> bool:
    """Whether it is to be taken for a DMARC record (section 6.6.3), right or wrong."""
    return re.match(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)", text) is not None


def parse_dmarc(text: str) -> DmarcRecord:
    """Raises BadSyntax. What a receiver would let pass, such as a p= that comes late, does not:
    it is our own record."""
    tags = parse_tags(text)
    if list(tags)[:2] != ["v", "p"] or tags["v"] != "DMARC1":
        raise _bad("record that begins with v=DMARC1; p=", text, "6.3")
    policy, subdomains = tags["p"].lower(), tags.get("sp", tags["p"]).lower()
    if policy not in _POLICIES or subdomains not in _POLICIES:
        raise _bad("policy of DMARC", text, "6.3")
    for name in ("adkim", "aspf"):
        if tags.get(name, "r") not in ("r", "s"):
            raise _bad(f"value of {name}=", tags[name], "6.3")
    percent = tags.get("pct", "100")
    if not re.fullmatch(r"[0-9]{1,3}", percent) or int(percent) > 100:
        raise _bad("value of pct=", percent, "6.3")
    addresses = [_address(uri) for uri in _uris(tags.get("rua", ""))]
    for uri in _uris(tags.get("ruf", "")):
        _address(uri)
    return DmarcRecord(policy, subdomains, int(percent), tuple(filter(None, addresses)))


def _uris(value: str) -> list[str]:
    return [uri.strip() for uri in value.split(",")] if value else []


def _address(uri: str) -> str:
    match = _MAILTO.fullmatch(uri)
    if match is None and (uri.lower().startswith("mailto:") or not _URI.fullmatch(uri)):
        raise _bad("URI for reports", uri, "6.2")
    return match[1] if match is not None else ""


def _bad(rule: str, text: str, section: str) -> BadSyntax:
    return BadSyntax(rule, text.encode("utf-8", "replace"), f"RFC 7489 section {section}")
