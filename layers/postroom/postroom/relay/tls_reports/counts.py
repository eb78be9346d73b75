"""Results of TLS sessions, counted by policy (RFC 8460 section 4). Values only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from postroom.relay.destinations.facts import Facts
from postroom.relay.parcel import TlsResult

# What is told of one domain, so that its record stays below the largest that a table takes.
_MOST_POLICIES = 10
_MOST_FAILURES = 20  # kinds of failures under one policy; the rest is counted without its host
_MOST_LINES = 40  # of a policy, and patterns
_LONGEST = 400  # characters of a line or a detail


class Policy(msgspec.Struct, frozen=True, array_like=True):
    """What applied to a session (section 4.4)."""

    kind: str  # "tlsa", "sts" or "no-policy-found"
    domain: str  # for tlsa the TLSA base domain (section 1.1)
    lines: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()


class Failure(msgspec.Struct, frozen=True, array_like=True):
    kind: str  # result type of section 4.3
    host: str = ""
    address: str = ""
    detail: str = ""


@dataclass(slots=True)
class Count:
    """Sessions under one policy, counted up."""

    policy: Policy
    successes: int = 0
    failures: dict[Failure, int] = field(default_factory=dict)

    def fail(self, failure: Failure, times: int = 1) -> None:
        if failure not in self.failures and len(self.failures) >= _MOST_FAILURES:
            failure = Failure(failure.kind)
        self.failures[failure] = self.failures.get(failure, 0) + times


class Counts:
    """Of one domain."""

    def __init__(self, counts: Iterable[Count] = ()) -> None:
        self._counts = {count.policy: count for count in counts}

    def __iter__(self) -> Iterator[Count]:
        return iter(self._counts.values())

    def __bool__(self) -> bool:
        return bool(self._counts)

    def note(self, domain: str, results: Sequence[TlsResult], facts: Facts) -> None:
        """Count the sessions of one attempt. What an operator chose is no policy of the domain,
        and not reported."""
        ours = [result for result in results if result.policy != "route"]
        for result in ours:
            count = self._of(_policy(domain, result.policy, result.host, facts))
            if not result.failure:
                count.successes += 1
            else:
                count.fail(
                    Failure(
                        result.failure,
                        result.host,
                        result.address,
                        result.detail[:_LONGEST],
                    )
                )
        for failure in facts.failures if ours else ():
            policy = _policy(domain, failure.policy, failure.host, facts)
            self._of(policy).fail(
                Failure(failure.kind, failure.host, detail=failure.detail[:_LONGEST])
            )

    def add(self, others: Iterable[Count]) -> None:
        for other in others:
            count = self._of(other.policy)
            count.successes += other.successes
            for failure, times in other.failures.items():
                count.fail(failure, times)

    def _of(self, policy: Policy) -> Count:
        if policy not in self._counts and len(self._counts) >= _MOST_POLICIES:
            # A domain that changes its policy all the time is told less exactly.
            policy = Policy(policy.kind, policy.domain)
        return self._counts.setdefault(policy, Count(policy))


def _policy(domain: str, kind: str, host: str, facts: Facts) -> Policy:
    if kind == "tlsa":
        fact = facts.tlsa.get(host)
        return Policy("tlsa", fact.base, _cut(fact.records)) if fact else Policy("tlsa", host)
    if kind == "sts":
        return Policy("sts", domain, _cut(facts.sts), _cut(facts.sts_mx))
    return Policy("no-policy-found", domain)


def _cut(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line[:_LONGEST] for line in lines[:_MOST_LINES])


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[tuple[Policy, int, list[tuple[Failure, int]]]])


def encode(counts: Counts) -> bytes:
    rows = [(count.policy, count.successes, list(count.failures.items())) for count in counts]
    return _encoder.encode(rows)


def decode(octets: bytes) -> list[Count]:
    return [
        Count(policy, successes, dict(failures))
        for policy, successes, failures in _decoder.decode(octets)
    ]
