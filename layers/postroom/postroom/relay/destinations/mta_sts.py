"""MTA-STS policies: found, fetched, kept as long as they ask for (RFC 8461 sections 3.3 and 5.1).

Records: ``mta-sts/<domain>`` : ``policy`` until it expires, so that all workers share it and a
policy holds even while DNS or the policy host are kept from us; ``failure`` for five minutes after
a fetch failed, so that nobody hammers the host.
"""

from dataclasses import dataclass

from postroom.errors import BadSyntax
from postroom.platform.clock import Clock
from postroom.platform.resolver import DnsUnavailable, Resolver
from postroom.platform.table import Body, Key, Put, Record, Table
from postroom.platform.web import Web, WebFailed
from postroom.relay.destinations.sts_policy import (
    LARGEST_POLICY,
    StsPolicy,
    parse_sts_policy,
    policy_id,
)

_FETCH_TIMEOUT = 20.0  # seconds; section 3.3 allows a minute, but mail waits
_FETCH_AGAIN = 300  # seconds after a failure (section 3.3)
_REFRESH = 86_400  # seconds: fetched anew once a day (section 3.3), well before it expires


@dataclass(frozen=True, slots=True)
class StsFound:
    """The policy to apply; and what went wrong on the way, a result type of RFC 8460 section
    4.3.2.2 with a sentence."""

    policy: StsPolicy | None = None
    failure: str = ""
    detail: str = ""


class MtaSts:
    """Safe in any thread."""

    def __init__(self, resolver: Resolver, web: Web, table: Table, clock: Clock) -> None:
        self._resolver = resolver
        self._web = web
        self._table = table
        self._clock = clock

    def policy(self, domain: str) -> StsFound:
        """Find the policy of a domain (A-labels), cached or live. Raises StoreUnavailable."""
        now = int(self._clock.seconds())
        keys = _policy_key(domain), _failure_key(domain)
        records = self._table.get_many(keys)
        kept, failed = records.get(keys[0]), records.get(keys[1])
        name = self._published(domain)
        if not name:
            # No record, or DNS is silent: a policy that we know holds on (section 5.1).
            return StsFound(_usable(kept))
        if kept is not None and kept.body["id"] == name and now < _refresh_at(kept):
            return StsFound(_usable(kept))
        if failed is not None and failed.body["id"] == name:
            return StsFound(_usable(kept), str(failed.body["kind"]), str(failed.body["detail"]))
        return self._fetch(domain, name, kept, now)

    def _published(self, domain: str) -> str:
        try:
            return policy_id(self._resolver.query(f"_mta-sts.{domain}", "TXT").records)
        except (DnsUnavailable, BadSyntax):
            return ""

    def _fetch(self, domain: str, name: str, kept: Record | None, now: int) -> StsFound:
        url = f"https://mta-sts.{domain}/.well-known/mta-sts.txt"
        try:
            octets = self._web.get(url, most=LARGEST_POLICY, timeout=_FETCH_TIMEOUT)
            policy = parse_sts_policy(octets)
        except WebFailed as error:
            kind, detail = error.kind, str(error)
        except BadSyntax as error:
            kind, detail = "sts-policy-invalid", str(error)
        else:
            body: Body = {"id": name, "text": "\n".join(policy.lines), "fetched": now}
            expires = now + max(policy.max_age, 1)
            self._table.write(Put(_policy_key(domain), body, expires=expires))
            return StsFound(policy if policy.mode != "none" else None)
        body = {"id": name, "kind": kind, "detail": detail[:500]}
        self._table.write(Put(_failure_key(domain), body, expires=now + _FETCH_AGAIN))
        return StsFound(_usable(kept), kind, detail)


def _policy_key(domain: str) -> Key:
    return Key(f"mta-sts/{domain}", "policy")


def _failure_key(domain: str) -> Key:
    return Key(f"mta-sts/{domain}", "failure")


def _usable(kept: Record | None) -> StsPolicy | None:
    if kept is None:
        return None
    policy = _parsed(kept)
    return policy if policy.mode != "none" else None


def _parsed(kept: Record) -> StsPolicy:
    return parse_sts_policy(str(kept.body["text"]).encode())


def _refresh_at(kept: Record) -> int:
    fetched = kept.body["fetched"]
    assert isinstance(fetched, int)  # noqa: S101  (we wrote it)
    # A short-lived policy is fetched anew at half its time.
    return fetched + min(_REFRESH, max(1, _parsed(kept).max_age // 2))
