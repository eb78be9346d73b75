"""Looking through a published SPF record (RFC 7208): does it hold, and does it cover an address?

Not the check of incoming mail: nobody's mail depends on it, macros are not expanded, and what is
wrong is told in sentences for the owner of the record.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from postroom.errors import BadSyntax
from postroom.platform.resolver import Resolver
from postroom.relay.destinations.mx import parse_mx

MOST_LOOKUPS = 10  # section 4.6.4
_MOST_TERMS = 200
_MOST_HOSTS = 10  # of an mx mechanism (section 4.6.4)
_VERSION = re.compile(r"v=spf1(?: |\Z)", re.IGNORECASE)
_TERM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)((?::[^/\s]\S*)?(?:/\S+)?)")
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(\S*)")
_SPEC = re.compile(r"(?::([^/]+))?(?:/([0-9]{1,2}))?(?://([0-9]{1,3}))?")

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Term:
    qualifier: str  # "+", "-", "~", "?"
    mechanism: str  # in lower case; "redirect" for the modifier
    argument: str  # what follows the colon or the equals sign, "" for nothing
    prefixes: tuple[int, int] = (32, 128)  # for IPv4 and IPv6


@dataclass
class Findings:
    """``covered``: by address, "pass", "fail", "softfail", "neutral", or "unknown" when that hangs
    on a macro."""

    lookups: int = 0
    problems: list[str] = field(default_factory=list)
    covered: dict[str, str] = field(default_factory=dict)


def is_spf(text: str) -> bool:
    """Section 4.5."""
    return _VERSION.match(text) is not None


def parse_spf(text: str) -> tuple[Term, ...]:
    """The terms of a record in their order. Raises BadSyntax with the first that is wrong."""
    if not is_spf(text):
        raise _bad(text)
    words = text[len("v=spf1") :].split(" ")
    if len(words) > _MOST_TERMS:
        raise _bad(text)
    terms = [_parse_term(word) for word in words if word]
    return tuple(term for term in terms if term.mechanism)


def look_through(
    resolver: Resolver, domain: str, text: str, addresses: tuple[str, ...]
) -> Findings:
    """Follow the record of *domain*. Raises BadSyntax for the record itself, DnsUnavailable."""
    findings = Findings()
    walker = _Walker(resolver, findings)
    terms = parse_spf(text)
    for address in addresses:
        findings.covered[address] = walker.evaluate(domain, terms, address, 0)
    walker.count(domain, terms, 0)
    if findings.lookups > MOST_LOOKUPS:
        findings.problems.append(
            f"it takes {findings.lookups} DNS look-ups, {MOST_LOOKUPS} are allowed: receivers "
            "take it for broken (RFC 7208 section 4.6.4)"
        )
    return findings


class _Walker:
    """Both walks end, also where records include each other, or one includes itself often."""

    def __init__(self, resolver: Resolver, findings: Findings) -> None:
        self._resolver = resolver
        self._findings = findings
        self._records: dict[str, tuple[Term, ...] | None] = {}
        self._left = 200  # DNS questions for one record
        self._steps = 2_000

    def count(self, domain: str, terms: tuple[Term, ...], depth: int) -> None:
        findings = self._findings
        has_all = any(term.mechanism == "all" for term in terms)
        for term in terms:
            if term.mechanism == "redirect" and has_all:
                continue  # section 6.1: then it is ignored
            if findings.lookups > 10 * MOST_LOOKUPS:
                return  # enough to tell
            if term.mechanism in ("include", "a", "mx", "ptr", "exists", "redirect"):
                findings.lookups += 1
            if term.mechanism == "ptr":
                self._problem(f"{domain} uses ptr, which nobody should (section 5.5)")
            if term.mechanism in ("include", "redirect") and "%" not in term.argument:
                inner = self._terms_of(term.argument)
                if inner is None:
                    self._problem(f"{term.mechanism} of {term.argument}, which has no SPF record")
                elif depth < MOST_LOOKUPS:
                    self.count(term.argument, inner, depth + 1)

    def evaluate(self, domain: str, terms: tuple[Term, ...], address: str, depth: int) -> str:
        ip = ipaddress.ip_address(address)
        for term in terms:
            if term.mechanism == "redirect":
                continue
            self._steps -= 1
            if "%" in term.argument or self._steps < 0:
                return "unknown"
            if term.mechanism == "include":
                inner = self._terms_of(term.argument)
                if inner is None or depth >= MOST_LOOKUPS:
                    continue
                found = self.evaluate(term.argument, inner, address, depth + 1)
                if found == "unknown":
                    return found
                matches = found == "pass"
            else:
                matches = any(ip in network for network in self._networks(domain, term, ip.version))
            if matches:
                return {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}[term.qualifier]
        for term in terms:
            if term.mechanism == "redirect" and depth < MOST_LOOKUPS:
                inner = None if "%" in term.argument else self._terms_of(term.argument)
                if inner is None:
                    return "unknown"
                return self.evaluate(term.argument, inner, address, depth + 1)
        return "neutral"

    def _networks(self, domain: str, term: Term, version: int) -> Iterator[_Network]:
        if term.mechanism == "all":
            yield ipaddress.ip_network("0.0.0.0/0" if version == 4 else "::/0")
        elif term.mechanism in ("ip4", "ip6"):
            yield ipaddress.ip_network(term.argument, strict=False)
        elif term.mechanism == "a":
            yield from self._hosts(term.argument or domain, term, version)
        elif term.mechanism == "mx":
            for text in self._ask(term.argument or domain, "MX")[:_MOST_HOSTS]:
                try:
                    _, host = parse_mx(text)
                except BadSyntax:
                    continue
                if host:
                    yield from self._hosts(host, term, version)

    def _hosts(self, name: str, term: Term, version: int) -> Iterator[_Network]:
        prefix = term.prefixes[version == 6]
        for address in self._ask(name, "A" if version == 4 else "AAAA"):
            yield ipaddress.ip_network(f"{address}/{prefix}", strict=False)

    def _terms_of(self, domain: str) -> tuple[Term, ...] | None:
        if domain not in self._records:
            found = [text for text in self._ask(domain, "TXT") if is_spf(text)]
            self._records[domain] = None
            if len(found) > 1:
                self._problem(f"{domain} has {len(found)} SPF records, which counts as broken")
            elif found:
                try:
                    self._records[domain] = parse_spf(found[0])
                except BadSyntax as error:
                    self._problem(f"{domain}: {error}")
        return self._records[domain]

    def _ask(self, name: str, kind: str) -> tuple[str, ...]:
        self._left -= 1
        if self._left < 0:
            return ()
        return self._resolver.query(name, kind).records  # type: ignore[arg-type]

    def _problem(self, sentence: str) -> None:
        if sentence not in self._findings.problems:
            self._findings.problems.append(sentence)


def _parse_term(word: str) -> Term:
    modifier = _MODIFIER.fullmatch(word)
    if modifier is not None:
        name = modifier[1].lower()
        if name == "redirect" and modifier[2]:
            return Term("+", name, modifier[2].lower().rstrip("."))
        if name in ("redirect", "exp") and not modifier[2]:
            raise _bad(word)
        return Term("+", "", "")  # exp=, and unknown ones, which are ignored (section 6)
    match = _TERM.fullmatch(word.lower())
    if match is None:
        raise _bad(word)
    qualifier, mechanism, rest = match[1] or "+", match[2], match[3]
    if mechanism in ("ip4", "ip6"):
        try:
            network = ipaddress.ip_network(rest.removeprefix(":"), strict=False)
        except ValueError as error:
            raise _bad(word) from error
        if network.version != int(mechanism[2]):
            raise _bad(word)
        return Term(qualifier, mechanism, str(network))
    spec = _SPEC.fullmatch(rest)
    if spec is None or (mechanism == "all" and rest):
        raise _bad(word)
    prefixes = (int(spec[2] or 32), int(spec[3] or 128))
    if mechanism in ("include", "exists") and (not spec[1] or spec[2] or spec[3]):
        raise _bad(word)
    if prefixes[0] > 32 or prefixes[1] > 128:
        raise _bad(word)
    return Term(qualifier, mechanism, (spec[1] or "").rstrip("."), prefixes)


def _bad(text: str) -> BadSyntax:
    return BadSyntax(
        "term of an SPF record", text.encode("utf-8", "replace"), "RFC 7208 section 4.6"
    )
