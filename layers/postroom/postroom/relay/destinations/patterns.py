"""Which routes may decide on a message, in the order of their precedence.

1. the recipient's domain: ``example.org``
2. a suffix of it, the longest first: ``.example.org`` is for all domains below, not itself
3. the sender's domain: ``from:example.org``
4. a suffix of that: ``from:.example.org``
5. ``*``
"""

from collections.abc import Iterator

from postroom.directory.addresses import BadAddress, canonical_domain
from postroom.errors import BadSetting

EVERY = "*"
_FROM = "from:"


def canonical_pattern(pattern: str) -> str:
    """Return the one spelling of *pattern*. Raises BadSetting."""
    text = pattern.strip()
    if text == EVERY:
        return EVERY
    prefix = _FROM if text.lower().startswith(_FROM) else ""
    rest = text[len(prefix) :]
    dot = "." if rest.startswith(".") else ""
    try:
        return f"{prefix}{dot}{canonical_domain(rest[len(dot) :])}"
    except BadAddress as error:
        raise BadSetting(
            f"{pattern[:300]!r} is no pattern of a route: a domain, .suffix or *, with from: in "
            f"front of a domain or .suffix of senders"
        ) from error


def candidates(sender_domain: str, recipient_domain: str) -> Iterator[str]:
    """Yield the patterns that match, the one that counts first. Domains in lower-case A-labels;
    *sender_domain* is "" for the null reverse-path."""
    yield from _forms(recipient_domain)
    if sender_domain:
        yield from (_FROM + form for form in _forms(sender_domain))
    yield EVERY


def _forms(domain: str) -> Iterator[str]:
    if domain.startswith("["):  # an address literal has no parts, and no route of its own
        return
    yield domain
    rest = domain
    while dot := rest.find(".") + 1:
        rest = rest[dot:]
        yield f".{rest}"
