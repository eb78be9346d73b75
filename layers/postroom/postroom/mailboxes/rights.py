"""What a user may do with a mailbox, as values (RFC 4314 section 2.1)."""

from collections.abc import Iterable, Mapping

from postroom.errors import BadSyntax
from postroom.mailboxes.records import DELETED, SEEN

Rights = frozenset[str]  # letters

_ORDER = "lrswipkxte"
ALL: Rights = frozenset(_ORDER + "a")
NONE: Rights = frozenset()
# Of RFC 2086, read as in the examples of RFC 4314 section 2.1.1.
_VIRTUAL: Mapping[str, str] = {"c": "kx", "d": "te"}
# One of these lets a user know of the mailbox by name; others are answered as if it were not
# there (RFC 4314 section 6).
KNOWING: Rights = frozenset("lr")
# A mailbox with none of these is READ-ONLY (section 5.2): its flags are shared.
CHANGING: Rights = frozenset("swite")

_OF_FLAGS = {SEEN.lower(): "s", DELETED.lower(): "t"}

Entries = Mapping[str, Rights]  # by identifier; "-" and an identifier: what is taken away


def parse_rights(text: str) -> Rights:
    """The rights that the letters stand for. Raises BadSyntax for any other letter."""
    rights: set[str] = set()
    for letter in text:
        if letter not in ALL and letter not in _VIRTUAL:
            raise BadSyntax("right", letter.encode(), "RFC 4314 section 2.1")
        rights.update(_VIRTUAL.get(letter, letter))
    return frozenset(rights)


def shown(rights: Rights) -> str:
    """The letters, with the virtual ones that clients of RFC 2086 look for."""
    virtual = [letter for letter, members in _VIRTUAL.items() if rights & set(members)]
    return "".join(
        [*(letter for letter in _ORDER if letter in rights), *virtual, *(rights & {"a"})]
    )


def combined(entries: Entries, identifiers: Iterable[str]) -> Rights:
    """The rights of a user to whom the identifiers apply: what any of them is given, without what
    is taken from any of them (section 2)."""
    applying = list(identifiers)
    given: Rights = NONE.union(*(entries.get(each, NONE) for each in applying))
    return given.difference(*(entries.get("-" + each, NONE) for each in applying))


def right_for(flag: str) -> str:
    """The right that changing the flag needs (section 4)."""
    return _OF_FLAGS.get(flag.lower(), "w")


def allowed(flags: Iterable[str], rights: Rights) -> tuple[str, ...]:
    """Those of the flags that a user with the rights may set and clear."""
    if rights >= CHANGING:
        return tuple(flags)
    return tuple(flag for flag in flags if right_for(flag) in rights)
