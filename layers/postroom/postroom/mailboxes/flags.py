"""Flags and keywords of messages (RFC 9051 section 2.3.2, RFC 5788)."""

from collections.abc import Iterable
from dataclasses import dataclass

from postroom.mailboxes.errors import BadFlag
from postroom.mailboxes.records import SYSTEM_FLAGS
from postroom.mailboxes.rights import CHANGING, Rights, allowed

LONGEST_KEYWORD = 100  # octets
MOST_KEYWORDS = 100  # in one mailbox; they lie in its record, which every delivery writes

_SYSTEM = {flag.lower(): flag for flag in SYSTEM_FLAGS}
_SPECIALS = frozenset('(){ %*"\\]')  # not in an atom (RFC 9051 section 9, flag-keyword)


class Keywords:
    """The keywords of one mailbox: each is spelled as it was first written there."""

    def __init__(self, known: tuple[str, ...]) -> None:
        self.known = known
        self._spelling: dict[str, str] | None = None

    def spell(self, flags: Iterable[str]) -> frozenset[str]:
        """Return the flags as this mailbox spells them, learning new keywords. Raises BadFlag."""
        return frozenset([_SYSTEM.get(flag.lower()) or self._keyword(flag) for flag in flags])

    def spell_known(self, flags: Iterable[str]) -> frozenset[str]:
        """Return those of the flags that a message of this mailbox can have."""
        known = {keyword.lower(): keyword for keyword in self.known}
        spelled = (_SYSTEM.get(flag.lower()) or known.get(flag.lower()) for flag in flags)
        return frozenset(flag for flag in spelled if flag is not None)

    def _keyword(self, flag: str) -> str:
        if self._spelling is None:
            self._spelling = {keyword.lower(): keyword for keyword in self.known}
        spelled = self._spelling.get(flag.lower())
        if spelled is None:
            _check_keyword(flag)
            if len(self.known) >= MOST_KEYWORDS:
                raise BadFlag(flag, f"the mailbox has {MOST_KEYWORDS} keywords already")
            spelled = self._spelling[flag.lower()] = flag
            self.known = (*self.known, flag)
        return spelled


def _check_keyword(flag: str) -> None:
    if not flag.isascii() or not flag.isprintable() or not flag or _SPECIALS & set(flag):
        raise BadFlag(flag, "neither a system flag nor an atom (RFC 9051 section 9)")
    if len(flag) > LONGEST_KEYWORD:
        raise BadFlag(flag, f"longer than {LONGEST_KEYWORD} octets")


@dataclass(frozen=True, slots=True)
class FlagChange:
    """What STORE asks for: each flag spelled as the mailbox spells it."""

    add: frozenset[str]
    remove: frozenset[str]
    replace: frozenset[str] | None
    rights: Rights  # of who asks: other flags stay as they are

    def apply(self, flags: frozenset[str]) -> frozenset[str]:
        wanted = (flags if self.replace is None else self.replace) - self.remove | self.add
        if self.rights >= CHANGING:
            return wanted
        return flags.symmetric_difference(allowed(wanted ^ flags, self.rights))
