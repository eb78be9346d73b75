"""All that is listed of an account, as one query reads it, and the writes that change it.

Every change also writes the account's ``list`` record, so that two changes never meet, and
UIDVALIDITY values, which it hands out, are never given twice. Rights are judged by what the
same query read: whoever loses a right before the commit has lost it.
"""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass

from postroom.errors import ConditionFailed
from postroom.mailboxes.encoding import (
    ACL,
    DELETED_MAILBOX,
    LIST,
    MAILBOX,
    SUBSCRIPTION,
    account_partition,
    acl_body,
    acl_key,
    acl_of,
    list_key,
    mailbox_of,
    shared_key,
    subscription_key,
)
from postroom.mailboxes.errors import MailboxMissing, NotPermitted
from postroom.mailboxes.names import above
from postroom.mailboxes.records import Mailbox
from postroom.mailboxes.rights import KNOWING, Entries, combined
from postroom.mailboxes.transactions import ATTEMPTS, Transactions, too_busy
from postroom.platform.table import Absent, Delete, Holds, Put, Write

By = Set[str] | None  # the identifiers that apply to who asks; None: the owner, who may all


@dataclass(slots=True)
class Tree:
    account: str
    version: int  # of the list record, 0 when there is none
    uid_validity: int  # the last one handed out
    mailboxes: dict[str, Mailbox]  # by name
    subscriptions: set[str]  # names that do not exist
    deleted: dict[str, Mailbox]  # by id
    acls: dict[str, Entries]  # by id of the mailbox

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

    # Rights.

    def parent(self, name: str) -> Mailbox | None:
        """The nearest mailbox above the name."""
        there = [self.mailboxes[each] for each in above(name) if each in self.mailboxes]
        return there[-1] if there else None

    def need(self, right: str, mailbox: Mailbox, by: By) -> None:
        """Raises NotPermitted, or MailboxMissing to who may not know of the mailbox."""
        if by is None:
            return
        rights = combined(self.acls.get(mailbox.id, {}), by)
        if right not in rights:
            if not rights & KNOWING:
                raise MailboxMissing(self.account, mailbox.name)
            raise NotPermitted(self.account, right)

    def need_parent(self, name: str, by: By) -> None:
        """For a name to be: ``k`` on the nearest mailbox above. Whether there is one is not told
        to who has not got it."""
        if by is None:
            return
        parent = self.parent(name)
        if parent is None or "k" not in combined(self.acls.get(parent.id, {}), by):
            raise NotPermitted(self.account, "k")

    def share(self, changes: Mapping[str, Entries]) -> Iterator[Write]:
        """The writes that give mailboxes (ids) other entries, and tell those who are named in
        them, or no longer, where to look."""
        before = self._named()
        for mailbox, entries in changes.items():
            key = acl_key(self.account, mailbox)
            if entries:
                self.acls[mailbox] = entries
                yield Put(key, acl_body(entries))
            elif self.acls.pop(mailbox, None) is not None:
                yield Delete(key)
        after = self._named()
        for identifier in after - before:
            yield Put(shared_key(identifier, self.account), {})
        for identifier in before - after:
            yield Delete(shared_key(identifier, self.account))

    def _named(self) -> set[str]:
        return {
            identifier.removeprefix("-") for entries in self.acls.values() for identifier in entries
        }


def read_tree(transactions: Transactions, account: str) -> Tree:
    tree = Tree(account, 0, 0, {}, set(), {}, {})
    for record in transactions.table.range(account_partition(account)):
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
        elif sort.startswith(ACL):
            tree.acls[sort.removeprefix(ACL)] = acl_of(body)
    return tree


def change_tree(
    transactions: Transactions, account: str, prepare: Callable[[Tree], list[Write]]
) -> None:
    """Write what *prepare* makes of a fresh tree; again with another when somebody was faster."""
    with transactions.turn([account]):
        for _ in range(ATTEMPTS):
            tree = read_tree(transactions, account)
            writes = prepare(tree)
            if not writes:
                return
            try:
                transactions.table.write(tree.write(), *writes)
            except ConditionFailed:
                continue
            # Who idles in a mailbox that is gone must be sent away, not left waiting.
            gone = [
                (account, write.key.sort.removeprefix(MAILBOX))
                for write in writes
                if isinstance(write, Delete) and write.key.sort.startswith(MAILBOX)
            ]
            transactions.tell([(account, ""), *gone])
            return
    raise too_busy([account])
