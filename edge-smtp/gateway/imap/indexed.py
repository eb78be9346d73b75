"""What an index of texts tells of the messages of one search (``postroom.mailboxes.search_index``).

It is asked when more than a few messages would have to be read, once. Messages newer than it are
read; when these are many, or it was of no use, a letter asks for it to be brought up to date.
"""

import logging
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.imap.search import Program, needle_of
from gateway.imap.search_keys import And, InHeader, InText, Not, Or, SearchKey
from postroom.errors import StoreUnavailable
from postroom.mailboxes.search_index import MOST_NEEDLES, SearchIndex, Task
from postroom.mailboxes.view import View
from postroom.message.searchable import Needle
from postroom.platform.text_index import SegmentUnusable

if TYPE_CHECKING:
    from gateway.imap.session import Session

log = logging.getLogger("postroom.imap")

READ_ANYWAY = 32  # messages: to ask for them costs more than to read them
WANTED_FROM = 256  # messages read in one search, from which on an index is worth its price


@dataclass(frozen=True, slots=True)
class Marks:
    """Of the first *covered* messages of a search: for each needle an octet each, 1 where it is."""

    covered: int
    of: Mapping[Needle, bytes]

    def where(self, keys: Sequence[SearchKey]) -> bytes:
        """An octet for each message: 1 where all of the keys hold, or cannot be told to fail."""
        found = self._all()
        for key in keys:
            known = self._where(key)
            found &= self._all() if known is None else known
        return found.to_bytes(self.covered, "little")

    def _all(self) -> int:
        return int.from_bytes(b"\x01" * self.covered, "little")

    def _where(self, key: SearchKey) -> int | None:
        match key:
            case InText() | InHeader():
                return int.from_bytes(self.of[needle_of(key)], "little")
            case Not(inner):
                found = self._where(inner)
                return None if found is None else found ^ self._all()
            case Or(left, right):
                one, other = self._where(left), self._where(right)
                return None if one is None or other is None else one | other
            case And(keys):
                found = self._all()
                for each in keys:
                    known = self._where(each)
                    if known is None:
                        return None
                    found &= known
                return found
        return None


class Indexed:
    """One search, and what the index tells of it once it was asked."""

    def __init__(self, session: "Session", view: View, uids: Sequence[int], program: Program):
        self._session = session
        self._view = view
        self._uids = uids
        self._program = program
        self._candidates = 0  # left by their records, before the index was asked
        self._read = 0
        self._asked = not 0 < len(program.needles) <= MOST_NEEDLES
        self._broken = ""
        self.marks = Marks(0, {})
        self._where = b""

    def asks_for(self, candidates: int) -> bool:
        """Whether so many more that would be read make it worth while to ask the index now."""
        if self._asked:
            return False
        self._candidates += candidates
        return self._candidates > READ_ANYWAY

    async def ask(self) -> None:
        self._asked = True
        view = self._view
        try:
            self.marks, self._where = await self._session.crossing.slow(
                _ask,
                self._session.app.search_index,
                view.account,
                view.mailbox.id,
                self._program,
                self._uids,
            )
        except SegmentUnusable as error:
            log.warning("search without index", extra={"reason": str(error)})
            self._broken = error.key
        except StoreUnavailable as error:
            log.warning("search without index", extra={"reason": str(error)})

    def split(self, places: Sequence[int]) -> tuple[list[int], Sequence[int]]:
        """Of places, which ascend: those that the index covers and does not rule out, and those
        that it does not cover."""
        end = bisect_left(places, self.marks.covered)
        where = self._where
        return [place for place in places[:end] if where[place]], places[end:]

    def note_read(self, count: int) -> None:
        self._read += count

    def end(self) -> None:
        """The search is over: if an index would have helped, let it be made."""
        if self._broken or (self._read > WANTED_FROM and self._asked and self._program.needles):
            task = Task(self._view.account, self._view.mailbox.id, self._broken)
            self._session.service.want_index(task)


def _ask(
    index: SearchIndex, account: str, mailbox: str, program: Program, uids: Sequence[int]
) -> tuple[Marks, bytes]:
    found = index.find(account, mailbox, program.needles)
    known = uids[: bisect_right(uids, found.covered)]
    of = {
        needle: bytes(map(frozenset(matching).__contains__, known))
        for needle, matching in found.uids.items()
    }
    marks = Marks(len(known), of)
    return marks, marks.where(program.keys) if known else b""
