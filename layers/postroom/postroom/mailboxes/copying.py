"""COPY and MOVE (RFC 9051 sections 6.4.7 and 6.4.8): the blob stays, the references follow."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from postroom.errors import BlobMissing, PostroomError
from postroom.mailboxes.chunks import in_chunks, split
from postroom.mailboxes.editing import Edit
from postroom.mailboxes.encoding import MAILBOX, account_partition, mailbox_of
from postroom.mailboxes.errors import OverQuota
from postroom.mailboxes.expunging import expunge
from postroom.mailboxes.reading import pick
from postroom.mailboxes.records import Appended, Message
from postroom.mailboxes.references import References, changed, references_of
from postroom.mailboxes.rights import Rights, allowed
from postroom.mailboxes.transactions import Transactions, octets_of
from postroom.platform.table import Write, prefix_end

Copied = list[tuple[int, Appended]]


def copy(
    transactions: Transactions,
    references: References,
    account: str,
    source: str,
    uids: Sequence[int],
    target: str,
    quota: int,
    into_account: str,
    rights: Rights,
) -> Copied:
    copied: Copied = []

    def do(chunk: Sequence[int]) -> Sequence[int]:
        def prepare(edits: list[Edit]) -> tuple[list[Write], tuple[Copied, list[int]]]:
            _, into = edits
            messages = pick(transactions.table, source, chunk)
            records = references.records({message.blob for message in messages})
            for message in messages:
                if message.blob not in records or not references_of(records[message.blob]):
                    raise BlobMissing(message.blob, store="the records of blobs")
            fitting, later = split(
                messages,
                transactions.most_octets,
                lambda message: octets_of([changed(records[message.blob], 1)]),
            )
            wanted = Counter(message.blob for message in fitting)
            counted: list[Write] = [changed(records[blob], by) for blob, by in wanted.items()]
            now = transactions.now()
            return counted, ([_add(into, message, now, rights) for message in fitting], later)

        done, later = transactions.edit(
            account, [source, target], prepare, elsewhere={target: into_account}
        )
        copied.extend(done)
        return later

    _check_quota(transactions, into_account, source, uids, quota)
    try:
        # The copy and the blob's record; both mailboxes.
        in_chunks(uids, transactions.most(2, besides=2), do)
    except PostroomError:
        # All or none (RFC 9051 section 6.4.7): one that is tried again would double the first ones.
        _take_back(transactions, into_account, target, copied)
        raise
    return copied


def _take_back(transactions: Transactions, account: str, target: str, copied: Copied) -> None:
    uids = [appended.uid for _, appended in copied]
    with suppress(PostroomError):  # what made the copy fail is what the caller must hear of
        expunge(transactions, account, target, uids, flagged=False)


def move(
    transactions: Transactions,
    account: str,
    source: str,
    uids: Sequence[int],
    target: str,
    quota: int,
    into_account: str,
    rights: Rights,
) -> Copied:
    moved: Copied = []

    def do(chunk: Sequence[int]) -> Sequence[int]:
        def prepare(edits: list[Edit]) -> tuple[list[Write], tuple[Copied, list[int]]]:
            out_of, into = edits
            fitting, later = split(
                pick(transactions.table, source, chunk), transactions.most_octets
            )
            done = []
            for message in fitting:
                done.append(_add(into, message, transactions.now(), rights))
                out_of.hand_over(message)
            return [], (done, later)

        done, later = transactions.edit(
            account, [source, target], prepare, elsewhere={target: into_account}
        )
        moved.extend(done)
        return later

    if into_account != account:  # within one what it holds stays the same
        _check_quota(transactions, into_account, source, uids, quota)
    # The copy, the message that goes, its tombstone; both mailboxes and a note for the sweep.
    in_chunks(uids, transactions.most(3, besides=3), do)
    return moved


def _add(into: Edit, message: Message, saved: int, rights: Rights) -> tuple[int, Appended]:
    flags = allowed(message.flags, rights)
    added = into.add(
        message.blob,
        message.prefix,
        message.size,
        message.internal_date,
        saved,
        flags,
        message.thread,
    )
    return message.uid, Appended(into.before.id, into.before.uid_validity, added.uid, added.mod_seq)


def _check_quota(
    transactions: Transactions, account: str, source: str, uids: Sequence[int], quota: int
) -> None:
    if quota:
        wanted = sum(message.size for message in pick(transactions.table, source, uids))
        wanted += usage(transactions, account)
        if wanted > quota:
            raise OverQuota(account, wanted, quota)


def usage(transactions: Transactions, account: str) -> int:
    """Octets in all mailboxes of the account."""
    records = transactions.table.range(account_partition(account), MAILBOX, prefix_end(MAILBOX))
    return sum(mailbox_of(account, record.key.sort, record.body).size for record in records)
