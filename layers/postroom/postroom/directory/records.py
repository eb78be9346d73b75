"""The values of the directory."""

from dataclasses import dataclass
from typing import Literal, get_args


@dataclass(frozen=True, slots=True)
class Domain:
    name: str  # lower case, A-labels
    alias_of: str = ""  # another domain whose addresses this one shares
    catch_all: str = ""  # address that takes mail for unknown local parts
    separator: str = "+"  # each of its characters may stand before a detail (RFC 5233); "": none
    dots_ignored: bool = False  # j.doe@ and jdoe@ are one address
    patterns: tuple[str, ...] = ()  # local parts of its pattern aliases, the most specific first
    scripts: str = ""  # version of the domain's Sieve scripts, "" for none


@dataclass(frozen=True, slots=True)
class Account:
    id: str  # opaque, never reused
    address: str  # primary address, canonical
    quota: int  # octets, 0 for no limit
    enabled: bool = True
    language: str = ""  # BCP 47, of what we write to its owner (bounces); "" when not said
    messages_per_hour: int = 0  # that it may send; 0: as the settings say
    recipients_per_day: int = 0  # of what it sends; 0: as the settings say
    scripts: str = ""  # version of its Sieve scripts, "" for none


@dataclass(frozen=True, slots=True)
class Alias:
    """Mail for ``address`` goes to ``targets`` instead.

    An alias may stand on an account's own address: it then forwards, and keeps a copy only when
    the address is among its own targets. Targets may lie in domains that are not ours. A ``*``
    in the local part makes it a pattern: see `directory.patterns`.

    While it is disabled or expired its address still stands: no pattern and no catch-all takes
    the mail. It goes to the account there, or is refused.
    """

    address: str
    targets: tuple[str, ...]
    enabled: bool = True
    expires: int = 0  # seconds since 1970 from which on it is closed; 0 never
    note: str = ""

    def is_open(self, now: float) -> bool:
        """Whether mail goes through it at *now*, in seconds since 1970."""
        return self.enabled and not 0 < self.expires <= now


AliasKind = Literal["alias", "pattern", "forward"]  # which follows from its address
ALIAS_KINDS: tuple[AliasKind, ...] = get_args(AliasKind)


@dataclass(frozen=True, slots=True)
class Forward:
    """An alias on an account's own address: its mail goes on, and is kept or not."""

    address: str
    targets: tuple[str, ...]  # others only
    keep: bool


@dataclass(frozen=True, slots=True)
class Masked:
    """An address that a user has made for one correspondent, and can take back alone.

    It leads to the account. Disabled, expired and removed ones are refused: 550 5.1.1.
    """

    address: str
    account: str  # id of its owner
    site: str = ""  # whom it was given to: a domain, or a name
    note: str = ""
    created: int = 0  # seconds since 1970
    enabled: bool = True
    expires: int = 0  # seconds since 1970 from which on it is closed; 0 never

    def is_open(self, now: float) -> bool:
        """Whether it takes mail at *now*, in seconds since 1970."""
        return self.enabled and not 0 < self.expires <= now


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts that are given rights together."""

    id: str  # opaque, never reused
    name: str  # as an address is spelled, without a "$": team@example.org


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the SMTP dialogue answers to one RCPT TO.

    ``unknown``: 550 5.1.1; ``elsewhere``: not our domain, 550 5.7.1 unless the client may
    relay; ``disabled``: 550 5.2.1. When the mail can only go to one account, it is named, so
    that the dialogue can look at its quota (452 4.2.2).
    """

    kind: Literal["local", "unknown", "elsewhere", "disabled"]
    canonical: str = ""  # as the directory spells it, detail kept; elsewhere: as it is sent
    account: str = ""
    quota: int = 0  # octets, 0 for no limit


@dataclass(frozen=True, slots=True)
class Target:
    """One account that mail for a recipient reaches."""

    account: str  # id
    address: str  # the account's primary address
    detail: str = ""  # what stood after the separator: alice+DETAIL@ (RFC 5233)
    scripts: str = ""  # version of the account's scripts, "" for none
    domain_scripts: str = ""  # version of those of its domain
    separator: str = "+"  # of its domain, as in Domain


@dataclass(frozen=True, slots=True)
class Route:
    """Where one recipient's mail goes. ``reasons`` tells of branches that lead nowhere."""

    targets: tuple[Target, ...]
    elsewhere: tuple[str, ...] = ()  # addresses in domains that are not ours
    reasons: tuple[str, ...] = ()
    answering: tuple[str, ...] = ()  # addresses on the way that answer by themselves, as spelled
