"""Messages of a mailbox, and what happened to it."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from postroom.errors import MuchToRead
from postroom.mailboxes.encoding import (
    MESSAGE,
    TOMBSTONE,
    decode_message,
    message_key,
    message_sort,
    messages_partition,
    tombstone_of,
)
from postroom.mailboxes.records import Changes, Expunged, Mailbox, Message
from postroom.mailboxes.transactions import Transactions
from postroom.platform.table import Record, Table, prefix_end

T = TypeVar("T")

LARGEST_UID = 2**32 - 1

# When at least one in so many UIDs is wanted, reading the range is cheaper than asking for each.
_DENSE = 4
# New messages that a first look expects: most looks follow one delivery.
_FIRST_LOOK = 8


def encoded_of(record: Record) -> bytes:
    encoded = record.body["message"]
    assert isinstance(encoded, bytes)  # noqa: S101  (we wrote it)
    return encoded


def encoded_messages(
    table: Table,
    mailbox: str,
    first: int = 1,
    last: int = LARGEST_UID,
    limit: int | None = None,
) -> Iterator[bytes]:
    """Yield the messages as stored, in order of UID, lazily, at most *limit* of them."""
    partition = messages_partition(mailbox)
    records = table.range(partition, message_sort(first), message_sort(last), limit=limit)
    for record in records:
        yield encoded_of(record)


def messages(
    table: Table, mailbox: str, first: int = 1, last: int = LARGEST_UID
) -> Iterator[Message]:
    records = table.range(messages_partition(mailbox), message_sort(first), message_sort(last))
    for record in records:
        yield decode_message(encoded_of(record))


def pick(table: Table, mailbox: str, uids: Sequence[int]) -> list[Message]:
    wanted = sorted(set(uids))
    if not wanted:
        return []
    if wanted[-1] - wanted[0] < len(wanted) * _DENSE:
        among = set(wanted)
        found = messages(table, mailbox, wanted[0], wanted[-1])
        return [message for message in found if message.uid in among]
    keys = [message_key(mailbox, uid) for uid in wanted]
    records = table.get_many(keys)
    return [decode_message(encoded_of(records[key])) for key in keys if key in records]


def changes(
    transactions: Transactions,
    account: str,
    mailbox: str,
    above: int,
    uid_next: int,
    most: int | None,
) -> Changes:
    now = transactions.mailbox(account, mailbox)
    if now.highest_mod_seq <= above:
        return Changes(now, [], [])
    if above < now.forgotten:
        if most is not None and now.uid_next > most:
            raise MuchToRead
        return _everything(transactions, now)
    table, partition = transactions.table, messages_partition(mailbox)
    latest: dict[int, Message | None] = {}  # None: expunged
    added = ordered = above
    while True:
        # The new ones first: what is altered or expunged meanwhile shows itself by its order.
        none_came = now.uid_next == uid_next
        arrived = [] if none_came else list(_up_to(most, _added_since(table, mailbox, added)))
        added = max((message.added for message in arrived), default=added)
        latest.update((message.uid, message) for message in arrived)
        for record in _up_to(most, table.range_by_order(partition, ordered)):
            is_message = record.key.sort.startswith(MESSAGE)
            latest[_uid_of(record)] = decode_message(encoded_of(record)) if is_message else None
            ordered = max(ordered, record.order or 0)
        there = [message for message in latest.values() if message is not None]
        seen = max((message.mod_seq for message in there), default=ordered)
        if max(seen, ordered) <= now.highest_mod_seq:
            break
        # Somebody wrote after we had read the counters. Read these again, and what came
        # since, so that counters and messages are of the same moment.
        now = transactions.mailbox(account, mailbox)
    there.sort(key=lambda message: (message.mod_seq, message.uid))
    return Changes(now, there, sorted(uid for uid, message in latest.items() if message is None))


def _up_to(most: int | None, found: Iterator[T]) -> Iterator[T]:
    """Raises MuchToRead when there are more."""
    if most is None:
        return found
    return _counted(most, found)


def _counted(most: int, found: Iterator[T]) -> Iterator[T]:
    for count, each in enumerate(found):
        if count == most:
            raise MuchToRead
        yield each


def _added_since(table: Table, mailbox: str, above: int) -> Iterator[Message]:
    """Yield the messages that came into the mailbox above the MODSEQ, the newest first.

    MODSEQ and UID of arrivals grow together: the first older one ends the search.
    """
    last, limit = LARGEST_UID, _FIRST_LOOK
    while last:
        records = table.range(
            messages_partition(mailbox),
            message_sort(1),
            message_sort(last),
            backwards=True,
            limit=limit,
        )
        count = 0
        for record in records:
            count += 1
            message = decode_message(encoded_of(record))
            if message.added <= above:
                return
            yield message
            last = message.uid - 1
        if count < limit:
            return
        limit *= 4


def _uid_of(record: Record) -> int:
    sort = record.key.sort
    return int(sort[2:]) if sort.startswith(MESSAGE) else tombstone_of(record.key)[1]


def _everything(transactions: Transactions, mailbox: Mailbox) -> Changes:
    """The tombstones are gone: every UID that is not there may have been there (RFC 7162
    section 3.2.5.1 allows to say so)."""
    found = {message.uid: message for message in messages(transactions.table, mailbox.id)}
    # What came after the counters were read belongs to the next look.
    there = [message for message in found.values() if message.uid < mailbox.uid_next]
    gone = [uid for uid in range(1, mailbox.uid_next) if uid not in found]
    there.sort(key=lambda message: (message.mod_seq, message.uid))
    return Changes(mailbox, there, gone)


def expunged(table: Table, mailbox: str) -> Iterator[Expunged]:
    """Yield what can still be restored, the oldest day first."""
    for record in table.range(messages_partition(mailbox), TOMBSTONE, prefix_end(TOMBSTONE)):
        if "message" in record.body:
            day, _ = tombstone_of(record.key)
            yield Expunged(decode_message(encoded_of(record)), day)
