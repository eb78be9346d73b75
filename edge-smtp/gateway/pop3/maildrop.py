"""A user's INBOX as POP3 sees it: locked, numbered once, deletions kept back until QUIT.

A sitting begins with the counters of the mailbox alone. Which message has which number is read
when a command asks, in pages, and no further than it asks.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from postroom.app import App
from postroom.errors import PostroomError, StoreUnavailable
from postroom.mailboxes.encoding import decode_message
from postroom.mailboxes.maildrop import MaildropLock
from postroom.mailboxes.records import Mailbox, Message

PAGE = 1000  # messages read at once: some 250 KB of records
_AHEAD = 16  # messages looked up for one RETR: most are followed by the next
_REMOVED_AT_ONCE = 5000  # between two of these the lock is renewed


class NoSuchMessage(PostroomError):
    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"there is no message {number}")


class MessageGone(PostroomError):
    """A client of another protocol has removed it; its number stays."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"message {number} has been removed meanwhile")


class InUse(PostroomError):
    def __init__(self) -> None:
        super().__init__("another session has the maildrop")


class LockLost(PostroomError):
    def __init__(self) -> None:
        super().__init__("the lock of the maildrop was lost, nothing was deleted")


@dataclass(slots=True)
class Maildrop:
    """Messages are numbered from 1, and keep their numbers while the session lasts.

    Twelve octets a message that has been asked for.
    """

    inbox: Mailbox  # as of the login
    lock: MaildropLock
    uids: "array[int]" = field(default_factory=lambda: array("I"))  # of messages 1, 2… as read
    sizes: "array[int]" = field(default_factory=lambda: array("Q"))
    complete: bool = False  # all of them have been read
    marked: set[int] = field(default_factory=set)  # numbers of messages to be deleted
    marked_size: int = 0  # octets
    ahead: dict[int, Message] = field(default_factory=dict)  # by UID: what RETR may ask next

    @property
    def count(self) -> int:
        return self.inbox.messages - len(self.marked)

    @property
    def total(self) -> int:
        """Octets of the messages that are not marked."""
        return self.inbox.size - self.marked_size

    def known(self, number: int) -> bool:
        """Whether everything up to this number has been read."""
        return self.complete or number <= len(self.uids)

    def numbers(self, first: int, last: int) -> Iterator[int]:
        """Those of the messages that are not marked."""
        return (number for number in range(first, last + 1) if number not in self.marked)

    def index(self, number: int) -> int:
        """Where a known message lies in ``uids`` and ``sizes``. Raises NoSuchMessage."""
        if not 1 <= number <= self.inbox.messages or number in self.marked:
            raise NoSuchMessage(number)
        if number > len(self.uids):  # the counters promised more than there was
            raise MessageGone(number)
        return number - 1

    def unique_id(self, number: int) -> str:
        """At most 70 characters, never used again (RFC 1939 section 7). Raises NoSuchMessage."""
        return f"{self.inbox.uid_validity}.{self.uids[self.index(number)]}"

    def mark(self, number: int) -> None:
        """Raises NoSuchMessage, also for one that is marked already."""
        self.marked_size += self.sizes[self.index(number)]
        self.marked.add(number)

    def unmark_all(self) -> None:
        self.marked.clear()
        self.marked_size = 0


def open_maildrop(app: App, account: str, owner: str) -> Maildrop:
    """Lock the maildrop. Writes: off the event loop.

    Raises InUse, MailboxMissing, StoreUnavailable; nothing stays locked then.
    """
    lock = MaildropLock(app.platform.table, app.clock, account, owner)
    if not lock.acquire():
        raise InUse
    try:
        inbox = app.mailboxes.get(account, app.mailboxes.inbox(account))
    except BaseException:
        lock.release()
        raise
    return Maildrop(inbox, lock)


def read_page(app: App, maildrop: Maildrop) -> None:
    """Read the next messages. Raises StoreUnavailable, MailboxMissing."""
    inbox, uids = maildrop.inbox, maildrop.uids
    first = uids[-1] + 1 if uids else 1
    page = [
        decode_message(encoded)
        for encoded in app.mailboxes.encoded_messages(inbox.id, first, inbox.uid_next - 1, PAGE)
    ]
    there = [(message.uid, message.size) for message in page]
    last = page[-1].uid if len(page) == PAGE else inbox.uid_next - 1
    there += _expunged(app, maildrop, first, last)
    for uid, size in sorted(there):
        if not uids or uid > uids[-1]:
            uids.append(uid)
            maildrop.sizes.append(size)
    maildrop.complete = len(page) < PAGE or len(uids) >= inbox.messages


def _expunged(app: App, maildrop: Maildrop, first: int, last: int) -> list[tuple[int, int]]:
    """UIDs from *first* to *last* that others have expunged since the login: they had a number,
    and so keep it, as messages of no octets."""
    inbox = maildrop.inbox
    if app.mailboxes.get(inbox.account, inbox.id).highest_mod_seq == inbox.highest_mod_seq:
        return []
    gone = app.mailboxes.changes(inbox.account, inbox.id, inbox.highest_mod_seq).expunged
    return [(uid, 0) for uid in gone[bisect_left(gone, first) :] if uid <= last]


def find_message(app: App, maildrop: Maildrop, number: int) -> Message:
    """Return a known message. Raises NoSuchMessage, MessageGone, StoreUnavailable."""
    at = maildrop.index(number)
    uid = maildrop.uids[at]
    if uid not in maildrop.ahead:
        wanted = maildrop.uids[at : at + _AHEAD]
        found = app.mailboxes.pick(maildrop.inbox.id, wanted)
        maildrop.ahead = {message.uid: message for message in found}
    if uid not in maildrop.ahead:
        raise MessageGone(number)
    return maildrop.ahead[uid]


def close_maildrop(app: App, maildrop: Maildrop) -> None:
    """The UPDATE state (RFC 1939 section 6): delete what is marked, unlock.

    Writes: off the event loop. Durable on return. Raises LockLost, with nothing deleted, and
    StoreUnavailable, with perhaps a part deleted.
    """
    inbox = maildrop.inbox
    uids = [maildrop.uids[number - 1] for number in sorted(maildrop.marked)]
    try:
        for first in range(0, len(uids), _REMOVED_AT_ONCE):
            if not maildrop.lock.renew():
                raise LockLost if not first else StoreUnavailable("the lock was lost midway")
            some = uids[first : first + _REMOVED_AT_ONCE]
            app.mailboxes.remove(inbox.account, inbox.id, some)
    finally:
        maildrop.lock.release()
