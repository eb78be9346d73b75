"""What a server offers: the reply to EHLO (RFC 5321 section 4.1.1.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_KEYWORD = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =](.*))?", re.DOTALL)
_NUMBER = re.compile(rb"[0-9]{1,18}")
_LIMIT = re.compile(rb"([A-Za-z0-9-]+)=([1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True)
class Extensions:
    pipelining: bool = False  # RFC 2920
    size: int | None = None  # RFC 1870: the largest message, 0 when no limit is told
    eight_bit: bool = False  # RFC 6152
    smtputf8: bool = False  # RFC 6531
    dsn: bool = False  # RFC 3461
    chunking: bool = False  # RFC 3030
    starttls: bool = False  # RFC 3207
    requiretls: bool = False  # RFC 8689
    mechanisms: frozenset[str] = frozenset()  # RFC 4954
    deliver_by: int | None = None  # RFC 2852: the least time in seconds, 0 when none is told
    # LIMITS (RFC 9422 section 4), 0 when not told.
    most_recipients: int = 0  # RCPTMAX: in a transaction
    most_transactions: int = 0  # MAILMAX: on a connection
    most_domains: int = 0  # RCPTDOMAINMAX: of recipients, in a transaction


NONE = Extensions()  # of a server that knows HELO only


def parse_extensions(lines: Sequence[bytes]) -> Extensions:
    """Read the lines of the reply to EHLO, the first of which is a greeting.

    Never raises: what cannot be understood is not offered. Of a keyword that comes twice the
    first counts, except that the mechanisms of AUTH are joined.
    """
    found: dict[bytes, bytes] = {}
    mechanisms: set[str] = set()
    for line in lines[1:]:
        match = _KEYWORD.fullmatch(line.strip())
        if match is None:
            continue
        keyword, value = match[1].upper(), (match[2] or b"").strip()
        if keyword == b"AUTH":  # "AUTH=LOGIN" as old servers wrote it is understood, too
            mechanisms.update(word.decode("latin-1").upper() for word in value.split()[:50])
        found.setdefault(keyword, value)
    limits = {
        match[1].upper(): int(match[2])
        for word in found.get(b"LIMITS", b"").split()[:20]
        if (match := _LIMIT.fullmatch(word))
    }
    return Extensions(
        pipelining=b"PIPELINING" in found,
        size=_number(found.get(b"SIZE")),
        eight_bit=b"8BITMIME" in found,
        smtputf8=b"SMTPUTF8" in found,
        dsn=b"DSN" in found,
        chunking=b"CHUNKING" in found,
        starttls=b"STARTTLS" in found,
        requiretls=b"REQUIRETLS" in found,
        mechanisms=frozenset(mechanisms),
        deliver_by=_number(found.get(b"DELIVERBY")),
        most_recipients=limits.get(b"RCPTMAX", 0),
        most_transactions=limits.get(b"MAILMAX", 0),
        most_domains=limits.get(b"RCPTDOMAINMAX", 0),
    )


def _number(value: bytes | None) -> int | None:
    """The value of SIZE or DELIVERBY; 0 when it is left out or no number."""
    if value is None:
        return None
    match = _NUMBER.match(value)
    return int(match[0]) if match else 0
