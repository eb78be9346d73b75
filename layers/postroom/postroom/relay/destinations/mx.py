"""The servers of a domain (RFC 5321 section 5.1): MX, null MX, the domain itself, no loops."""

import ipaddress
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest

from postroom.errors import BadSyntax
from postroom.platform.resolver import Answer, DnsUnavailable, RecordType, Resolver
from postroom.relay.destinations.unroutable import Unroutable

MOST_HOSTS = 20  # of one domain that are looked at
MOST_ADDRESSES = 50  # of all of them together
_MX = re.compile(r"([0-9]{1,5})[ \t]+(\S{1,1100})")
_NAME = re.compile(r"(?=.{1,254}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_LITERAL = re.compile(r"\[(?:IPv6:([0-9A-Fa-f:.]{2,45})|([0-9.]{7,15}))\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One server. ``validated``: DNSSEC holds for all its addresses."""

    name: str
    preference: int
    addresses: tuple[str, ...]  # to be tried in this order
    validated: bool = False
    canonical: str = ""  # where the CNAMEs of ``name`` lead, "" without one


@dataclass(frozen=True, slots=True)
class Exchanges:
    """The servers by preference. ``validated``: DNSSEC holds for the MX records.

    ``implicit``: there are no MX records, the domain itself is the server; ``literal``: and it is
    an address. ``lost`` names servers whose addresses DNS could not tell now.
    """

    hosts: tuple[Exchange, ...]
    validated: bool
    ttl: int  # seconds
    implicit: bool = False
    literal: bool = False
    lost: tuple[str, ...] = ()
    canonical: str = ""  # where the CNAMEs of the domain lead


def parse_mx(text: str) -> tuple[int, str]:
    """Return preference and name (lower case, no final dot; "" for the root) of an MX record in
    presentation format. Raises BadSyntax."""
    match = _MX.fullmatch(text)
    name = match[2].lower() if match else ""
    if match is None or int(match[1]) > 65535 or (name != "." and not _NAME.fullmatch(name)):
        raise BadSyntax("MX record", text.encode("utf-8", "replace"), "RFC 1035 section 3.3.9")
    return int(match[1]), name.rstrip(".")


def exchanges(
    resolver: Resolver, domain: str, own: Collection[str], *, allow_loopback: bool
) -> Exchanges:
    """Find them. *own*: names and addresses by which we are known. Raises Unroutable."""
    if domain.startswith("["):
        return _literal(domain, own)
    try:
        answer = resolver.query(domain, "MX")
    except DnsUnavailable as error:
        raise Unroutable("4.4.3", str(error), permanent=False) from error
    if not answer.exists:
        raise Unroutable("5.1.2", f"There is no domain {domain}.", permanent=True)
    listed = _listed(answer)
    if [name for _, name in listed] == [""]:
        # RFC 7505 section 3; "." beside other records is no null MX, and no server either.
        raise Unroutable("5.1.10", f"{domain} accepts no mail (null MX).", permanent=True)
    listed = [(preference, name) for preference, name in listed if name]
    if answer.records and not listed:
        raise Unroutable(
            "5.4.4", f"The MX records of {domain} name no usable host.", permanent=True
        )
    search = _Search(resolver, own, allow_loopback)
    if not answer.records:  # section 5.1: an implicit MX with preference 0
        listed = [(0, domain)]
    search.look_up(listed)
    if not search.found:
        search.explain(domain)
    return Exchanges(
        tuple(search.found),
        answer.validated,
        min(answer.ttl, search.ttl),
        implicit=not answer.records,
        lost=tuple(search.lost),
        canonical=answer.canonical,
    )


def _listed(answer: Answer) -> list[tuple[int, str]]:
    """In order of preference; what is no MX record is left out."""
    found = []
    for record in answer.records:
        try:
            found.append(parse_mx(record))
        except BadSyntax:
            continue
    first: dict[str, int] = {}
    for preference, name in sorted(found, key=lambda one: one[0]):
        first.setdefault(name, preference)  # a host that is listed twice is tried once
    return [(preference, name) for name, preference in first.items()]


class _Search:
    """The addresses of hosts, and why some have none."""

    def __init__(self, resolver: Resolver, own: Collection[str], allow_loopback: bool) -> None:
        self._resolver = resolver
        self._own = own
        self._allow_loopback = allow_loopback
        self.found: list[Exchange] = []
        self.lost: list[str] = []
        self.ttl = 86_400
        self._ours: int | None = None  # the preference at which we are listed
        self._unusable = False
        self._failure = ""

    def look_up(self, listed: list[tuple[int, str]]) -> None:
        """Fill ``found`` with the hosts of better preference than our own."""
        ours = [preference for preference, name in listed if name in self._own]
        room = MOST_ADDRESSES
        for preference, name in listed[:MOST_HOSTS]:
            if preference >= min(ours, default=65_536) or room <= 0:
                break
            host = self._host(preference, name)
            if host is None:
                continue
            if any(address in self._own for address in host.addresses):
                ours.append(preference)
                continue
            usable = tuple(one for one in host.addresses if self._is_usable(one))[:room]
            self._unusable = self._unusable or not usable
            if usable:
                room -= len(usable)
                self.found.append(
                    Exchange(name, preference, usable, host.validated, host.canonical)
                )
        if ours:
            self._ours = min(ours)
            # One of our addresses may have come to light after others of its preference.
            self.found = [host for host in self.found if host.preference < self._ours]

    def explain(self, domain: str) -> None:
        """Raise Unroutable: nothing was found."""
        if self._ours is not None:
            raise Unroutable(
                "5.4.6", f"Mail for {domain} would come back to this server.", permanent=True
            )
        if self._failure:
            raise Unroutable("4.4.3", self._failure, permanent=False)
        if self._unusable:
            raise Unroutable(
                "5.4.4",
                f"The servers of {domain} have addresses that lead nowhere.",
                permanent=True,
            )
        raise Unroutable("5.4.4", f"No server of {domain} has an address.", permanent=True)

    def _host(self, preference: int, name: str) -> Exchange | None:
        """None: it has no address, or DNS cannot tell."""
        try:
            found = addresses_of(self._resolver, name)
        except DnsUnavailable as error:
            self._failure = str(error)
            self.lost.append(name)
            return None
        self.ttl = min(self.ttl, found.ttl)
        if not found.records:
            return None
        return Exchange(name, preference, found.records, found.validated, found.canonical)

    def _is_usable(self, text: str) -> bool:
        return is_public_enough(text) or (self._allow_loopback and _parsed(text).is_loopback)


def addresses_of(resolver: Resolver, name: str) -> Answer:
    """Both kinds of addresses, in turns, IPv6 first (RFC 5321 section 5.2): who can reach one
    kind only loses one try for each. Raises DnsUnavailable if neither can be told.

    ``validated`` holds if it does for both.
    """
    answers: list[Answer] = []
    failure: DnsUnavailable | None = None
    kinds: tuple[RecordType, RecordType] = ("AAAA", "A")
    for kind in kinds:
        try:
            answers.append(resolver.query(name, kind))
        except DnsUnavailable as error:
            failure = error
    if failure is not None and not any(answer.records for answer in answers):
        raise failure
    turns = chain.from_iterable(zip_longest(*(answer.records for answer in answers)))
    return Answer(
        tuple(dict.fromkeys(address for text in turns if (address := _address(text)))),
        exists=any(answer.exists for answer in answers),
        validated=failure is None and all(answer.validated for answer in answers),
        ttl=min(answer.ttl for answer in answers),
        canonical=next((answer.canonical for answer in answers if answer.canonical), ""),
    )


def is_public_enough(text: str) -> bool:
    """Whether DNS may send us to that address. Private networks are fine (a company's own DNS
    leads there); this machine, everybody, nobody, and neighbours without a router are not."""
    address = _parsed(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return not (
        address.is_loopback
        or address.is_unspecified
        or address.is_multicast
        or address.is_link_local
        or (address.version == 4 and (address.is_reserved or address.packed[0] == 0))
    )


def _literal(domain: str, own: Collection[str]) -> Exchanges:
    """``[192.0.2.1]`` or ``[IPv6:2001:db8::1]`` (RFC 5321 section 4.1.3)."""
    match = _LITERAL.fullmatch(domain)
    address = _address(match[1] or match[2]) if match else ""
    if not address:
        raise Unroutable("5.1.2", f"{domain[:300]} is not an address.", permanent=True)
    # A stranger wrote it: mail does not go to what only this machine can reach.
    if address in own or not is_public_enough(address):
        raise Unroutable("5.4.6", f"{domain} is not another server.", permanent=True)
    host = Exchange(address, 0, (address,))
    return Exchanges((host,), False, 86_400, implicit=True, literal=True)


def _address(text: str) -> str:
    """In its one spelling; "" for what is none."""
    try:
        return str(_parsed(text))
    except ValueError:
        return ""


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text)


def by_preference(hosts: tuple[Exchange, ...]) -> Iterator[tuple[Exchange, ...]]:
    """The hosts in groups of equal preference."""
    preferences = sorted({host.preference for host in hosts})
    for preference in preferences:
        yield tuple(host for host in hosts if host.preference == preference)
