"""URLs of routes: ``mx:``, ``smtp://host:port``, ``smtps://user@host``, ``ses:``.

====================== ==========================================================================
``mx:``                the domain's own servers, port 25
``smtp://host[:port]`` this server, port 25; STARTTLS if it is offered
``smtp://user@host``   submission, port 587: AUTH; STARTTLS and a certificate for the host a must
``smtps://[user@]host`` the same with TLS from the first octet, port 465 (RFC 8314)
``ses:``               the API of Amazon SES
====================== ==========================================================================

A host is a name, an IPv4 address, or an IPv6 address in brackets. ``?tls=`` overrides how the
servers must prove themselves; the words are Postfix's:

``none``
    no TLS (not with a user: passwords do not travel in the clear)
``may``
    TLS if it works, whatever the certificate, whatever policy the domain publishes
``encrypt``
    TLS, whatever the certificate
``verify``
    TLS with a certificate, by an authority that we trust, for the host's name. The name of an MX
    host comes from DNS, and unless that is signed it may be forged.
``dane``
    TLS with a certificate that a TLSA record vouches for
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import quote, unquote

from postroom.directory.addresses import BadAddress, canonical_domain
from postroom.errors import BadSyntax

TlsLevel = Literal["", "none", "may", "encrypt", "verify", "dane"]
_LEVELS = {"none", "may", "encrypt", "verify", "dane"}
_LONGEST = 1_000  # characters
_LONGEST_USER = 320
_AUTHORITY = re.compile(
    r"//(?:([^@/?#]{1,1000})@)?(\[[^\]/?#@]*\]|[^:/?#@\[\]]+)(?::([0-9]{1,5}))?/?"
)


@dataclass(frozen=True, slots=True)
class RouteUrl:
    """``tls`` is "" where the URL says nothing; ``host`` a name in A-labels or an IP address."""

    kind: Literal["mx", "smtp", "ses"]
    host: str = ""
    port: int = 25
    implicit_tls: bool = False
    user: str = ""
    tls: TlsLevel = ""

    def __str__(self) -> str:
        """The one spelling of it."""
        query = f"?tls={self.tls}" if self.tls else ""
        if self.kind != "smtp":
            return f"{self.kind}:{query}"
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _port(self.implicit_tls, self.user) else f":{self.port}"
        return f"{'smtps' if self.implicit_tls else 'smtp'}://{user}{host}{port}{query}"


def parse_route_url(text: str) -> RouteUrl:
    """Raises BadSyntax, whose rule says what is wrong."""
    scheme, colon, rest = text.strip().partition(":")
    if not colon or len(text) > _LONGEST:
        raise _bad("URL of a route (mx:, smtp://host, smtps://user@host or ses:)", text)
    rest, _, query = rest.partition("?")
    match scheme.lower():
        case "mx" if not rest:
            return RouteUrl("mx", tls=_level(query, text))
        case "ses" if not rest and not query:
            return RouteUrl("ses")
        case "smtp":
            return _smtp(rest, query, False, text)
        case "smtps":
            return _smtp(rest, query, True, text)
    raise _bad("URL of a route (mx:, smtp://host, smtps://user@host or ses:)", text)


def _smtp(rest: str, query: str, implicit_tls: bool, text: str) -> RouteUrl:
    match = _AUTHORITY.fullmatch(rest)
    if match is None:
        raise _bad("URL of a route: smtp://[user@]host[:port]", text)
    user = _user(match[1] or "", text)
    port = int(match[3]) if match[3] else _port(implicit_tls, user)
    if not 1 <= port <= 65535:
        raise _bad("URL of a route: a port is 1 to 65535", text)
    level = _level(query, text)
    if level == "none" and implicit_tls:
        raise _bad("URL of a route: smtps is TLS; without it the scheme is smtp", text)
    if level in ("none", "may") and user:
        raise _bad("URL of a route: a password is not sent without TLS", text)
    return RouteUrl("smtp", _host(match[2], text), port, implicit_tls, user, level)


def _port(implicit_tls: bool, user: str) -> int:
    return 465 if implicit_tls else 587 if user else 25


def _user(quoted: str, text: str) -> str:
    if ":" in quoted:
        # It would stay in the shell's history, and be shown in lists.
        without = text.replace(quoted, quoted.partition(":")[0] + ":…")
        raise _bad("URL of a route: a password is asked for, it does not belong here", without)
    user = unquote(quoted, errors="replace")
    if len(user) > _LONGEST_USER or not user.isprintable():
        raise _bad("URL of a route: the user's name cannot be sent", text)
    return user


def _host(host: str, text: str) -> str:
    bare = host.removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        address = None
    if address is not None and "%" not in bare and (address.version == 4 or host != bare):
        return str(address)
    if host != bare or address is not None:
        raise _bad("URL of a route: an IPv6 address stands in brackets, nothing else does", text)
    try:
        return canonical_domain(host)
    except BadAddress as error:
        raise _bad("URL of a route: its host is no host name", text) from error


def _level(query: str, text: str) -> TlsLevel:
    if not query:
        return ""
    name, _, value = query.partition("=")
    if name != "tls" or value not in _LEVELS:
        raise _bad("URL of a route: ?tls= is none, may, encrypt, verify or dane", text)
    return cast("TlsLevel", value)


def _bad(rule: str, text: str) -> BadSyntax:
    return BadSyntax(rule, text.encode("utf-8", "replace"), "postroom route")
