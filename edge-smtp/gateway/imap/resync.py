"""What a client has missed while it was away (RFC 7162 sections 3.2.5 and 3.2.6)."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain

from gateway.imap.commands import Resync
from gateway.imap.selected import Selected, runs
from gateway.imap.sequence_set import SequenceSet, merge
from postroom.mailboxes.records import Message

Missed = tuple[list[range], list[Message]]


def missed(selected: Selected, resync: Resync, *, most: int | None = None) -> Missed:
    """What SELECT (QRESYNC …) tells: see ``missed_since``. Nothing if UIDVALIDITY is another."""
    if resync.uid_validity != selected.mailbox.uid_validity:
        return [], []
    vanished, changed = missed_since(selected, resync.mod_seq, resync.known, most=most)
    return list(_from(_known_up_to(selected, resync) + 1, vanished)), changed


def missed_since(
    selected: Selected, mod_seq: int, named: SequenceSet | None, *, most: int | None = None
) -> Missed:
    """Return UIDs that are gone, as ascending ranges, and messages that are new or altered, by
    UID: of those *named*, all above the MODSEQ.

    UIDs in the selected mailbox are not among the first, even when they are gone in truth: the
    client counts them still, and learns of their end by a VANISHED without EARLIER (section
    3.2.10). It may read the table. Raises MailboxMissing. *most*: see ``View.refresh``.
    """
    last = selected.mailbox.uid_next - 1
    ranges = [range(1, last + 1)] if named is None else merge(named.ranges(last))
    ranges = [range(each.start, min(each.stop, last + 1)) for each in ranges if each.start <= last]
    if mod_seq < selected.mailbox.forgotten:
        # Which of the missing UIDs the client has heard of is not known any more.
        there = selected.view.messages_in(selected.uids_at(_positions(selected, ranges)))
        return (
            list(_missing(selected, ranges)),
            [message for message in there if message.mod_seq > mod_seq],
        )
    changes = selected.view.since(mod_seq, most=most)
    gone = (uid for uid in _within(ranges, changes.expunged) if selected.position_of(uid) < 0)
    altered = {
        message.uid: message
        for message in changes.changed
        if selected.position_of(message.uid) >= 0
    }
    return runs(gone), [altered[uid] for uid in _within(ranges, sorted(altered))]


def _positions(selected: Selected, ranges: Sequence[range]) -> Iterator[range]:
    return (selected.between(each.start, each.stop - 1) for each in ranges)


def _missing(selected: Selected, ranges: Sequence[range]) -> Iterator[range]:
    """The gaps between the UIDs that are there."""
    for each in ranges:
        next_uid = each.start
        for position in selected.between(each.start, each.stop - 1):
            uid = selected.uids[position]
            if uid > next_uid:
                yield range(next_uid, uid)
            next_uid = uid + 1
        if next_uid < each.stop:
            yield range(next_uid, each.stop)


def _within(ranges: Sequence[range], uids: Sequence[int]) -> Iterator[int]:
    """Those of the ascending UIDs that are in the ranges."""
    for each in ranges:
        yield from uids[bisect_left(uids, each.start) : bisect_left(uids, each.stop)]


def _from(first: int, ranges: Sequence[range]) -> Iterator[range]:
    for each in ranges:
        if each.stop > first:
            yield range(max(each.start, first), each.stop)


def _known_up_to(selected: Selected, resync: Resync) -> int:
    """The highest UID at which client and server agree on the number of a message: below it
    nothing can be missing that the client does not know to be (section 3.2.5.2)."""
    known = 0
    count = len(selected.uids)
    pairs = zip(_numbers(resync.numbers), _numbers(resync.uids), strict=True)
    for number, uid in pairs:
        if number > count or selected.uids[number - 1] != uid:
            break
        known = uid
    return known


def _numbers(named: SequenceSet) -> Iterator[int]:
    return chain.from_iterable(range(first, last + 1) for first, last in named.ends)
