"""Who besides the owner has which rights on a mailbox (RFC 4314).

An *identifier* stands for a user, a group or anyone; the directory knows for whom. "-" and an
identifier is an entry of rights that are taken away. The owner has all rights and no entry: what
owners and deliveries do reads nothing of this.
"""

from collections.abc import Callable, Iterable

from postroom.mailboxes.encoding import ACL, account_partition, acl_key, acl_of
from postroom.mailboxes.errors import MailboxMissing, TooManyIdentifiers
from postroom.mailboxes.rights import NONE, Entries, Rights
from postroom.mailboxes.transactions import Transactions
from postroom.mailboxes.trees import By, Tree, change_tree
from postroom.platform.table import Write, prefix_end

MOST_ENTRIES = 50  # of one mailbox: a transaction can tell all of them that it is gone


class Sharing:
    """``Mailboxes.sharing``. *mailbox* is an id. All methods may raise StoreUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def entries(self, account: str, mailbox: str) -> Entries:
        """Of one mailbox; one read."""
        found = self._transactions.table.get(acl_key(account, mailbox))
        return {} if found is None else acl_of(found.body)

    def all_of(self, account: str) -> dict[str, Entries]:
        """Of all the account's mailboxes that have some, by id; one query."""
        found = self._transactions.table.range(account_partition(account), ACL, prefix_end(ACL))
        return {record.key.sort.removeprefix(ACL): acl_of(record.body) for record in found}

    def owners(self, identifiers: Iterable[str]) -> list[str]:
        """The accounts that name one of the identifiers in an ACL; a query for each."""
        table = self._transactions.table
        found = {
            record.key.sort: None
            for each in identifiers
            for record in table.range(f"shared/{each}")
        }
        return list(found)

    def change(
        self,
        account: str,
        mailbox: str,
        identifier: str,
        change: Callable[[Rights], Rights],
        by: By = None,
    ) -> None:
        """Make of the identifier's rights what *change* returns; none: its entry is removed.

        Raises MailboxMissing, TooManyIdentifiers; NotPermitted when *by* lacks ``a``.
        """

        def prepare(tree: Tree) -> list[Write]:
            found = next((each for each in tree.mailboxes.values() if each.id == mailbox), None)
            if found is None:
                raise MailboxMissing(account, mailbox)
            tree.need("a", found, by)
            before = tree.acls.get(mailbox, {})
            rights = change(before.get(identifier, NONE))
            after = {**before, identifier: rights}
            if not rights:
                del after[identifier]
            if after == before:
                return []
            if len(after) > max(MOST_ENTRIES, len(before)):
                raise TooManyIdentifiers(MOST_ENTRIES)
            return list(tree.share({mailbox: after}))

        change_tree(self._transactions, account, prepare)
        # Whom it is shared with need not have heard of the account before.
        self._transactions.tell([(account, mailbox), (identifier.removeprefix("-"), "")])

    def forget(self, identifier: str) -> None:
        """It stands for nobody any more: take it out of every ACL."""
        for account in self.owners([identifier]):
            self._forget(account, {identifier, f"-{identifier}"})

    def _forget(self, account: str, names: set[str]) -> None:
        changed: list[str] = []

        def prepare(tree: Tree) -> list[Write]:
            changed[:] = [
                mailbox for mailbox, entries in tree.acls.items() if names & entries.keys()
            ][:MOST_ENTRIES]
            left = {
                mailbox: {
                    name: rights for name, rights in tree.acls[mailbox].items() if name not in names
                }
                for mailbox in changed
            }
            return list(tree.share(left))

        while True:
            change_tree(self._transactions, account, prepare)
            if not changed:
                return
            self._transactions.tell([(account, mailbox) for mailbox in changed])

    def end(self, account: str) -> None:
        """Nobody else has rights on any of the account's mailboxes any more."""
        for mailbox in self.all_of(account):
            ended: dict[str, Entries] = {mailbox: {}}
            change_tree(self._transactions, account, lambda tree: [*tree.share(ended)])  # noqa: B023  (called at once)
            self._transactions.tell([(account, mailbox)])

    def tell(self, identifier: str) -> None:
        """It stands for others than before, or others for it: sessions look at once what they
        may do now."""
        names = {identifier, f"-{identifier}"}
        self._transactions.tell([(identifier, "")])
        for account in self.owners([identifier]):
            acls = self.all_of(account)
            self._transactions.tell(
                [(account, mailbox) for mailbox, entries in acls.items() if names & entries.keys()]
            )
