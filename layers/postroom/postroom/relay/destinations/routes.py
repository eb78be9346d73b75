"""The routing table: which way mail goes, by the recipient's or the sender's domain.

Records: ``routes`` : pattern. A batch of messages costs one read of the keys that could match;
`patterns` tells their precedence, `urls` what a route can be.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from postroom.errors import (
    BadSetting,
    BadSyntax,
    ConditionFailed,
    SecretUnreadable,
    StoreUnavailable,
)
from postroom.platform.table import Delete, Key, Present, Put, Record, Table
from postroom.platform.vault import Vault
from postroom.relay.destinations.patterns import EVERY, candidates, canonical_pattern
from postroom.relay.destinations.urls import RouteUrl, TlsLevel, parse_route_url

_PARTITION = "routes"
_MOST_OPENED = 100  # passwords remembered


class NoSuchRoute(BadSetting):
    def __init__(self, pattern: str) -> None:
        super().__init__(f"there is no route for {pattern}")


@dataclass(frozen=True, slots=True)
class Route:
    """One way, as `urls` tells. ``broken``: why it cannot be taken now."""

    pattern: str
    url: str
    kind: Literal["mx", "smtp", "ses"] = "mx"
    host: str = ""
    port: int = 25
    implicit_tls: bool = False
    user: str = ""
    password: str = ""
    tls: TlsLevel = ""
    broken: str = ""

    def __repr__(self) -> str:  # a password in a traceback is a password in a log
        return f"Route({self.pattern!r}, {self.url!r})"


DEFAULT = Route(EVERY, "mx:")


def by_url(url: str) -> Route:
    """A route of no pattern, for one message. Raises BadSetting."""
    try:
        parsed = parse_route_url(url)
    except BadSyntax as error:
        raise BadSetting(str(error)) from error
    if parsed.user:
        raise BadSetting(
            f"{parsed} needs a password, which is kept with a route of a domain: "
            "`postroom route set`"
        )
    return _route("", parsed)


class Routes:
    """Safe in any thread."""

    def __init__(self, table: Table, vault: Vault) -> None:
        self._table = table
        self._vault = vault
        self._opened: dict[tuple[str, bytes], str] = {}  # so that KMS is not asked for each batch

    def set(self, pattern: str, url: str, password: str = "") -> Route:
        """Write the route, in place of an earlier one. Raises BadSetting, StoreUnavailable."""
        pattern = canonical_pattern(pattern)
        try:
            parsed = parse_route_url(url)
        except BadSyntax as error:
            raise BadSetting(str(error)) from error
        if parsed.user and not password:
            raise BadSetting(f"a route with the user {parsed.user} needs a password")
        if password and not parsed.user:
            raise BadSetting("the route has a password but no user: smtps://user@host")
        sealed = self._vault.seal(password.encode(), _context(pattern)) if password else b""
        body: dict[str, str | bytes] = {"url": str(parsed), "password": sealed}
        self._table.write(Put(Key(_PARTITION, pattern), body))
        return _route(pattern, parsed, password)

    def remove(self, pattern: str) -> None:
        """Raises NoSuchRoute, BadSetting, StoreUnavailable."""
        pattern = canonical_pattern(pattern)
        try:
            self._table.write(Delete(Key(_PARTITION, pattern), Present()))
        except ConditionFailed as error:
            raise NoSuchRoute(pattern) from error

    def find(self, pairs: Sequence[tuple[str, str]]) -> list[Route]:
        """Return the route for each pair of a sender's and a recipient's domain (lower case,
        A-labels; the sender's is "" for the null reverse-path). Raises StoreUnavailable.

        A route whose password cannot be opened is ``broken``: it holds up nobody else's mail.
        """
        wanted = [list(candidates(*pair)) for pair in pairs]
        keys = {Key(_PARTITION, pattern) for patterns in wanted for pattern in patterns}
        found = {record.key.sort: record for record in self._table.get_many(sorted(keys)).values()}
        used = [
            next((pattern for pattern in patterns if pattern in found), None) for patterns in wanted
        ]
        routes = {
            pattern: self._read(found[pattern], secret=True)
            for pattern in set(used)
            if pattern is not None
        }
        return [DEFAULT if pattern is None else routes[pattern] for pattern in used]

    def list(self) -> list[Route]:
        """All routes, without passwords, in order of their patterns."""
        return [self._read(record, secret=False) for record in self._table.range(_PARTITION)]

    def _read(self, record: Record, *, secret: bool) -> Route:
        pattern, url, sealed = record.key.sort, record.body["url"], record.body["password"]
        assert isinstance(url, str)  # noqa: S101  (we wrote it)
        assert isinstance(sealed, bytes)  # noqa: S101
        try:
            route = _route(pattern, parse_route_url(url))
        except BadSyntax as error:  # written by another version of us
            return Route(pattern, url, broken=str(error))
        if not secret or not sealed:
            return route
        try:
            return replace(route, password=self._open(sealed, pattern))
        except (SecretUnreadable, StoreUnavailable) as error:
            return replace(route, broken=f"its password cannot be read: {error}")

    def _open(self, sealed: bytes, pattern: str) -> str:
        password = self._opened.get((pattern, sealed))
        if password is None:
            password = self._vault.open(sealed, _context(pattern)).decode()
            if len(self._opened) >= _MOST_OPENED:
                self._opened.clear()
            self._opened[pattern, sealed] = password
        return password


def _context(pattern: str) -> str:
    return f"route/{pattern}"


def _route(pattern: str, url: RouteUrl, password: str = "") -> Route:
    return Route(
        pattern,
        str(url),
        url.kind,
        url.host,
        url.port,
        url.implicit_tls,
        url.user,
        password,
        url.tls,
    )
