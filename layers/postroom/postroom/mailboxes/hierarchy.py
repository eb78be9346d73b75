"""The list of an account's mailboxes: CREATE, DELETE, RENAME, SUBSCRIBE (RFC 9051 section 6.3).

Every change is a transaction that also writes the account's ``list`` record, so that
two changes never meet, and UIDVALIDITY values, which it hands out, are never given twice.
"""

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from postroom.errors import ConditionFailed
from postroom.mailboxes.annotations import SERVER, forget
from postroom.mailboxes.chunks import in_chunks
from postroom.mailboxes.editing import guarded
from postroom.mailboxes.encoding import (
    DELETED_MAILBOX,
    LIST,
    MAILBOX,
    SUBSCRIPTION,
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
from postroom.mailboxes.names import INBOX, above, canonical, is_below, reading_order
from postroom.mailboxes.records import Mailbox
from postroom.mailboxes.transactions import ATTEMPTS, Transactions, too_busy
from postroom.platform.table import Absent, Delete, Holds, Put, Write, prefix_end

SPECIAL_USE = {  # made with the account (RFC 6154)
    "Drafts": "\\Drafts",
    "Sent": "\\Sent",
    "Trash": "\\Trash",
    "Junk": "\\Junk",
    "Archive": "\\Archive",
}

_MOST_RENAMED = 30  # in one transaction: each takes up to three writes


@dataclass(slots=True)
class Tree:
    """The account as one query reads it, and the writes that change it."""

    account: str
    version: int  # of the list record, 0 when there is none
    uid_validity: int  # the last one handed out
    mailboxes: dict[str, Mailbox]  # by name
    subscriptions: set[str]  # names that do not exist
    deleted: dict[str, Mailbox]  # by id

    def get(self, name: str) -> Mailbox:
        if name not in self.mailboxes:
            raise MailboxMissing(self.account, name)
        return self.mailboxes[name]

    def next_uid_validity(self, now: int) -> int:
        self.uid_validity = max(self.uid_validity + 1, now)
        return self.uid_validity

    def write(self) -> Put:
        return Put(
            list_key(self.account),
            {"version": self.version + 1, "uid_validity": self.uid_validity},
            condition=Holds("version", self.version) if self.version else Absent(),
        )

    def free(self, name: str) -> Iterator[Write]:
        """The writes that take a name which only a subscription remembers."""
        if name in self.subscriptions:
            yield Delete(subscription_key(self.account, name))


class Hierarchy:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def all_of(self, account: str) -> list[Mailbox]:
        partition = account_partition(account)
        found = [
            mailbox_of(account, record.key.sort.removeprefix(MAILBOX), record.body)
            for record in self._transactions.table.range(partition, MAILBOX, prefix_end(MAILBOX))
        ]
        return sorted(found, key=lambda mailbox: reading_order(mailbox.name))

    def find(self, account: str, name: str) -> Mailbox:
        wanted = canonical(name)
        for mailbox in self.all_of(account):
            if mailbox.name == wanted:
                return mailbox
        raise MailboxMissing(account, name)

    def subscriptions(self, account: str) -> set[str]:
        return self.outline(account)[1]

    def outline(self, account: str) -> tuple[list[Mailbox], set[str]]:
        tree = self._read(account)
        subscribed = {name for name, mailbox in tree.mailboxes.items() if mailbox.subscribed}
        return [*tree.mailboxes.values()], subscribed | tree.subscriptions

    def deleted(self, account: str) -> list[Mailbox]:
        return list(self._read(account).deleted.values())

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

        self._change(account, prepare)

    def create(self, account: str, name: str, special_use: str) -> None:
        name = canonical(name)

        def prepare(tree: Tree) -> list[Write]:
            if name in tree.mailboxes:
                raise MailboxExists(account, name)
            return [
                *self._make_above(tree, name),
                *self._make(tree, name, special_use),
            ]

        self._change(account, prepare)

    def delete(self, account: str, name: str) -> None:
        name = canonical(name)
        if name == INBOX:
            raise BadMailboxName(name, "INBOX cannot be deleted (RFC 9051 section 6.3.5)")

        def prepare(tree: Tree) -> list[Write]:
            mailbox = tree.get(name)
            kept = [Put(subscription_key(account, name), {})] if mailbox.subscribed else []
            return [*self._remove(mailbox), *kept]

        self._change(account, prepare)

    def undelete(self, account: str, mailbox: str, name: str) -> None:
        """Bring a deleted mailbox back, under a name that is free, with all its messages."""
        name = canonical(name)

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

        self._change(account, prepare)

    def rename(self, account: str, name: str, new_name: str) -> None:
        """All but INBOX, whose rename is a move."""
        name, new_name = canonical(name), canonical(new_name)
        if is_below(new_name, name):
            raise BadMailboxName(new_name, f"{name!r} cannot move below itself")
        self._rename(account, name, new_name)

    def _rename(self, account: str, name: str, new_name: str) -> None:
        tree = self._read(account)
        moving = _moving(tree, name)
        if not moving:
            raise MailboxMissing(account, name)
        _check_free(tree, name, new_name, moving)

        def do(numbers: Sequence[int]) -> Sequence[int]:
            names = [moving[number] for number in numbers]
            self._change(account, lambda tree: self._move_names(tree, names, name, new_name))
            return []

        # A large tree takes several transactions. Parents go first, so that one that stops
        # halfway leaves two trees, and no mailbox without its parent.
        in_chunks(range(len(moving)), _MOST_RENAMED, do)

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

        self._change(account, prepare)

    def remove_account(self, account: str) -> None:
        while self._read(account).mailboxes:
            self._change(account, self._remove_some)
        tree = self._read(account)
        for name in tree.subscriptions:
            self._transactions.table.write(Delete(subscription_key(account, name)))
        self._transactions.table.write(Delete(list_key(account)), forget(account, SERVER))

    def _remove_some(self, tree: Tree) -> list[Write]:
        some = list(tree.mailboxes.values())[:_MOST_RENAMED]
        return [write for mailbox in some for write in self._remove(mailbox)]

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

    def _make_above(self, tree: Tree, name: str) -> list[Write]:
        missing = [each for each in above(name) if each not in tree.mailboxes]
        return [write for each in missing for write in self._make(tree, each)]

    def _new_id(self) -> str:
        # Begins with a letter, no case to be confused (RFC 8474 section 4).
        return "m" + base64.b32encode(self._transactions.token(10)).decode().lower()

    def _remove(self, mailbox: Mailbox) -> list[Write]:
        """The mailbox goes; its messages wait for the sweep, and may come back until then."""
        day = self._transactions.day()
        account = mailbox.account
        return [
            Delete(mailbox_key(account, mailbox.id), Holds("version", mailbox.version)),
            Put(
                deleted_mailbox_key(account, mailbox.id),
                {**mailbox_body(mailbox), "deleted_day": day},
            ),
            Put(sweep_key(day, mailbox.id), {"account": account, "deleted": True}),
        ]

    def _read(self, account: str) -> Tree:
        tree = Tree(account, 0, 0, {}, set(), {})
        for record in self._transactions.table.range(account_partition(account)):
            sort, body = record.key.sort, record.body
            if sort == LIST:
                version, uid_validity = body["version"], body["uid_validity"]
                assert isinstance(version, int)  # noqa: S101  (we wrote it)
                assert isinstance(uid_validity, int)  # noqa: S101  (we wrote it)
                tree.version, tree.uid_validity = version, uid_validity
            elif sort.startswith(MAILBOX):
                mailbox = mailbox_of(account, sort.removeprefix(MAILBOX), body)
                tree.mailboxes[mailbox.name] = mailbox
            elif sort.startswith(DELETED_MAILBOX) and "sweeping" not in body:
                mailbox = mailbox_of(account, sort.removeprefix(DELETED_MAILBOX), body)
                tree.deleted[mailbox.id] = mailbox
            elif sort.startswith(SUBSCRIPTION):
                tree.subscriptions.add(sort.removeprefix(SUBSCRIPTION))
        return tree

    def _change(self, account: str, prepare: Callable[[Tree], list[Write]]) -> None:
        with self._transactions.turn([account]):
            for _ in range(ATTEMPTS):
                tree = self._read(account)
                writes = prepare(tree)
                if not writes:
                    return
                try:
                    self._transactions.table.write(tree.write(), *writes)
                except ConditionFailed:
                    continue
                self._transactions.tell([(account, "")])
                return
        raise too_busy([account])


def _moving(tree: Tree, name: str) -> list[str]:
    """The mailbox and those below it; it may itself be only a name above others."""
    return sorted(each for each in tree.mailboxes if each == name or is_below(each, name))


def _check_free(tree: Tree, name: str, new_name: str, names: Sequence[str]) -> None:
    for old in names:
        new = canonical(new_name + old.removeprefix(name))
        if new in tree.mailboxes:
            raise MailboxExists(tree.account, new)
