"""A mailbox while one transaction changes it: UIDs, MODSEQ and counters in one place."""

from collections.abc import Iterable

from msgspec.structs import replace

from postroom.mailboxes.encoding import (
    encode_message,
    mailbox_body,
    mailbox_key,
    message_key,
    sweep_key,
    tombstone_key,
)
from postroom.mailboxes.flags import Keywords
from postroom.mailboxes.records import DELETED, SEEN, Mailbox, Message
from postroom.platform.blobs import BlobKey
from postroom.platform.table import Delete, Holds, Put, Write


class Edit:
    """Collects the writes of one transaction on one mailbox.

    All its changes carry one MODSEQ, one above the highest so far. The mailbox record is written
    under the condition that nobody else wrote it since it was read: so whatever was read of
    the mailbox meanwhile is still true when the transaction is done, and the order of
    UID and MODSEQ is the order of the transactions.
    """

    def __init__(self, mailbox: Mailbox, day: int) -> None:
        self.before = mailbox
        self.mod_seq = mailbox.highest_mod_seq + 1
        self.keywords = Keywords(mailbox.keywords)
        self.first_recent = mailbox.first_recent
        self.forgotten = mailbox.forgotten
        self._day = day
        self._sweep_day = mailbox.sweep_day
        self._uid_next = mailbox.uid_next
        self._messages = mailbox.messages
        self._unseen = mailbox.unseen
        self._deleted = mailbox.deleted
        self._size = mailbox.size
        self._writes: list[Write] = []
        self.altered: list[Message] = []  # as they are now

    def add(
        self,
        blob: BlobKey,
        prefix: bytes,
        size: int,
        internal_date: int,
        saved: int,
        flags: Iterable[str],
        thread: bytes,
    ) -> Message:
        """Give the message the next UID. Raises BadFlag."""
        message = Message(
            uid=self._uid_next,
            mod_seq=self.mod_seq,
            flags=self.keywords.spell(flags) if flags else _NO_FLAGS,
            size=size,
            internal_date=internal_date,
            saved=saved,
            blob=blob,
            prefix=prefix,
            added=self.mod_seq,
            thread=thread,
        )
        self._uid_next += 1
        self._count(message, 1)
        # Without an order, which would cost as much again as the record: the newest messages
        # are found by their UIDs (reading.changes).
        self._put(message, None)
        return message

    def alter(self, message: Message, flags: frozenset[str]) -> Message:
        altered = Message(
            uid=message.uid,
            mod_seq=self.mod_seq,
            flags=flags,
            size=message.size,
            internal_date=message.internal_date,
            saved=message.saved,
            blob=message.blob,
            prefix=message.prefix,
            added=message.added,
            thread=message.thread,
        )
        self._unseen += (SEEN in message.flags) - (SEEN in flags)
        self._deleted += (DELETED in flags) - (DELETED in message.flags)
        self._put(altered, self.mod_seq)
        self.altered.append(altered)
        return altered

    def expunge(self, message: Message) -> None:
        """Leave a tombstone from which the message can be restored."""
        self._remove(message, encode_message(message))

    def hand_over(self, message: Message) -> None:
        """Leave a bare tombstone: another mailbox has the message, and its reference, now."""
        self._remove(message, None)

    def _remove(self, message: Message, remains: bytes | None) -> None:
        self._count(message, -1)
        mailbox = self.before.id
        self._writes += (
            Delete(message_key(mailbox, message.uid)),
            Put(
                tombstone_key(mailbox, self._day, message.uid),
                {} if remains is None else {"message": remains},
                order=self.mod_seq,
            ),
        )
        if self._sweep_day != self._day:
            self._sweep_day = self._day
            self._writes.append(
                Put(sweep_key(self._day, mailbox), {"account": self.before.account})
            )

    def _count(self, message: Message, sign: int) -> None:
        self._messages += sign
        self._size += sign * message.size
        if SEEN not in message.flags:
            self._unseen += sign
        if DELETED in message.flags:
            self._deleted += sign

    def _put(self, message: Message, order: int | None) -> None:
        key = message_key(self.before.id, message.uid)
        self._writes.append(Put(key, {"message": encode_message(message)}, order=order))

    def also(self, put: Put) -> None:
        """Write this, too: something else of the mailbox changes, and its MODSEQ with it."""
        self._writes.append(put)

    @property
    def changed(self) -> bool:
        """Whether a message came, went or was altered, or something else of the mailbox."""
        return bool(self._writes)

    def after(self) -> Mailbox:
        """The mailbox as it will be."""
        return Mailbox(
            id=self.before.id,
            account=self.before.account,
            name=self.before.name,
            special_use=self.before.special_use,
            subscribed=self.before.subscribed,
            uid_validity=self.before.uid_validity,
            uid_next=self._uid_next,
            highest_mod_seq=self.mod_seq if self.changed else self.before.highest_mod_seq,
            messages=self._messages,
            unseen=self._unseen,
            deleted=self._deleted,
            size=self._size,
            first_recent=self.first_recent,
            keywords=self.keywords.known,
            version=self.before.version + 1,
            forgotten=self.forgotten,
            sweep_day=self._sweep_day,
        )

    def writes(self, after: Mailbox | None = None) -> list[Write]:
        """The mailbox record first, then the messages. *after*: what ``after`` returned."""
        return [guarded(self.before, after or self.after()), *self._writes]


_NO_FLAGS: frozenset[str] = frozenset()


def guarded(before: Mailbox, after: Mailbox) -> Put:
    """The write of a mailbox record that fails if somebody else wrote it since it was read."""
    if after.version == before.version:
        after = replace(after, version=before.version + 1)
    return Put(
        mailbox_key(before.account, before.id),
        mailbox_body(after),
        condition=Holds("version", before.version),
    )
