"""What a ManageSieve server tells of itself (RFC 5804 section 1.7)."""

from collections.abc import Iterable, Iterator

from gateway.managesieve import replies
from postroom.sieve.engine import CAPABILITIES
from postroom.sieve.limits import LIMITS

_NOTIFY = "enotify"  # the extension that has methods (RFC 5435)


def capabilities(mechanisms: Iterable[str], *, starttls: bool, owner: str) -> bytes:
    """The lines of the list, without the OK that follows. *owner*: address, "" before the login."""
    lines = _listed(" ".join(mechanisms), starttls, owner)
    return b"".join(
        b" ".join(replies.string(part.encode()) for part in line) + b"\r\n" for line in lines
    )


def _listed(mechanisms: str, starttls: bool, owner: str) -> Iterator[tuple[str, ...]]:
    yield "IMPLEMENTATION", "Postroom"
    yield "VERSION", "1.0"
    # Empty where passwords need TLS first, which is what STARTTLS is there for.
    yield "SASL", mechanisms
    yield "SIEVE", " ".join(CAPABILITIES)
    if _NOTIFY in CAPABILITIES:
        yield "NOTIFY", "mailto"
    yield "MAXREDIRECTS", str(LIMITS.redirects)
    yield "LANGUAGE", "en"
    if starttls:
        yield ("STARTTLS",)
    yield ("UNAUTHENTICATE",)
    if owner:
        yield "OWNER", owner
