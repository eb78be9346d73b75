"""The selected mailbox in one client's eyes, from what it was told and nothing else.

Every response is held against RFC 9051 sections 5.5 and 7.5.1 and RFC 7162 as it comes.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from tests.imap_model.ledger import Ledger, must
from tests.imap_model.responses import Response, uid_set

_RECENT = "\\Recent"


@dataclass
class Cache:
    """What a client keeps of a mailbox while it is away."""

    flags: dict[int, frozenset[str]] = field(default_factory=dict)  # UID -> its flags
    highest: int = 0  # HIGHESTMODSEQ; 0: not known


class View:
    def __init__(self, ledger: Ledger, *, mod_seqs: bool, uid_only: bool) -> None:
        self.ledger = ledger
        self.mod_seqs = mod_seqs  # the client has said that it knows them
        self.uid_only = uid_only
        self.validity = 0
        self.uid_next = 0
        self.uids: list[int] = []  # by number - 1; 0: not told yet
        self.flags: dict[int, frozenset[str]] = {}
        self.mod_seq_of: dict[int, int] = {}
        self.highest = 0
        self.keywords: set[str] = set()
        self.read_only = False
        self.selecting: Cache | None = Cache()  # while SELECT runs: what was kept
        self._missing = 0  # of the UIDs: those 0
        self._fetched: dict[int, int] = {}  # number -> UID, told by SELECT
        self._told_code = 0  # HIGHESTMODSEQ since the last tagged response
        self._told_most = 0  # the highest MODSEQ since then
        self.heard_flags: set[int] = set()  # UIDs whose flags were told by the command under way

    # What is known.

    @property
    def known(self) -> list[int]:
        return [uid for uid in self.uids if uid]

    @property
    def is_complete(self) -> bool:
        return not self._missing

    def cache(self) -> Cache:
        return Cache(
            {uid: self.flags[uid] for uid in self.known if uid in self.flags}, self.highest
        )

    # Responses.

    def hear(self, response: Response, *, expunges: bool) -> None:
        """*expunges*: the command under way allows that numbers change."""
        match response.name:
            case b"EXISTS":
                self._exists(response.number)
            case b"EXPUNGE":
                must(expunges, "EXPUNGE while numbers must not change")
                must(not self.uid_only, "EXPUNGE after ENABLE UIDONLY")
                self._expunge(response.number)
            case b"VANISHED":
                self._vanished(response.values, expunges)
            case b"FETCH":
                must(not self.uid_only, "FETCH after ENABLE UIDONLY")
                self._fetch(response)
            case b"UIDFETCH":
                must(self.uid_only, "UIDFETCH without ENABLE UIDONLY")
                self._told_of(response.number, response.items())
            case b"FLAGS":
                self.keywords = {name.decode() for name in response.values[0]}
            case b"OK" if response.code:
                self._code(response.code)

    def tagged(self, response: Response) -> None:
        """The end of a command: what MODSEQ is certain now (RFC 7162 section 6)."""
        if response.code:
            self._code(response.code)
        if self._told_code:
            must(
                self._told_code >= self.highest,
                f"HIGHESTMODSEQ went from {self.highest} back to {self._told_code}",
            )
            self.highest = self._told_code
            self.ledger.told_highest(self.validity, self.highest)
        elif self._told_most > self.highest and self.highest:
            self.highest = self._told_most
        self._told_code = self._told_most = 0
        self.heard_flags = set()

    def _code(self, code: list[bytes]) -> None:
        match code:
            case [b"HIGHESTMODSEQ", number]:
                self._told_code = int(number)
            case [b"UIDVALIDITY", number]:
                self.validity = int(number)
            case [b"UIDNEXT", number]:
                self.uid_next = int(number)

    def _exists(self, count: int) -> None:
        if self.selecting is not None:
            self.uids = [0] * count
            self._missing = count
            return
        must(count >= len(self.uids), f"EXISTS {count} took away some of {len(self.uids)}")
        self._missing += count - len(self.uids)
        self.uids += [0] * (count - len(self.uids))

    def _expunge(self, number: int) -> None:
        must(1 <= number <= len(self.uids), f"EXPUNGE {number} of {len(self.uids)}")
        self._forget(number - 1)

    def _forget(self, position: int) -> None:
        uid = self.uids.pop(position)
        if not uid:
            self._missing -= 1
            return
        self.flags.pop(uid, None)
        self.mod_seq_of.pop(uid, None)
        self.ledger.tell_gone((self.validity, uid))

    def _vanished(self, values: list[Any], expunges: bool) -> None:
        if values[0] == [b"EARLIER"]:
            if self.selecting is None:
                for uid in uid_set(values[1]):
                    must(uid not in self.flags, f"VANISHED (EARLIER) of {uid}, which is counted")
                return
            for uid in uid_set(values[1]):
                if self.selecting.flags.pop(uid, None) is not None:
                    self.ledger.tell_gone((self.validity, uid))
            return
        must(expunges, "VANISHED while numbers must not change")
        for uid in uid_set(values[0]):
            self._forget(self._position(uid))

    def _position(self, uid: int) -> int:
        """Where the UID is, or a place where it may be, for one that was not told."""
        if not self._missing:
            position = bisect_left(self.uids, uid)
            there = position < len(self.uids) and self.uids[position] == uid
            must(there, f"VANISHED {uid}, which is not in the mailbox")
            return position
        if uid in self.uids:
            return self.uids.index(uid)
        if self.uid_only:
            return len(self.uids) - 1
        best = -1
        for position, other in enumerate(self.uids):
            if other > uid:
                break
            best = position if other == 0 else -1
        must(best >= 0, f"VANISHED {uid}, which cannot be in the mailbox")
        return best

    def _fetch(self, response: Response) -> None:
        number, items = response.number, response.items()
        must(1 <= number <= len(self.uids), f"FETCH {number} of {len(self.uids)}")
        if b"UID" not in items:
            must(not self.mod_seqs or b"MODSEQ" not in items, "MODSEQ without UID")
            if uid := self.uids[number - 1]:
                self._told_of(uid, items)
            return
        uid = int(items[b"UID"])
        if self.selecting is not None:
            self._fetched[number] = uid
        else:
            self._number_is(number, uid)
        self._told_of(uid, items)

    def _number_is(self, number: int, uid: int) -> None:
        known = self.uids[number - 1]
        must(known in (0, uid), f"message {number} had UID {known}, now {uid}")
        if known:
            return
        below = next((each for each in reversed(self.uids[: number - 1]) if each), 0)
        above = next((each for each in self.uids[number:] if each), uid + 1)
        must(below < uid < above, f"message {number} has UID {uid}, between {below} and {above}")
        self.uids[number - 1] = uid
        self._missing -= 1

    def _told_of(self, uid: int, items: dict[bytes, Any]) -> None:
        place = (self.validity, uid)
        if self.uid_only and self.selecting is None and uid not in self.flags:
            self._learn_uid(uid)
        mod_seq = int(items[b"MODSEQ"][0]) if b"MODSEQ" in items else 0
        if mod_seq:
            must(self.mod_seqs, "MODSEQ to a client that does not know it")
            before = self.mod_seq_of.get(uid, 0)
            must(mod_seq >= before, f"UID {uid}: MODSEQ {mod_seq} after {before}")
            self.mod_seq_of[uid] = mod_seq
            self._told_most = max(self._told_most, mod_seq)
        if b"FLAGS" in items:
            flags = frozenset(flag.decode() for flag in items[b"FLAGS"]) - {_RECENT}
            self.heard_flags.add(uid)
            self.flags[uid] = flags
            if mod_seq:
                self.ledger.state(place, mod_seq, flags)

    def _learn_uid(self, uid: int) -> None:
        """Of a message that was only counted so far. Without numbers nobody knows which one it
        was, so those not told stay at the end."""
        position = bisect_left(self.uids, uid, hi=len(self.uids) - self._missing)
        if position < len(self.uids) and self.uids[position] == uid:
            return
        must(bool(self._missing), f"UIDFETCH {uid}: one message more than EXISTS said")
        self.uids.pop()
        self._missing -= 1
        self.uids.insert(position, uid)

    # SELECT.

    def selected(self) -> None:
        """SELECT is done: bring together what was kept and what was told."""
        kept, self.selecting = self.selecting, None
        assert kept is not None
        count = len(self.uids)
        told = set(self.flags)  # by SELECT itself
        self.flags = kept.flags | self.flags
        known = sorted(self.flags)
        must(len(known) <= count, f"EXISTS {count}, but {len(known)} messages are left and told")
        if self.uid_only or len(known) == count:
            self.uids = known + [0] * (count - len(known))
        else:  # some were never told: after all that were kept
            last = max(kept.flags, default=0)
            first = [uid for uid in known if uid <= last]
            self.uids = first + [0] * (count - len(first))
            for number, uid in self._fetched.items():
                self.uids[number - 1] = uid
        for number, uid in self._fetched.items():
            must(self.uids[number - 1] == uid, f"SELECT told FETCH {number} with UID {uid}")
        must(self.known == sorted(set(self.known)), "UIDs do not ascend")
        self._missing = self.uids.count(0)
        must(told <= set(self.uids), "SELECT told of a message that is not there")
        must(
            not self.uids or self.uids[-1] < self.uid_next,
            f"UIDNEXT {self.uid_next} is not above {self.uids[-1:]}",
        )
