"""REPLACE: a message comes and another goes, in one transaction (RFC 8508)."""

from postroom.mailboxes.copying import usage
from postroom.mailboxes.editing import Edit
from postroom.mailboxes.errors import OverQuota
from postroom.mailboxes.reading import pick
from postroom.mailboxes.records import Appended, NewMessage
from postroom.mailboxes.references import References
from postroom.mailboxes.threads import Arrival, Threads
from postroom.mailboxes.transactions import Transactions
from postroom.platform.table import Write


def replace(
    transactions: Transactions,
    references: References,
    threads: Threads,
    account: str,
    source: str,
    uid: int,
    target: str,
    message: NewMessage,
    quota: int,
    into_account: str,
) -> Appended | None:
    size = len(message.prefix) + message.summary.size

    def prepare(edits: list[Edit]) -> tuple[list[Write], Appended | None]:
        out_of, into = edits
        found = pick(transactions.table, source, [uid])
        if not found:
            return [], None
        freed = found[0].size if into_account == account else 0
        _check_quota(transactions, into_account, freed, size, quota)
        [place] = threads.places([Arrival(into_account, message)])
        added = into.add(
            message.blob,
            message.prefix,
            size,
            message.internal_date,
            transactions.now(),
            message.flags,
            place.thread,
        )
        out_of.expunge(found[0])
        # A message must never be seen without its summary. A repeat finds the claim.
        references.plan([message])
        before = into.before
        notes: list[Write] = [place.note] if place.note is not None else []
        return notes, Appended(before.id, before.uid_validity, added.uid, added.mod_seq)

    return transactions.edit(account, [source, target], prepare, elsewhere={target: into_account})


def _check_quota(
    transactions: Transactions, account: str, goes: int, comes: int, quota: int
) -> None:
    """What counts is the net consumption (RFC 8508 section 3.4)."""
    if quota and comes > goes:
        wanted = usage(transactions, account) - goes + comes
        if wanted > quota:
            raise OverQuota(account, wanted, quota)
