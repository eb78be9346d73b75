"""Where mail for a domain goes, and how the servers there must prove themselves.

DNS is asked once for many messages: what was found is kept in the process for as long as its TTL
says, within bounds. Servers of equal preference are shuffled each time.
"""

from collections.abc import Collection
from dataclasses import dataclass

from postroom.platform.clock import Clock, Randomness
from postroom.platform.resolver import Resolver
from postroom.platform.table import Table
from postroom.platform.web import Web
from postroom.relay.destinations.facts import NO_FACTS, Facts
from postroom.relay.destinations.mta_sts import MtaSts
from postroom.relay.destinations.mx import exchanges
from postroom.relay.destinations.requirements import Found, Wish, of_domain, of_smarthost
from postroom.relay.destinations.routes import Route
from postroom.relay.destinations.unroutable import Unroutable
from postroom.relay.parcel import Host

__all__ = ["Destinations", "Unroutable"]

_SHORTEST, _LONGEST = 5, 300  # seconds that an answer is kept, whatever its TTL says
_MOST_KEPT = 2_000  # answers


@dataclass(frozen=True, slots=True)
class _Kept:
    until: float
    found: Found | None
    error: Unroutable | None = None


class Destinations:
    """Safe in any thread.

    *own_names*: names and addresses by which other servers know us: mail does not go there.
    *allow_loopback*: MX records that lead to this machine are followed; else that is a trick.
    """

    def __init__(
        self,
        resolver: Resolver,
        web: Web,
        table: Table,
        clock: Clock,
        randomness: Randomness,
        own_names: Collection[str],
        allow_loopback: bool,
    ) -> None:
        self._resolver = resolver
        self._sts = MtaSts(resolver, web, table, clock)
        self._clock = clock
        self._randomness = randomness
        self._own = frozenset(name.lower().rstrip(".") for name in own_names)
        self._allow_loopback = allow_loopback
        self._kept: dict[tuple[str, Route, Wish], _Kept] = {}

    def hosts(
        self, domain: str, route: Route, *, requiretls: bool = False, tls_optional: bool = False
    ) -> tuple[Host, ...]:
        """Return the servers to try, in this order; one at least. *domain* in lower-case A-labels,
        or an address literal.

        *requiretls*: REQUIRETLS (RFC 8689), only servers that prove themselves will do.
        *tls_optional*: ``TLS-Required: No`` (section 4.2.2), policies of the domain count for
        nothing. Raises Unroutable, StoreUnavailable.
        """
        wish: Wish = "require" if requiretls else "optional" if tls_optional else ""
        kept = self._look(domain, route, wish)
        if kept.found is None:
            assert kept.error is not None  # noqa: S101  (one of them is there)
            # A new one: an exception collects tracebacks, and several threads may raise it.
            error = kept.error
            raise Unroutable(error.status, error.reason, permanent=error.permanent)
        return tuple(host for group in kept.found.groups for host in self._shuffled(group))

    def facts(self, domain: str, route: Route) -> Facts:
        """What the hosts of that domain and route were last judged by. Asks nobody."""
        kept = self._kept.get((domain, route, ""))
        return NO_FACTS if kept is None or kept.found is None else kept.found.facts

    def _look(self, domain: str, route: Route, wish: Wish) -> _Kept:
        now = self._clock.seconds()
        key = (domain, route, wish)
        kept = self._kept.get(key)
        if kept is not None and now < kept.until:
            return kept
        try:
            found = self._find(domain, route, wish)
            kept = _Kept(now + min(max(found.ttl, _SHORTEST), _LONGEST), found)
        except Unroutable as error:
            kept = _Kept(now + _SHORTEST, None, error)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = kept
        return kept

    def _find(self, domain: str, route: Route, wish: Wish) -> Found:
        if route.broken:
            # RFC 3463 section 3.4, X.3.5: the system is incorrectly configured
            reason = f"The route for {route.pattern} cannot be taken: {route.broken}"
            raise Unroutable("4.3.5", reason, permanent=False)
        if route.kind == "smtp":
            return of_smarthost(self._resolver, route, wish)
        found = exchanges(self._resolver, domain, self._own, allow_loopback=self._allow_loopback)
        return of_domain(self._resolver, self._sts, domain, found, route, wish)

    def _shuffled(self, group: tuple[Host, ...]) -> tuple[Host, ...]:
        """RFC 5321 section 5.1: servers of equal preference share the load."""
        if len(group) < 2:
            return group
        lots = self._randomness.octets(4 * len(group))
        drawn = [(lots[4 * at : 4 * at + 4], at) for at in range(len(group))]
        return tuple(group[at] for _, at in sorted(drawn))
