"""What all clients together know for certain, and what may have happened.

A message has a *token*, in its Message-ID. Tokens that begin with ``k`` are kept: nobody marks them
\\Deleted, so every one of their copies must be somewhere in the end. The others may be removed by
anybody. A *place* is a UID under a UIDVALIDITY, which no two mailboxes of an account share.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from zlib import crc32

Place = tuple[int, int]  # UIDVALIDITY, UID
TOKEN = re.compile(rb"<([\w-]+)@stress\.test>")
KEYWORDS = ("Odd", "Even")  # a message has the one its token says, for ever


class Violation(AssertionError):
    """The server broke a rule."""


def must(rule: bool, what: str) -> None:
    if not rule:
        raise Violation(what)


def content(token: str) -> bytes:
    """The message with that token: 100 to 3,000 octets."""
    head = f"Message-ID: <{token}@stress.test>\r\nSubject: {token}\r\n\r\n"
    return head.encode() + b"all work and no play\r\n" * (crc32(token.encode()) % 130)


def keyword(token: str) -> str:
    return KEYWORDS[crc32(token.encode()) % 2]


def is_kept(token: str) -> bool:
    return token.startswith("k")


@dataclass
class Attempt:
    """What a command would make and take away; settled by its reply, or never."""

    ledger: "Ledger"
    made: Counter[str]
    taken: Counter[str]

    def settle(self, made: Iterable[str] = (), taken: Iterable[str] = ()) -> None:
        ledger = self.ledger
        ledger.perhaps_made -= self.made
        ledger.perhaps_taken -= self.taken
        ledger.copies.update(made)
        ledger.copies.subtract(taken)


@dataclass
class Ledger:
    copies: Counter[str] = field(default_factory=Counter)  # that must be there, of kept ones
    perhaps_made: Counter[str] = field(default_factory=Counter)
    perhaps_taken: Counter[str] = field(default_factory=Counter)
    tokens: dict[Place, str] = field(default_factory=dict)
    born: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    made_by: dict[Place, str] = field(default_factory=dict)  # a reply that gave this UID
    moved: dict[Place, Place] = field(default_factory=dict)
    touched: set[Place] = field(default_factory=set)  # somebody tried to remove these
    touched_tokens: set[str] = field(default_factory=set)
    gone: dict[Place, int] = field(default_factory=dict)  # when the first client was told
    states: dict[tuple[int, int, int], frozenset[str]] = field(default_factory=dict)
    highest: Counter[int] = field(default_factory=Counter)  # MODSEQ told, by UIDVALIDITY
    uid_next: Counter[int] = field(default_factory=Counter)  # UIDs below it have been given
    deleted: dict[int, int] = field(default_factory=dict)  # UIDVALIDITY -> when OK was heard
    doomed: set[int] = field(default_factory=set)  # UIDVALIDITY of mailboxes a DELETE was tried on
    withdrawn: set[int] = field(default_factory=set)  # UIDVALIDITY of what was shared for a while
    closed_off: dict[int, int] = field(default_factory=dict)  # when visitors surely had no rights
    steps: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    time: int = 0  # counts what is sent and heard

    def now(self) -> int:
        self.time += 1
        return self.time

    # Messages come and go.

    def attempt(self, made: Iterable[str] = (), taken: Iterable[str] = ()) -> Attempt:
        found = Attempt(self, Counter(made), Counter(taken))
        self.perhaps_made += found.made
        self.perhaps_taken += found.taken
        return found

    def touch(self, validity: int, uids: Iterable[int]) -> None:
        self.touched |= {(validity, uid) for uid in uids}

    def may_be_gone(self, place: Place) -> bool:
        return (
            place in self.touched
            or place in self.gone
            or self.tokens.get(place) in self.touched_tokens
            or place[0] in self.doomed
        )

    def given(self, place: Place, token: str, floor: int, command: str) -> None:
        """A reply says that the command made this message. *floor*: what UIDNEXT was at least when
        the command was sent."""
        before = self.made_by.get(place)
        must(before is None, f"{command}: {place} was given to {before} before")
        must(place[1] >= floor, f"{command}: UID {place} is below UIDNEXT {floor}")
        self.made_by[place] = command
        self.seen(place, token)
        self.born[place[0]].setdefault(place[1], self.now())

    def seen(self, place: Place, token: str) -> None:
        """A message never changes, and its UID is never another's."""
        known = self.tokens.setdefault(place, token)
        must(known == token, f"{place} was {known} and is {token}: a UID was used again")
        self.uid_next[place[0]] = max(self.uid_next[place[0]], place[1] + 1)

    def was_moved(self, source: Place, target: Place) -> None:
        must(source not in self.moved, f"{source} was moved to {self.moved.get(source)}, {target}")
        self.moved[source] = target
        self.tell_gone(source)

    def tell_gone(self, place: Place) -> None:
        token = self.tokens.get(place, "p")
        must(
            not is_kept(token) or self.may_be_gone(place),
            f"{place}, {token}: is gone, and nobody wanted it",
        )
        self.gone.setdefault(place, self.now())

    def must_be_there(self, validity: int, since: int) -> set[int]:
        """UIDs that everybody who looks from that time on must see."""
        return {
            uid
            for uid, born in self.born[validity].items()
            if born < since and not self.may_be_gone((validity, uid))
        }

    def must_be_gone(self, validity: int, uids: Sequence[int], since: int) -> list[int]:
        return [uid for uid in uids if self.gone.get((validity, uid), since) < since]

    # Numbers that only grow.

    def state(self, place: Place, mod_seq: int, flags: frozenset[str]) -> None:
        """With one MODSEQ a message has one set of flags, whoever asks."""
        known = self.states.setdefault((*place, mod_seq), flags)
        must(
            known == flags,
            f"{place} at MODSEQ {mod_seq}: told {sorted(known)} and {sorted(flags)}",
        )

    def told_highest(self, validity: int, mod_seq: int) -> None:
        self.highest[validity] = max(self.highest[validity], mod_seq)
