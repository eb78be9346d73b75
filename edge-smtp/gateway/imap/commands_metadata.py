"""Commands on annotations and quotas, as values (RFC 5464, RFC 9208)."""

from dataclasses import dataclass

from gateway.imap.commands import Command

INFINITY = 2**31  # of DEPTH: deeper than any name


@dataclass(frozen=True, slots=True)
class GetMetadata(Command):
    """``mailbox`` "": the server. ``entries``: names in lower case. ``depth``: how many levels
    below them, too (RFC 5464 section 4.2.2); ``largest``: octets of a value, None for any."""

    mailbox: str
    entries: tuple[str, ...]
    depth: int = 0
    largest: int | None = None


@dataclass(frozen=True, slots=True)
class SetMetadata(Command):
    """``entries``: names in lower case, and values; None removes one."""

    mailbox: str
    entries: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class GetQuota(Command):
    root: str


@dataclass(frozen=True, slots=True)
class GetQuotaRoot(Command):
    mailbox: str
