"""What was found out about a domain's policies, for the reports of RFC 8460."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_NONE: Mapping[str, "TlsaFact"] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TlsaFact:
    base: str  # TLSA base domain
    records: tuple[str, ...]  # presentation format


@dataclass(frozen=True, slots=True)
class PolicyFailure:
    """A policy that could not be had, or forbids a host: a result of every attempt made so."""

    policy: str  # "sts" or "tlsa"
    kind: str  # result type of RFC 8460 section 4.3
    host: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    sts: tuple[str, ...] = ()  # lines of the policy
    sts_mx: tuple[str, ...] = ()  # its patterns
    tlsa: Mapping[str, TlsaFact] = field(default_factory=lambda: _NONE)  # by name of the host
    failures: tuple[PolicyFailure, ...] = ()


NO_FACTS = Facts()
