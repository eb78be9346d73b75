"""How each server must prove itself, of what the domain publishes and what we were told.

In this order: an override of the route; DANE (RFC 7672), which comes before MTA-STS (RFC 8461
section 2); MTA-STS; what the message asks for (REQUIRETLS, RFC 8689); TLS if it works.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from postroom.platform.network import TlsWanted
from postroom.platform.resolver import DnsUnavailable, Resolver
from postroom.relay.destinations.dane import TlsaFound, TlsaLost, tlsa_of
from postroom.relay.destinations.facts import Facts, PolicyFailure, TlsaFact
from postroom.relay.destinations.mta_sts import MtaSts, StsFound
from postroom.relay.destinations.mx import Exchange, Exchanges, addresses_of, by_preference
from postroom.relay.destinations.routes import Route
from postroom.relay.destinations.sts_policy import StsPolicy
from postroom.relay.destinations.unroutable import Unroutable
from postroom.relay.parcel import Host

# Of the message: "require" is REQUIRETLS, "optional" is "TLS-Required: No".
Wish = Literal["", "require", "optional"]
_SMTP = 25


@dataclass(frozen=True, slots=True)
class Found:
    groups: tuple[tuple[Host, ...], ...]  # by preference
    facts: Facts
    ttl: int  # seconds


def of_domain(
    resolver: Resolver,
    sts: MtaSts,
    domain: str,
    found: Exchanges,
    route: Route,
    wish: Wish,
) -> Found:
    """The servers of a domain. Raises Unroutable, StoreUnavailable."""
    judge = _Judge(resolver, domain, found, route, wish)
    if judge.asks_sts:
        judge.heed(sts.policy(domain))
    groups = [
        tuple(host for one in group if (host := judge.host(one)) is not None)
        for group in by_preference(found.hosts)
    ]
    groups = [group for group in groups if group]
    if not groups:
        judge.explain()
    return Found(tuple(groups), judge.facts(), min(found.ttl, judge.ttl))


class _Judge:
    """Decides on one server after the other, and remembers why some will not do."""

    def __init__(
        self, resolver: Resolver, domain: str, found: Exchanges, route: Route, wish: Wish
    ) -> None:
        self._resolver = resolver
        self._domain = domain
        self._found = found
        self._route = route
        self._wish = wish
        self._level = route.tls
        if wish == "optional" and not self._level:
            self._level = "may"
        self._policy: StsPolicy | None = None
        self._tlsa: dict[str, TlsaFact] = {}
        self._failures: list[PolicyFailure] = []
        self._reasons: list[Unroutable] = []
        self.ttl = found.ttl

    @property
    def asks_sts(self) -> bool:
        """An override says all there is to say, unless the message wants more; literals have no
        policy (RFC 8461 section 3.4)."""
        return not self._found.literal and (
            not self._level or (self._wish == "require" and self._level != "none")
        )

    def heed(self, found: StsFound) -> None:
        self._policy = found.policy
        if found.failure:
            self._failures.append(PolicyFailure("sts", found.failure, detail=found.detail))

    def facts(self) -> Facts:
        policy = self._policy
        return Facts(
            policy.lines if policy else (),
            policy.mx if policy else (),
            self._tlsa,
            tuple(self._failures),
        )

    def explain(self) -> None:
        """Raise Unroutable: no server will do. A reason that may pass lets the mail wait."""
        passing = [reason for reason in self._reasons if not reason.permanent]
        if self._found.lost and not passing:
            lost = f"DNS does not tell the addresses of {', '.join(self._found.lost)[:300]}."
            raise Unroutable("4.4.3", lost, permanent=False)
        raise (passing or self._reasons)[0]

    def host(self, exchange: Exchange) -> Host | None:
        """The server with what is asked of it; None if it will not do."""
        host = Host(exchange.name, exchange.addresses, _SMTP)
        try:
            if self._wish == "require":
                return self._required(host, exchange)
            if self._level == "dane":
                return self._dane_only(host, exchange)
            if self._level:
                return _overridden(host, self._level, (exchange.name,))
            return self._by_policies(host, exchange)
        except TlsaLost as error:
            self._failures.append(
                PolicyFailure("tlsa", "dnssec-invalid", exchange.name, str(error))
            )
            self._reasons.append(Unroutable("4.7.5", str(error), permanent=False))
        except Unroutable as error:
            self._reasons.append(error)
        return None

    def _by_policies(self, host: Host, exchange: Exchange) -> Host:
        tlsa = self._dane(exchange)
        if tlsa is not None and tlsa.records:
            return self._with_dane(host, tlsa)
        policy = self._policy
        allowed = policy is None or policy.allows(host.name)
        if policy is not None and not allowed:
            detail = f"{host.name} is not in the policy"
            self._failures.append(PolicyFailure("sts", "validation-failure", host.name, detail))
        if policy is not None and policy.mode == "enforce":
            if not allowed:
                raise Unroutable(
                    "4.7.0",
                    f"{host.name} is not one of the servers that the MTA-STS policy of "
                    f"{self._domain} names.",
                    permanent=False,
                )
            # SNI is the server's name, and so is the name to be in the certificate (section 4).
            return _with_names(host, (host.name,), "sts")
        if tlsa is not None:
            # Records, but none that can be used: TLS it has to be, whatever the certificate
            # (RFC 7672 section 2.2).
            wanted = TlsWanted("any", (tlsa.base,))
            return replace(host, tls=wanted, tls_required=True, policy="tlsa")
        wanted = TlsWanted("any", (host.name,))
        return replace(host, tls=wanted, policy="sts" if policy is not None else "")

    def _required(self, host: Host, exchange: Exchange) -> Host:
        """REQUIRETLS (RFC 8689 section 2): the name vouched for, the certificate verified."""
        if self._level == "none":
            raise self._no_tls(f"the route for {self._route.pattern} has no TLS")
        tlsa = self._dane(exchange)
        if tlsa is not None and tlsa.records:
            return self._with_dane(host, tlsa)
        if self._level == "dane":
            raise self._no_tls(f"{host.name} has no TLSA record that can be used")
        if self._policy is not None and self._policy.allows(host.name):
            return _with_names(host, (host.name,), "sts")
        if self._policy is not None and self._policy.mode == "enforce":
            raise self._no_tls(f"{host.name} is not in the domain's MTA-STS policy")
        # Where there is no MX record the name is the domain's own, which nobody can forge.
        if self._found.validated or self._found.implicit:
            return _with_names(host, (host.name,), "requiretls")
        raise self._no_tls(
            f"neither DNSSEC nor MTA-STS vouches for {host.name} as a server of {self._domain}"
        )

    def _no_tls(self, why: str) -> Unroutable:
        reason = f"The message requires TLS all the way (REQUIRETLS), and {why}."
        return Unroutable("5.7.10", reason, permanent=True)  # RFC 8689 section 4.2.1

    def _dane_only(self, host: Host, exchange: Exchange) -> Host:
        tlsa = self._dane(exchange)
        if tlsa is None or not tlsa.records:
            detail = f"{host.name} has no TLSA record that can be used"
            self._failures.append(PolicyFailure("tlsa", "dane-required", host.name, detail))
            raise Unroutable("4.7.5", f"DANE is required, and {detail}.", permanent=False)
        return self._with_dane(host, tlsa)

    def _dane(self, exchange: Exchange) -> TlsaFound | None:
        """RFC 7672 section 2.2.1: a forged MX record could lead to a server with its own TLSA
        records, so they only count if DNSSEC holds for the MX records, too. (A domain without
        any is its own server: section 2.2.2.)"""
        if self._found.literal or not (self._found.validated or self._found.implicit):
            return None
        tlsa = tlsa_of(self._resolver, exchange, _SMTP)
        if tlsa is not None:
            self.ttl = min(self.ttl, tlsa.ttl)
            self._tlsa[exchange.name] = TlsaFact(tlsa.base, tlsa.texts)
            if not tlsa.records:
                self._failures.append(
                    PolicyFailure("tlsa", "tlsa-invalid", exchange.name, "no usable record")
                )
        return tlsa

    def _with_dane(self, host: Host, tlsa: TlsaFound) -> Host:
        # RFC 7672 section 3.2.2: the TLSA base domain, the domain of the recipient, and what
        # that is an alias of. The base domain is SNI, too (section 8.1).
        names = (tlsa.base, host.name, self._domain, self._found.canonical)
        return _with_tlsa(host, tlsa, names)


def of_smarthost(resolver: Resolver, route: Route, wish: Wish) -> Found:
    """The one server that an operator named. Raises Unroutable.

    Its own MTA-STS policy is not asked for: its name comes from nobody else, so a certificate can
    be asked for in the route. DANE is heeded unless the route says otherwise (RFC 7672 section
    2.2.2). It may be this machine.
    """
    exchange = _resolved(resolver, route)
    base = Host(
        exchange.name,
        exchange.addresses,
        route.port,
        route.implicit_tls,
        user=route.user,
        password=route.password,
        policy="route",
    )
    level = route.tls or ("verify" if route.user or route.implicit_tls else "")
    if wish == "require" and level != "dane":
        if level == "none":
            raise Unroutable(
                "5.7.10",
                f"The message requires TLS all the way (REQUIRETLS), and the route for "
                f"{route.pattern} has none.",
                permanent=True,
            )
        level = "verify"
    ttl = 300
    host = _overridden(base, level, (route.host,)) if level and level != "dane" else None
    if host is None:
        try:
            tlsa = tlsa_of(resolver, exchange, route.port)
        except TlsaLost as error:
            raise Unroutable("4.7.5", str(error), permanent=False) from error
        if tlsa is not None and tlsa.records:
            names = (tlsa.base, route.host)
            host = replace(_with_tlsa(base, tlsa, names), policy="route")
            ttl = tlsa.ttl
        elif level == "dane":
            reason = f"DANE is required, and {route.host} has no TLSA record that can be used."
            raise Unroutable("4.7.5", reason, permanent=False)
        else:
            wanted = TlsWanted("any", (route.host,))
            host = replace(base, tls=wanted, tls_required=tlsa is not None)
    return Found(((host,),), Facts(), ttl)


def _resolved(resolver: Resolver, route: Route) -> Exchange:
    if route.host.replace(".", "").isdigit() or ":" in route.host:
        return Exchange(route.host, 0, (route.host,))
    try:
        answer = addresses_of(resolver, route.host)
    except DnsUnavailable as error:
        raise Unroutable("4.4.3", str(error), permanent=False) from error
    if not answer.records:
        # The operator's mistake, not the sender's: there is time to correct it.
        reason = f"The server {route.host} of the route for {route.pattern} has no address."
        raise Unroutable("4.4.4", reason, permanent=False)
    return Exchange(route.host, 0, answer.records, answer.validated, answer.canonical)


def _overridden(host: Host, level: str, names: tuple[str, ...]) -> Host:
    """As the route says: none, may, encrypt or verify."""
    if level == "none":
        return replace(host, tls=None, tls_required=False, policy="route")
    if level == "verify":
        return _with_names(host, names, "route")
    return replace(
        host, tls=TlsWanted("any", names), tls_required=level == "encrypt", policy="route"
    )


def _with_names(host: Host, names: tuple[str, ...], policy: str) -> Host:
    return replace(host, tls=TlsWanted("names", names), tls_required=True, policy=policy)


def _with_tlsa(host: Host, tlsa: TlsaFound, names: Iterable[str]) -> Host:
    unique = tuple(dict.fromkeys(name for name in names if name))
    wanted = TlsWanted("dane", unique, tlsa.records)
    return replace(host, tls=wanted, tls_required=True, policy="tlsa")
