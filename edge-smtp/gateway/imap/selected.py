"""The selected mailbox of one session: which message has which number *in its client's eyes*.

Other sessions change the mailbox at any time; this client's numbers change only when it is told,
and it may be told of an EXPUNGE only at certain moments (RFC 9051 sections 5.5 and 7.5.1).
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count, islice
from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.outcomes import Bad
from gateway.imap.places import Place
from gateway.imap.sequence_set import SequenceSet, merge
from postroom.mailboxes.records import Changes, Mailbox, Message
from postroom.mailboxes.rights import CHANGING, Rights
from postroom.mailboxes.view import View

if TYPE_CHECKING:
    from gateway.imap.contexts import Updating

_NONE: frozenset[int] = frozenset()


class Selected:
    """Positions count from 0: the message at position 0 has the sequence number 1."""

    __slots__ = (
        "_gone",
        "_told",
        "contexts",
        "examined",
        "first_recent",
        "keywords",
        "mod_seq",
        "reached",
        "saved",
        "synchronized",
        "uids",
        "untold_flags",
        "view",
    )

    def __init__(self, view: View, reached: Place, examined: bool, first_recent: int) -> None:
        self.view = view
        self.reached = reached  # when it was selected; the rights are kept up to date
        self.examined = examined
        self.first_recent = first_recent  # UIDs from here on are \Recent in this session
        # The view may be newer than its mailbox record here and there; ``look`` finds out.
        self.mod_seq = view.mailbox.highest_mod_seq
        # The client has heard of everything up to here; behind ``mod_seq`` while an expunge waits.
        self.synchronized = self.mod_seq
        self.keywords = view.mailbox.keywords
        self.uids = view.uids[:]
        self.contexts: dict[bytes, Updating] = {}  # by the tags of their commands
        self.saved: tuple[int, ...] = ()  # UIDs, the result of SEARCH RETURN (SAVE)
        self.untold_flags: set[int] = set()  # UIDs; NOTIFY without FlagChange keeps them so
        self._gone: frozenset[int] = _NONE  # expunged, and the client has not been told
        self._told: dict[int, int] = {}  # UID -> MODSEQ of its own changes, told already

    @property
    def mailbox(self) -> Mailbox:
        return self.view.mailbox

    @property
    def place(self) -> Place:
        reached = self.reached
        return Place(reached.owner, self.mailbox, reached.rights, reached.prefix)

    @property
    def key(self) -> tuple[str, str]:
        """As of its ``place``."""
        return self.reached.key

    @property
    def rights(self) -> Rights:
        """Those that may be used: an examined mailbox is only read."""
        return self.reached.rights - CHANGING if self.examined else self.reached.rights

    @property
    def read_only(self) -> bool:
        return not self.rights & CHANGING

    @property
    def id(self) -> str:
        return self.view.mailbox.id

    # Numbers and UIDs.

    def positions(self, messages: SequenceSet, uid: bool) -> list[range]:
        """Return the positions that the set names, ascending, each once.

        UIDs that are not there are passed over; a message number that is not there is the
        client's mistake (Bad), except in a range that ends with ``*``.
        """
        if messages.saved:
            return runs(self.position_of(each) for each in self.saved)
        count = len(self.uids)
        if uid:
            found = merge(messages.ranges(self.uids[-1] if count else 0))
            return [
                positions
                for each in found
                if (positions := self.between(each.start, each.stop - 1))
            ]
        for first, last in messages.ends:
            if max(first, last) > count and first and last:
                raise Bad(f"Message {max(first, last)} is not there: the last one is {count}")
        found = merge(messages.ranges(count))
        return [
            range(start, stop)
            for each in found
            if (start := max(each.start - 1, 0)) < (stop := min(each.stop - 1, count))
        ]

    def between(self, first: int, last: int) -> range:
        """The positions of the UIDs from *first* to *last*."""
        return range(bisect_left(self.uids, first), bisect_right(self.uids, last))

    def position_of(self, uid: int) -> int:
        """-1 when the client knows no such message."""
        position = bisect_left(self.uids, uid)
        return position if position < len(self.uids) and self.uids[position] == uid else -1

    def numbers_of(self, uids: Sequence[int]) -> list[int]:
        """The sequence numbers of messages that the client knows."""
        if len(uids) < len(self.uids) // 16:
            return [self.position_of(uid) + 1 for uid in uids]
        numbers = dict(zip(self.uids, count(1), strict=False))
        return [numbers[uid] for uid in uids]

    def uids_at(self, positions: Iterable[range]) -> list[int]:
        return [uid for part in positions for uid in self.uids[part.start : part.stop]]

    def recent_count(self) -> int:
        return len(self.uids) - bisect_left(self.uids, self.first_recent)

    # News.

    def look(self, *, refresh: bool, most: int | None = None) -> Changes:
        """What happened since the client was told last; without a *refresh* as far as the view
        knows. Raises MailboxMissing. *most*: see ``View.refresh``."""
        if refresh:
            self.view.refresh(most=most)
        return self.view.since(self.mod_seq, most=most)

    def note_told(self, message: Message) -> None:
        """The client knows these flags: it set them, or they are in a reply."""
        self._told[message.uid] = message.mod_seq
        self.untold_flags.discard(message.uid)

    def known(self, uid: int) -> Message | None:
        """The message, if the client has been told how it is now."""
        message = self.view.message(uid)
        if message is None or message.mod_seq <= self.mod_seq:
            return message
        return message if self._told.get(uid) == message.mod_seq else None

    def take_in(self, changes: Changes) -> list[tuple[int, Message]]:
        """Note the changes. Returns messages whose flags the client must hear of, and whose
        position it knows (also those that are new); new messages have their numbers now."""
        self.mod_seq = max(self.mod_seq, changes.mailbox.highest_mod_seq)
        last = self.uids[-1] if self.uids else 0
        new = sorted(message.uid for message in changes.changed if message.uid > last)
        altered = [
            message
            for message in changes.changed
            if message.uid <= last and self._told.get(message.uid, 0) < message.mod_seq
        ]
        self.uids.extend(new)
        changed = [message.uid for message in changes.changed] if self.contexts else []
        for context in self.contexts.values():
            context.note(changed, new, changes.expunged)
        if changes.expunged:
            known = {uid for uid in changes.expunged if self.position_of(uid) >= 0}
            if known:
                self._gone |= known
        if not self._gone and not self.untold_flags:
            self.synchronized = self.mod_seq
        self._told.clear()
        return [
            (position, message)
            for message in altered
            if (position := self.position_of(message.uid)) >= 0
        ]

    def take_untold_flags(self) -> list[tuple[int, Message]]:
        """Messages whose changes were kept back, as ``take_in`` returns them."""
        untold, self.untold_flags = sorted(self.untold_flags), set()
        if not self._gone:
            self.synchronized = self.mod_seq
        return [
            (position, message)
            for uid in untold
            if (position := self.position_of(uid)) >= 0
            and (message := self.view.message(uid)) is not None
        ]

    @property
    def is_behind(self) -> bool:
        """The view has been brought up to date, and the client has not been told."""
        return self.view.mailbox.highest_mod_seq > self.mod_seq

    @property
    def has_untold_expunges(self) -> bool:
        return bool(self._gone)

    @property
    def is_told(self) -> bool:
        """Nothing is known here that the client does not know."""
        return not (self._gone or self.untold_flags or self.is_behind)

    def lose(self, uids: Iterable[int]) -> None:
        """Messages that the client has removed itself, while it is told of nothing else."""
        self._gone |= {uid for uid in uids if self.position_of(uid) >= 0}

    def is_gone(self, uid: int) -> bool:
        return uid in self._gone

    def tell_expunges(self, *, vanished: bool = False) -> bytes:
        """Renumber, and return the EXPUNGE responses: from the highest number down, so that
        each is right whatever came before it. *vanished*: one response with UIDs instead (RFC 7162
        section 3.2.10.2)."""
        if not self._gone:
            return b""
        gone = sorted(self._gone)
        numbers = [self.position_of(uid) + 1 for uid in reversed(gone)]
        if len(numbers) < 16:
            for number in numbers:
                del self.uids[number - 1]
        else:
            self.uids = array("I", [uid for uid in self.uids if uid not in self._gone])
        self._gone = _NONE
        if not self.untold_flags:
            self.synchronized = self.mod_seq
        if vanished:
            return responses.vanished(runs(gone))
        return b"".join([responses.expunge(number) for number in numbers])


def runs(positions: Iterable[int]) -> list[range]:
    """Ascending numbers as ranges; negative ones are left out."""
    found: list[range] = []
    for position in positions:
        if position < 0:
            continue
        if found and found[-1].stop == position:
            found[-1] = range(found[-1].start, position + 1)
        else:
            found.append(range(position, position + 1))
    return found


def batches(positions: Iterable[range], size: int) -> Iterator[list[int]]:
    """The positions, so many at a time."""
    waiting = chain.from_iterable(positions)
    while batch := list(islice(waiting, size)):
        yield batch
