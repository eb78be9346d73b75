"""EXPUNGE, and the way back within the grace period."""

from collections.abc import Iterator, Sequence
from itertools import islice

from postroom.mailboxes.chunks import in_chunks, split
from postroom.mailboxes.editing import Edit
from postroom.mailboxes.encoding import decode_message, tombstone_key
from postroom.mailboxes.reading import encoded_of, expunged, messages, pick
from postroom.mailboxes.records import DELETED, Appended, Mailbox, Message
from postroom.mailboxes.references import References, references_of
from postroom.mailboxes.transactions import Transactions
from postroom.platform.table import Check, Holds, Put, Record, Write


def expunge(
    transactions: Transactions,
    account: str,
    mailbox: str,
    uids: Sequence[int] | None,
    *,
    flagged: bool = True,
) -> list[int]:
    """*flagged*: only messages that have \\Deleted."""
    removed: list[int] = []

    def do(chunk: Sequence[int]) -> Sequence[int]:
        def prepare(edits: list[Edit]) -> tuple[list[Write], tuple[list[int], list[int]]]:
            [edit] = edits
            found = pick(transactions.table, mailbox, chunk)
            if flagged:
                found = [message for message in found if DELETED in message.flags]
            gone, later = split(found, transactions.most_octets)
            for message in gone:
                edit.expunge(message)
            return [], ([message.uid for message in gone], later)

        gone, later = transactions.edit(account, [mailbox], prepare)
        removed.extend(gone)
        return later

    wanted = _deleted(transactions, account, mailbox) if uids is None else uids
    # The message and its tombstone; the mailbox and a note for the sweep.
    in_chunks(wanted, transactions.most(2, besides=2), do)
    return removed


def _deleted(transactions: Transactions, account: str, mailbox: str) -> list[int]:
    found = deleted_messages(transactions, transactions.mailbox(account, mailbox))
    return [message.uid for message in found]


def deleted_messages(transactions: Transactions, mailbox: Mailbox) -> Iterator[Message]:
    """Yield the messages with \\Deleted; reads no further than the last of them."""
    if not mailbox.deleted:
        return iter(())
    every = messages(transactions.table, mailbox.id)
    return islice((each for each in every if DELETED in each.flags), mailbox.deleted)


def restore(
    transactions: Transactions,
    references: References,
    account: str,
    mailbox: str,
    uids: Sequence[int] | None,
) -> list[tuple[int, Appended]]:
    """Bring expunged messages back under new UIDs, without \\Deleted."""

    restored: list[tuple[int, Appended]] = []
    days: dict[int, int] = {
        each.message.uid: each.day for each in expunged(transactions.table, mailbox)
    }

    def do(chunk: Sequence[int]) -> Sequence[int]:
        def prepare(edits: list[Edit]) -> tuple[list[Write], tuple[_Restored, list[int]]]:
            [edit] = edits
            tombstones = _tombstones(transactions, mailbox, [(days[uid], uid) for uid in chunk])
            fitting, later = split(
                [message for message, _ in tombstones.values()], transactions.most_octets
            )
            records = references.records({message.blob for message in fitting})
            # The sweep may have begun to remove a blob: then the message stays gone.
            living = {blob: each for blob, each in records.items() if references_of(each)}
            writes: list[Write] = [
                Check(record.key, Holds("references", references_of(record)))
                for record in living.values()
            ]
            done: _Restored = []
            for message in fitting:
                if message.blob in living:
                    # The tombstone still tells that the old UID is gone; its reference
                    # belongs to the new message.
                    _, tombstone = tombstones[message.uid]
                    writes.append(Put(tombstone.key, {}, order=tombstone.order))
                    added = _add(edit, message, transactions.now())
                    done.append((message.uid, added))
            return writes, (done, later)

        done, later = transactions.edit(account, [mailbox], prepare)
        restored.extend(done)
        return later

    # The message, its tombstone, the blob's record; the mailbox.
    wanted = days if uids is None else days.keys() & set(uids)
    in_chunks(wanted, transactions.most(3, besides=1), do)
    return restored


_Restored = list[tuple[int, Appended]]


def _tombstones(
    transactions: Transactions, mailbox: str, where: Sequence[tuple[int, int]]
) -> dict[int, tuple[Message, Record]]:
    """The expunged messages by UID, read again: another restore may have been faster."""
    found = transactions.table.get_many([tombstone_key(mailbox, day, uid) for day, uid in where])
    expunged_messages = (
        (decode_message(encoded_of(record)), record)
        for record in found.values()
        if "message" in record.body
    )
    return {
        message.uid: (message, record)
        for message, record in sorted(expunged_messages, key=lambda each: each[0].uid)
    }


def _add(edit: Edit, message: Message, now: int) -> Appended:
    flags = message.flags - {DELETED}
    added = edit.add(
        message.blob,
        message.prefix,
        message.size,
        message.internal_date,
        now,
        flags,
        message.thread,
    )
    return Appended(edit.before.id, edit.before.uid_validity, added.uid, added.mod_seq)
