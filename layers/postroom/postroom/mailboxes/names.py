"""Names of mailboxes: Unicode, "/" between levels (RFC 9051 section 5.1, RFC 5198)."""

import unicodedata
from collections.abc import Iterator

from postroom.mailboxes.errors import BadMailboxName

SEPARATOR = "/"
INBOX = "INBOX"
OTHER_USERS = "Other Users"  # what others share appears below it (RFC 2342 section 5)

LONGEST_NAME = 900  # octets: the name is part of a sort key of at most 1,024
LONGEST_LEVEL = 255  # octets, as in most file systems that mail is exported to
DEEPEST = 32  # levels

# What Net-Unicode forbids beyond the control characters (RFC 5198 section 2, RFC 9051 section
# 5.1: line and paragraph separator).
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def canonical(name: str) -> str:
    """Return the name as we keep it: NFC, INBOX in capitals. Raises BadMailboxName."""
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    _check_characters(name)
    levels = name.split(SEPARATOR)
    if "" in levels:
        raise BadMailboxName(name, "a level of it is empty")
    if len(levels) > DEEPEST:
        raise BadMailboxName(name, f"it has more than {DEEPEST} levels")
    if any(len(level.encode()) > LONGEST_LEVEL for level in levels):
        raise BadMailboxName(name, f"a level of it is longer than {LONGEST_LEVEL} octets")
    if len(name.encode()) > LONGEST_NAME:
        raise BadMailboxName(name, f"it is longer than {LONGEST_NAME} octets")
    # "inbox/x" lies below INBOX, or a client would show two inboxes.
    if levels[0].upper() == INBOX:
        levels[0] = INBOX
    return SEPARATOR.join(levels)


def _check_characters(name: str) -> None:
    if name.isascii() and name.isprintable():
        return
    if any(unicodedata.category(character) in _FORBIDDEN_CATEGORIES for character in name):
        raise BadMailboxName(name, "it holds a character that is not for names (RFC 5198)")


def above(name: str) -> Iterator[str]:
    """Yield the names above this one, the highest first."""
    levels = name.split(SEPARATOR)
    for depth in range(1, len(levels)):
        yield SEPARATOR.join(levels[:depth])


def is_below(name: str, top: str) -> bool:
    return name.startswith(top + SEPARATOR)


def reading_order(name: str) -> tuple[bool, list[str]]:
    """Sort key: INBOX and what lies below it first, then level by level."""
    levels = name.split(SEPARATOR)
    return levels[0] != INBOX, levels
