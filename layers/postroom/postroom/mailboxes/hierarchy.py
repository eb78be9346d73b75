"""The list of an account's mailboxes: CREATE, DELETE, RENAME, SUBSCRIBE (RFC 9051 section 6.3).

*by* in the methods: whose rights the change needs (RFC 4314 section 4), see ``trees``. They are
judged before all else, or another reason would show what they hide.
"""

import base64
from collections.abc import Iterator, Sequence
from itertools import takewhile

from msgspec.structs import replace

from postroom.mailboxes.annotations import SERVER, forget
from postroom.mailboxes.chunks import in_chunks
from postroom.mailboxes.editing import guarded
from postroom.mailboxes.encoding import (
    MAILBOX,
    account_partition,
    deleted_mailbox_key,
    inbox_id,
    list_key,
    mailbox_body,
    mailbox_key,
    mailbox_of,
    subscription_key,
    sweep_key,
)
from postroom.mailboxes.errors import BadMailboxName, MailboxExists, MailboxMissing
from postroom.mailboxes.names import INBOX, OTHER_USERS, above, canonical, is_below, reading_order
from postroom.mailboxes.records import Mailbox
from postroom.mailboxes.transactions import Transactions
from postroom.mailboxes.trees import By, Tree, change_tree, read_tree
from postroom.platform.table import (
    MOST_WRITES,
    Absent,
    Delete,
    Holds,
    Put,
    Write,
    prefix_end,
)

SPECIAL_USE = {  # made with the account (RFC 6154)
    "Drafts": "\\Drafts",
    "Sent": "\\Sent",
    "Trash": "\\Trash",
    "Junk": "\\Junk",
    "Archive": "\\Archive",
}

_MOST_FOUND = 20_000
_MOST_RENAMED = 30  # in one transaction: each takes up to three writes
_MOST_MADE = (MOST_WRITES - 1) // 3  # renamed, or made above them with the rights of a parent


class Hierarchy:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._found: dict[tuple[str, str], str] = {}  # ids of mailboxes by account and name

    def all_of(self, account: str) -> list[Mailbox]:
        partition = account_partition(account)
        found = [
            mailbox_of(account, record.key.sort.removeprefix(MAILBOX), record.body)
            for record in self._transactions.table.range(partition, MAILBOX, prefix_end(MAILBOX))
        ]
        return sorted(found, key=lambda mailbox: reading_order(mailbox.name))

    def find(self, account: str, name: str) -> Mailbox:
        wanted = canonical(name)
        table, found_before = self._transactions.table, self._found
        # Only one has the name: what has had it and has it still is the one.
        id = found_before.get((account, wanted))
        record = None if id is None else table.get(mailbox_key(account, id))
        if id is not None and record is not None and record.body["name"] == wanted:
            return mailbox_of(account, id, record.body)
        partition = account_partition(account)
        for record in table.range(partition, MAILBOX, prefix_end(MAILBOX)):
            if record.body["name"] == wanted:
                id = record.key.sort.removeprefix(MAILBOX)
                if len(found_before) >= _MOST_FOUND:
                    found_before.clear()
                found_before[account, wanted] = id
                return mailbox_of(account, id, record.body)
        raise MailboxMissing(account, name)

    def subscriptions(self, account: str) -> set[str]:
        return self.outline(account)[1]

    def outline(self, account: str) -> tuple[list[Mailbox], set[str]]:
        tree = read_tree(self._transactions, account)
        subscribed = {name for name, mailbox in tree.mailboxes.items() if mailbox.subscribed}
        return [*tree.mailboxes.values()], subscribed | tree.subscriptions

    def deleted(self, account: str) -> list[Mailbox]:
        return list(read_tree(self._transactions, account).deleted.values())

    def create_account(self, account: str) -> None:
        def prepare(tree: Tree) -> list[Write]:
            missing = [name for name in (INBOX, *SPECIAL_USE) if name not in tree.mailboxes]
            if tree.version and INBOX in tree.mailboxes:
                return []  # made before; what its owner removed since stays removed
            return [
                write
                for name in missing
                for write in self._make(tree, name, SPECIAL_USE.get(name, ""), True)
            ]

        change_tree(self._transactions, account, prepare)

    def create(self, account: str, name: str, special_use: str, by: By) -> None:
        name = canonical(name)

        def prepare(tree: Tree) -> list[Write]:
            tree.need_parent(name, by)
            _refuse_of_others(name)
            if name in tree.mailboxes:
                raise MailboxExists(account, name)
            return [
                *self._make_above(tree, name),
                *self._make(tree, name, special_use),
            ]

        change_tree(self._transactions, account, prepare)

    def delete(self, account: str, name: str, by: By) -> None:
        name = canonical(name)

        def prepare(tree: Tree) -> list[Write]:
            mailbox = tree.get(name)
            tree.need("x", mailbox, by)
            if name == INBOX:
                raise BadMailboxName(name, "INBOX cannot be deleted (RFC 9051 section 6.3.5)")
            kept = [Put(subscription_key(account, name), {})] if mailbox.subscribed else []
            return [*self._remove(tree, [mailbox]), *kept]

        change_tree(self._transactions, account, prepare)

    def undelete(self, account: str, mailbox: str, name: str) -> None:
        """Bring a deleted mailbox back, under a name that is free, with all its messages. Nobody
        else has rights on it then."""
        name = canonical(name)
        _refuse_of_others(name)

        def prepare(tree: Tree) -> list[Write]:
            if mailbox not in tree.deleted:
                raise MailboxMissing(account, mailbox)
            if name in tree.mailboxes:
                raise MailboxExists(account, name)
            was = tree.deleted[mailbox]
            back = replace(
                was, name=name, subscribed=name in tree.subscriptions, version=was.version + 1
            )
            return [
                *self._make_above(tree, name),
                *tree.free(name),
                Delete(deleted_mailbox_key(account, mailbox), Holds("version", was.version)),
                Put(mailbox_key(account, mailbox), mailbox_body(back), condition=Absent()),
            ]

        change_tree(self._transactions, account, prepare)

    def rename(self, account: str, name: str, new_name: str, by: By) -> None:
        """All but INBOX, whose rename is a move. The rights stay (RFC 4314 section 4)."""
        name, new_name = canonical(name), canonical(new_name)
        tree = read_tree(self._transactions, account)
        moving = _moving(tree, name)
        if not moving:
            raise MailboxMissing(account, name)
        _may_rename(tree, name, new_name, by)
        _refuse_of_others(new_name)
        if name == INBOX:
            raise BadMailboxName(name, "only its owner empties it into another")
        if is_below(new_name, name):
            raise BadMailboxName(new_name, f"{name!r} cannot move below itself")
        # The new name must be free even if the old one is only above others: two trees don't mix.
        _check_free(tree, name, new_name, [name, *moving])
        first = canonical(new_name + moving[0].removeprefix(name))
        made = sum(each not in tree.mailboxes for each in above(first))

        def do(numbers: Sequence[int]) -> Sequence[int]:
            names = [moving[number] for number in numbers]

            def prepare(tree: Tree) -> list[Write]:
                if names[0] == moving[0]:
                    _may_rename(tree, name, new_name, by)
                    _check_free(tree, name, new_name, [name])
                return self._move_names(tree, names, name, new_name)

            change_tree(self._transactions, account, prepare)
            return []

        # A large tree takes several transactions. Parents go first, so that one that stops
        # halfway leaves two trees, and no mailbox without its parent.
        in_chunks(range(len(moving)), min(_MOST_RENAMED, _MOST_MADE - made), do)

    def _move_names(self, tree: Tree, names: list[str], name: str, new_name: str) -> list[Write]:
        _check_free(tree, name, new_name, names)
        writes: list[Write] = []
        for old in names:
            mailbox = tree.mailboxes.get(old)
            if mailbox is None:
                continue  # removed meanwhile
            new = canonical(new_name + old.removeprefix(name))
            if old == names[0]:
                writes += self._make_above(tree, new)
            # RENAME does not update subscriptions (RFC 9051 section 6.3.6): the old name
            # stays subscribed. The mailbox does as well, for clients that know it by its id.
            if mailbox.subscribed:
                writes.append(Put(subscription_key(tree.account, old), {}))
            writes += tree.free(new)
            subscribed = mailbox.subscribed or new in tree.subscriptions
            renamed = replace(mailbox, name=new, subscribed=subscribed)
            writes.append(guarded(mailbox, renamed))
            tree.mailboxes[new] = renamed
        return writes

    def subscribe(self, account: str, name: str, subscribed: bool) -> None:
        name = canonical(name)

        def prepare(tree: Tree) -> list[Write]:
            mailbox = tree.mailboxes.get(name)
            if mailbox is not None:
                if mailbox.subscribed == subscribed:
                    return []
                return [guarded(mailbox, replace(mailbox, subscribed=subscribed))]
            if subscribed == (name in tree.subscriptions):
                return []
            key = subscription_key(account, name)
            return [Put(key, {}) if subscribed else Delete(key)]

        change_tree(self._transactions, account, prepare)

    def remove_account(self, account: str) -> None:
        while read_tree(self._transactions, account).mailboxes:
            change_tree(self._transactions, account, self._remove_some)
        tree = read_tree(self._transactions, account)
        for name in tree.subscriptions:
            self._transactions.table.write(Delete(subscription_key(account, name)))
        self._transactions.table.write(Delete(list_key(account)), forget(account, SERVER))

    def _remove_some(self, tree: Tree) -> list[Write]:
        some = list(tree.mailboxes.values())[:_MOST_RENAMED]
        return self._remove(tree, some)

    def _make(
        self, tree: Tree, name: str, special_use: str = "", subscribed: bool = False
    ) -> Iterator[Write]:
        mailbox = Mailbox(
            id=inbox_id(tree.account) if name == INBOX else self._new_id(),
            account=tree.account,
            name=name,
            special_use=special_use,
            subscribed=subscribed or name in tree.subscriptions,
            uid_validity=tree.next_uid_validity(self._transactions.now()),
            uid_next=1,
            highest_mod_seq=1,
            messages=0,
            unseen=0,
            deleted=0,
            size=0,
            first_recent=1,
            keywords=(),
            version=1,
        )
        tree.mailboxes[name] = mailbox
        yield from tree.free(name)
        key = mailbox_key(tree.account, mailbox.id)
        yield Put(key, mailbox_body(mailbox), condition=Absent())
        parent = tree.parent(name)
        if parent is not None and parent.id in tree.acls:  # RFC 4314 section 4
            yield from tree.share({mailbox.id: tree.acls[parent.id]})

    def _make_above(self, tree: Tree, name: str) -> list[Write]:
        # Down from the nearest that is there: what was deleted above that one stays deleted, and
        # its owner alone may want it back.
        upwards = reversed(list(above(name)))
        missing = list(takewhile(lambda each: each not in tree.mailboxes, upwards))[::-1]
        return [write for each in missing for write in self._make(tree, each)]

    def _new_id(self) -> str:
        # Begins with a letter, no case to be confused (RFC 8474 section 4).
        return "m" + base64.b32encode(self._transactions.token(10)).decode().lower()

    def _remove(self, tree: Tree, mailboxes: Sequence[Mailbox]) -> list[Write]:
        """They go, and the rights on them; their messages wait for the sweep, and may come back
        until then."""
        day, account = self._transactions.day(), tree.account
        writes = list(tree.share({mailbox.id: {} for mailbox in mailboxes}))
        for mailbox in mailboxes:
            writes += (
                Delete(mailbox_key(account, mailbox.id), Holds("version", mailbox.version)),
                Put(
                    deleted_mailbox_key(account, mailbox.id),
                    {**mailbox_body(mailbox), "deleted_day": day},
                ),
                Put(sweep_key(day, mailbox.id), {"account": account, "deleted": True}),
            )
        return writes


def _moving(tree: Tree, name: str) -> list[str]:
    """The mailbox and those below it; it may itself be only a name above others."""
    return sorted(each for each in tree.mailboxes if each == name or is_below(each, name))


def _may_rename(tree: Tree, name: str, new_name: str, by: By) -> None:
    if by is not None:
        tree.need("x", tree.get(name), by)
        tree.need_parent(new_name, by)


def _refuse_of_others(name: str) -> None:
    """Mailboxes of others appear there. What is there already stays."""
    if name == OTHER_USERS or is_below(name, OTHER_USERS):
        raise BadMailboxName(name, "mailboxes that others share appear there")


def _check_free(tree: Tree, name: str, new_name: str, names: Sequence[str]) -> None:
    for old in names:
        new = canonical(new_name + old.removeprefix(name))
        if new in tree.mailboxes:
            raise MailboxExists(tree.account, new)
