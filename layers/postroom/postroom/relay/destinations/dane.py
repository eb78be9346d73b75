"""TLSA records of a server (RFC 6698, RFC 7671, RFC 7672): whether DANE binds us, and how.

What they say of a certificate is for `platform.dane`.
"""

import re
from dataclasses import dataclass

from postroom.errors import BadSyntax, PostroomError
from postroom.platform.dane import usable
from postroom.platform.network import Tlsa
from postroom.platform.resolver import DnsUnavailable, Resolver
from postroom.relay.destinations.mx import Exchange

_MOST_RECORDS = 100
_TLSA = re.compile(r"([0-9]{1,3}) +([0-9]{1,3}) +([0-9]{1,3}) +([0-9A-Fa-f ]{2,131072})")


class TlsaLost(PostroomError):
    """The TLSA records cannot be had: somebody may be hiding them, so the server is not used
    (RFC 7672 section 2.1.2)."""

    def __init__(self, host: str, error: DnsUnavailable) -> None:
        super().__init__(f"It is not known how {host} proves itself: {error}")


@dataclass(frozen=True, slots=True)
class TlsaFound:
    """``base``: the TLSA base domain (RFC 7672 section 2.2.3). ``records`` are those that can be
    used; without any TLS is to be used all the same, unauthenticated (section 2.2)."""

    base: str
    records: tuple[Tlsa, ...]
    texts: tuple[str, ...]  # all of them, for reports
    ttl: int


def parse_tlsa(text: str) -> Tlsa:
    """Read the presentation format (RFC 6698 section 2.2). Raises BadSyntax."""
    match = _TLSA.fullmatch(text.strip())
    digits = "" if match is None else match[4].replace(" ", "")
    if match is None or len(digits) % 2 or any(int(match[at]) > 255 for at in (1, 2, 3)):
        raise BadSyntax("TLSA record", text.encode("utf-8", "replace"), "RFC 6698 section 2.2")
    return Tlsa(int(match[1]), int(match[2]), int(match[3]), bytes.fromhex(digits))


def tlsa_of(resolver: Resolver, host: Exchange, port: int) -> TlsaFound | None:
    """Return what DANE says of a host that DNSSEC vouches for as a server of the domain (or whose
    name an operator gave); None when it says nothing. Raises TlsaLost."""
    for base in _bases(resolver, host):
        name = f"_{port}._tcp.{base}"
        try:
            answer = resolver.query(name, "TLSA")
        except DnsUnavailable as error:
            raise TlsaLost(host.name, error) from error
        # What DNSSEC does not vouch for is as good as nothing (section 2.1.1).
        if answer.records and answer.validated:
            texts = answer.records[:_MOST_RECORDS]
            return TlsaFound(base, usable(_readable(texts)), texts, answer.ttl)
    return None


def _bases(resolver: Resolver, host: Exchange) -> tuple[str, ...]:
    """Names under which TLSA records may be, the first counts (section 2.2.3).

    Where DNSSEC does not hold for the addresses nothing is asked: there, servers that do not
    know TLSA are common, and mail must not wait for them (section 2.2.2).
    """
    if host.validated:
        return (host.canonical, host.name) if host.canonical else (host.name,)
    if not host.canonical:
        return ()
    # The alias may be signed though its target is not.
    try:
        alias = resolver.query(host.name, "CNAME")
    except DnsUnavailable as error:
        raise TlsaLost(host.name, error) from error
    return (host.name,) if alias.records and alias.validated else ()


def _readable(texts: tuple[str, ...]) -> list[Tlsa]:
    found = []
    for text in texts:
        try:
            found.append(parse_tlsa(text))
        except BadSyntax:
            continue  # an unusable record, like those of unknown usage
    return found
