"""The messages of one mailbox in memory, filled once and kept up to date by what changed."""

from array import array
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from postroom.errors import MuchToRead
from postroom.mailboxes.encoding import decode_message, encode_message
from postroom.mailboxes.records import SEEN, Changes, Mailbox, Message

if TYPE_CHECKING:
    from postroom.mailboxes.store import Mailboxes

_REMEMBERED = 64  # refreshes whose changes are kept for sessions that look more rarely


class View:
    """One mailbox as of the last ``refresh``. Sessions of one process share it.

    Messages are kept encoded, as they lie in the table: about 200 octets each, and the prefix.
    Reading is safe from any thread while another refreshes; to a reader in between,
    ``uids`` may hold a UID whose ``message`` is gone already, or not yet the newest.
    """

    def __init__(
        self, mailboxes: "Mailboxes", account: str, mailbox_id: str, *, most: int | None = None
    ) -> None:
        """Reads the whole mailbox. Raises MailboxMissing; MuchToRead when it has more than *most*
        messages."""
        self._mailboxes = mailboxes
        self._refreshing = Lock()
        self._encoded: dict[int, bytes] = {}
        self._seen_up_to = 0  # UID: every message up to here is known to have \\Seen
        self._log: deque[tuple[int, Changes]] = deque(maxlen=_REMEMBERED)
        self.account = account
        self.mailbox: Mailbox = mailboxes.get(account, mailbox_id)
        if most is not None and self.mailbox.messages > most:
            raise MuchToRead
        self.uids = array("I")  # ascending; replaced, never shortened in place
        for encoded in mailboxes.encoded_messages(mailbox_id):
            self._encoded[decode_message(encoded).uid] = encoded
        self.uids.extend(self._encoded)
        self.refresh()  # what changed while we read
        self._log.clear()

    def refresh(self, *, most: int | None = None) -> Changes | None:
        """Look for changes; None when there are none. One small read when nothing changed.

        Returns what changed since the last refresh by anybody: a session that shares
        the view asks ``since`` for what it has not seen. Raises MailboxMissing.

        *most*: rather raises MuchToRead than read more changes, or wait for somebody who does.
        """
        with _turn(self._refreshing, most):
            before = self.mailbox
            changes = self._mailboxes.changes(
                self.account, before.id, before.highest_mod_seq, before.uid_next, most
            )
            if changes.mailbox.version == before.version:
                return None
            self._apply(changes)
            if changes.mailbox.highest_mod_seq == before.highest_mod_seq:
                return None  # another name, or another first_recent
            self._log.append((before.highest_mod_seq, changes))
            return changes

    def take_in(self, before: Mailbox, after: Mailbox, altered: list[Message]) -> None:
        """Note what this process has just written, which saves reading it back."""
        with self._refreshing:
            if self.mailbox.version != before.version:
                return  # somebody has refreshed it meanwhile and found it, or it was behind anyway
            changes = Changes(after, altered, [])
            self._apply(changes)
            if after.highest_mod_seq > before.highest_mod_seq:
                self._log.append((before.highest_mod_seq, changes))

    def _apply(self, changes: Changes) -> None:
        new = [message.uid for message in changes.changed if message.uid not in self._encoded]
        for message in changes.changed:
            self._encoded[message.uid] = encode_message(message)
            if SEEN not in message.flags:
                self._seen_up_to = min(self._seen_up_to, message.uid - 1)
        uids = self.uids
        gone = {uid for uid in changes.expunged if self._encoded.pop(uid, None) is not None}
        if gone:
            uids = array("I", [uid for uid in uids if uid not in gone])
        for uid in sorted(new):
            if not uids or uid > uids[-1]:
                uids.append(uid)
            else:
                insort(uids, uid)
        self.uids = uids
        self.mailbox = changes.mailbox

    def since(self, mod_seq: int, *, most: int | None = None) -> Changes:
        """What changed above the MODSEQ, up to the last refresh; from memory when it is recent.

        A session keeps ``mailbox.highest_mod_seq`` of what it got as its next *mod_seq*.
        *most*: see ``refresh``.
        """
        with _turn(self._refreshing, most):
            if mod_seq >= self.mailbox.highest_mod_seq:
                return Changes(self.mailbox, [], [])
            if self._log and self._log[0][0] <= mod_seq:
                return self._from_log(mod_seq)
            return self._mailboxes.changes(self.account, self.mailbox.id, mod_seq, 0, most)

    def _from_log(self, mod_seq: int) -> Changes:
        latest: dict[int, Message] = {}
        expunged: dict[int, None] = {}
        unseen: list[Changes] = []  # mostly the last of them only
        for _, changes in reversed(self._log):
            if changes.mailbox.highest_mod_seq <= mod_seq:
                break
            unseen.append(changes)
        for changes in reversed(unseen):
            for message in changes.changed:
                if message.mod_seq > mod_seq:
                    latest.pop(message.uid, None)  # the order is that of the last change
                    latest[message.uid] = message
            for uid in changes.expunged:
                latest.pop(uid, None)
                expunged[uid] = None
        return Changes(self.mailbox, list(latest.values()), sorted(expunged))

    def __contains__(self, uid: object) -> bool:
        return uid in self._encoded

    def message(self, uid: int) -> Message | None:
        encoded = self._encoded.get(uid)
        return None if encoded is None else decode_message(encoded)

    def first_unseen(self, *, most: int | None = None) -> int:
        """The UID of the first message without \\Seen, 0 when there is none. Remembers how far it
        looked: asked again, it costs what happened meanwhile. *most*: see ``refresh``."""
        if most is not None and len(self.uids) > most:
            raise MuchToRead
        with _turn(self._refreshing, most):
            if not self.mailbox.unseen:
                return 0
            start = bisect_left(self.uids, self._seen_up_to + 1)
            for message in self.messages_in(self.uids[start:]):
                if SEEN not in message.flags:
                    return message.uid
                self._seen_up_to = message.uid
            return 0

    def messages_in(self, uids: Iterable[int]) -> Iterator[Message]:
        """Yield those of the messages that exist, in the order given."""
        get = self._encoded.get
        for uid in uids:
            encoded = get(uid)
            if encoded is not None:
                yield decode_message(encoded)

    def pick(self, uids: Iterable[int]) -> list[Message]:
        return list(self.messages_in(uids))

    def between(self, first: int, last: int) -> Iterator[Message]:
        """Yield the messages with ``first <= uid <= last``, in order of UID."""
        uids = self.uids
        start = bisect_left(uids, first)
        end = bisect_left(uids, last + 1)
        return self.messages_in(uids[start:end])

    def __len__(self) -> int:
        return len(self.uids)


@contextmanager
def _turn(lock: Lock, most: int | None) -> Iterator[None]:
    """Whoever may not read much may not wait for somebody who does: raises MuchToRead."""
    if not lock.acquire(blocking=most is None):
        raise MuchToRead
    try:
        yield
    finally:
        lock.release()


class Views:
    """The views of one process: one a mailbox, for as long as a session holds it."""

    def __init__(self, mailboxes: "Mailboxes") -> None:
        self._mailboxes = mailboxes
        self._views: WeakValueDictionary[tuple[str, str], View] = WeakValueDictionary()
        self._opening = Lock()
        self._locks: WeakValueDictionary[tuple[str, str], _Opening] = WeakValueDictionary()

    def open(self, account: str, mailbox_id: str, *, most: int | None = None) -> View:
        """The view, up to date. Raises MailboxMissing. *most*: rather raises MuchToRead than read
        more messages or changes."""
        key = (account, mailbox_id)
        with self._opening:
            opening = self._locks.get(key)
            if opening is None:
                opening = self._locks[key] = _Opening()
        # Two sessions that open a mailbox at once read it once; other mailboxes do not wait.
        with _turn(opening.lock, most):
            view = self._views.get(key)
            if view is None:
                view = self._views[key] = View(self._mailboxes, account, mailbox_id, most=most)
            else:
                view.refresh(most=most)
            return view


class _Opening:
    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.lock = Lock()
