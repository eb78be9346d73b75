"""A user's INBOX as POP3 sees it: locked, numbered once, deletions kept back until QUIT."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from postroom.app import App
from postroom.errors import PostroomError
from postroom.mailboxes.encoding import decode_message
from postroom.mailboxes.maildrop import MaildropLock
from postroom.mailboxes.names import INBOX
from postroom.mailboxes.records import DELETED, Message


class NoSuchMessage(PostroomError):
    def __init__(self, number: int) -> None:
        super().__init__(f"there is no message {number}")


class InUse(PostroomError):
    def __init__(self) -> None:
        super().__init__("another session has the maildrop")


class LockLost(PostroomError):
    def __init__(self) -> None:
        super().__init__("the lock of the maildrop was lost, nothing was deleted")


@dataclass(slots=True)
class Maildrop:
    """Messages are numbered from 1, and keep their numbers while the session lasts.

    Some 250 octets a message: records stay encoded until they are wanted.
    """

    account: str
    mailbox: str  # id
    uid_validity: int
    lock: MaildropLock
    uids: "array[int]" = field(default_factory=lambda: array("Q"))
    sizes: "array[int]" = field(default_factory=lambda: array("Q"))
    records: list[bytes] = field(default_factory=list)
    marked: set[int] = field(default_factory=set)  # numbers of messages to be deleted
    total: int = 0  # octets of the messages that are not marked

    @property
    def count(self) -> int:
        return len(self.uids) - len(self.marked)

    def numbers(self) -> Iterator[int]:
        """Messages that are not marked."""
        marked = self.marked
        return (number for number in range(1, len(self.uids) + 1) if number not in marked)

    def index(self, number: int) -> int:
        """Where the message lies in ``uids``, ``sizes`` and ``records``. Raises NoSuchMessage."""
        if not 1 <= number <= len(self.uids) or number in self.marked:
            raise NoSuchMessage(number)
        return number - 1

    def message(self, number: int) -> Message:
        """Raises NoSuchMessage."""
        return decode_message(self.records[self.index(number)])

    def unique_id(self, number: int) -> str:
        """At most 70 characters, never used again (RFC 1939 section 7). Raises NoSuchMessage."""
        return f"{self.uid_validity}.{self.uids[self.index(number)]}"

    def mark(self, number: int) -> None:
        """Raises NoSuchMessage, also for one that is marked already."""
        self.total -= self.sizes[self.index(number)]
        self.marked.add(number)

    def unmark_all(self) -> None:
        self.marked.clear()
        self.total = sum(self.sizes)


def open_maildrop(app: App, account: str, owner: str) -> Maildrop:
    """Lock the maildrop and read what is in it. Writes: off the event loop.

    Raises InUse, MailboxMissing, StoreUnavailable; nothing stays locked then.
    """
    inbox = app.mailboxes.find(account, INBOX)
    lock = MaildropLock(app.platform.table, app.clock, account, owner)
    if not lock.acquire():
        raise InUse
    maildrop = Maildrop(account, inbox.id, inbox.uid_validity, lock)
    try:
        for encoded in app.mailboxes.encoded_messages(inbox.id):
            message = decode_message(encoded)
            maildrop.uids.append(message.uid)
            maildrop.sizes.append(message.size)
            maildrop.records.append(encoded)
    except BaseException:
        lock.release()
        raise
    maildrop.total = sum(maildrop.sizes)
    return maildrop


def close_maildrop(app: App, maildrop: Maildrop) -> None:
    """The UPDATE state (RFC 1939 section 6): delete what is marked, unlock.

    Writes: off the event loop. Durable on return. Raises LockLost, with nothing deleted, and
    StoreUnavailable, with perhaps a part deleted.
    """
    try:
        if maildrop.marked:
            if not maildrop.lock.renew():
                raise LockLost
            uids = [maildrop.uids[number - 1] for number in sorted(maildrop.marked)]
            app.mailboxes.store_flags(maildrop.account, maildrop.mailbox, uids, add=[DELETED])
            app.mailboxes.expunge(maildrop.account, maildrop.mailbox, uids)
    finally:
        maildrop.lock.release()
