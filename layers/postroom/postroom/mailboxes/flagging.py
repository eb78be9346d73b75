"""STORE: change the flags of messages, under CONDSTORE when asked (RFC 7162 section 3.1.3)."""

from collections.abc import Iterable, Sequence

from postroom.mailboxes.chunks import in_chunks, split
from postroom.mailboxes.editing import Edit
from postroom.mailboxes.flags import FlagChange
from postroom.mailboxes.reading import pick
from postroom.mailboxes.records import Message
from postroom.mailboxes.rights import Rights, allowed
from postroom.mailboxes.transactions import Transactions
from postroom.mailboxes.view import View

# Messages as they are now, UIDs left alone, UIDs that had no room.
_Done = tuple[list[Message], list[int], list[int]]


def store_flags(
    transactions: Transactions,
    account: str,
    mailbox: str,
    uids: Sequence[int],
    *,
    add: Iterable[str],
    remove: Iterable[str],
    replace: Iterable[str] | None,
    unchanged_since: int | None,
    rights: Rights,
    view: View | None,
) -> tuple[list[Message], list[int]]:
    # A keyword that may not be set is not learned, either.
    add, remove = allowed(add, rights), tuple(remove)
    replace = None if replace is None else allowed(replace, rights)
    stored: list[Message] = []
    modified: list[int] = []

    def do(chunk: Sequence[int]) -> Sequence[int]:
        def prepare(edit: Edit) -> _Done:
            change = FlagChange(
                edit.keywords.spell(add),
                edit.keywords.spell_known(remove),
                None if replace is None else edit.keywords.spell(replace),
                rights,
            )
            now: list[Message] = []
            left_alone: list[int] = []
            there = pick(transactions.table, mailbox, chunk) if view is None else view.pick(chunk)
            found, later = split(there, transactions.most_octets)
            for message in found:
                if unchanged_since is not None and message.mod_seq > unchanged_since:
                    left_alone.append(message.uid)
                    continue
                flags = change.apply(message.flags)
                now.append(message if flags == message.flags else edit.alter(message, flags))
            return now, left_alone, later

        if view is None:
            done = transactions.edit(account, [mailbox], lambda edits: ([], prepare(edits[0])))
        else:
            done = transactions.edit_viewed(view, prepare)
        now, left_alone, later = done
        stored.extend(now)
        modified.extend(left_alone)
        return later

    in_chunks(uids, transactions.most(1, besides=1), do)
    return stored, modified
