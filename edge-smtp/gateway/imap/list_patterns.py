"""Mailbox patterns of LIST: ``*`` matches anything, ``%`` anything but a level's end (RFC 9051
section 6.3.9)."""

from collections.abc import Callable

from postroom.mailboxes.names import INBOX, SEPARATOR


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a name matches. INBOX matches in any case.

    Linear in the name for any pattern: all positions that the match may have reached in the
    pattern are kept as bits of one number, so ``*%*%*%`` costs a client nothing but its own time.
    """
    parts = _parts(pattern)
    anything = inside_level = 0
    literal: dict[str, int] = {}
    for position, part in enumerate(parts):
        if part == "*":
            anything |= 1 << position
        elif part == "%":
            inside_level |= 1 << position
        else:
            literal[part] = literal.get(part, 0) | 1 << position
    wild = anything | inside_level
    accepted = 1 << len(parts)

    def matches(name: str) -> bool:
        reached = 1 | (1 & wild) << 1
        for character in name:
            stays = reached & (anything if character == SEPARATOR else wild)
            reached = (reached & literal.get(character, 0)) << 1 | stays
            reached |= (reached & wild) << 1
            if not reached:
                return False
        return bool(reached & accepted)

    if pattern.upper() == INBOX:
        return lambda name: name == INBOX or matches(name)
    if pattern[:5].upper() == INBOX and pattern[5:6] in ("", SEPARATOR):
        return matcher(INBOX + pattern[5:]) if pattern[:5] != INBOX else matches
    return matches


def _parts(pattern: str) -> list[str]:
    """The characters, each run of wildcards as the widest of them."""
    parts: list[str] = []
    for character in pattern:
        if parts and character in "*%" and parts[-1] in ("*", "%"):
            if character == "*":
                parts[-1] = "*"
        else:
            parts.append(character)
    return parts
