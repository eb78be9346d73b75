"""The mailboxes of all accounts, over the ports. The signatures that the gateway is built on."""

from collections.abc import Iterable, Iterator, Sequence

from postroom.errors import PostroomError
from postroom.mailboxes import copying, expunging, flagging, reading, replacing
from postroom.mailboxes.annotations import Annotations
from postroom.mailboxes.appending import Appending
from postroom.mailboxes.encoding import inbox_id
from postroom.mailboxes.errors import (
    BadFlag,
    BadMailboxName,
    MailboxExists,
    MailboxMissing,
    NotPermitted,
    OverQuota,
)
from postroom.mailboxes.hierarchy import Hierarchy
from postroom.mailboxes.names import INBOX, canonical
from postroom.mailboxes.records import (
    Appended,
    Changes,
    Delivery,
    Expunged,
    Mailbox,
    Message,
    NewMessage,
)
from postroom.mailboxes.references import References
from postroom.mailboxes.rights import ALL, Rights
from postroom.mailboxes.sharing import Sharing
from postroom.mailboxes.sweeping import Sweeping
from postroom.mailboxes.threads import Recall, Threads
from postroom.mailboxes.transactions import Transactions
from postroom.mailboxes.trees import By
from postroom.mailboxes.view import View
from postroom.message.summary import Summary
from postroom.platform.blobs import BlobKey, BlobStore
from postroom.platform.clock import Clock, Randomness
from postroom.platform.table import Put, Table
from postroom.platform.topic import Topic

__all__ = [
    "BadFlag",
    "BadMailboxName",
    "MailboxExists",
    "MailboxMissing",
    "Mailboxes",
    "NotPermitted",
    "OverQuota",
]

GRACE_DAYS = 7


class Mailboxes:
    """Every change is published as ``"<account> <mailbox>"`` when it is durable, some of them as
    ``"<account> <mailbox>@<version>"``, with the version that they made; changes of the list of
    mailboxes as ``"<account> "``, annotations of the server as ``"<account> server"``, what is
    shared with an identifier as ``"<identifier> "``. All methods may raise StoreUnavailable;
    after that a change has been made or not, but never half (a long list of UIDs: in part)."""

    def __init__(
        self,
        table: Table,
        blobs: BlobStore,
        topic: Topic,
        clock: Clock,
        randomness: Randomness,
        *,
        grace_days: int = GRACE_DAYS,
        recall: Recall = lambda _account, _message_id: None,
    ) -> None:
        """*recall*: see ``Delivery.noted``."""
        self._table = table
        self._transactions = Transactions(table, topic, clock, randomness)
        self._references = References(table, blobs)
        self._hierarchy = Hierarchy(self._transactions)
        self._threads = Threads(table, self._transactions.now, recall)
        self._appending = Appending(self._transactions, self._references, self._threads)
        self.annotations = Annotations(self._transactions)
        self.sharing = Sharing(self._transactions)
        self._sweeping = Sweeping(self._transactions, self._references, blobs, grace_days)

    # The list of an account's mailboxes. One query reads them all, counters included.

    def create_account(self, account: str) -> None:
        """Make INBOX and the special-use mailboxes. Repeating is harmless."""
        self._hierarchy.create_account(account)

    def remove_account(self, account: str) -> None:
        """Delete all mailboxes and subscriptions; the messages go with the sweep."""
        self.sharing.end(account)
        self._hierarchy.remove_account(account)

    def all_of(self, account: str) -> list[Mailbox]:
        """All mailboxes of the account, INBOX first, then by name."""
        return self._hierarchy.all_of(account)

    def find(self, account: str, name: str) -> Mailbox:
        """The mailbox of that name ("inbox" in any case is INBOX). Raises MailboxMissing,
        BadMailboxName."""
        return self._hierarchy.find(account, name)

    def inbox(self, account: str) -> str:
        """The id of the account's INBOX, without reading anything."""
        return inbox_id(account)

    def get(self, account: str, mailbox: str) -> Mailbox:
        """The mailbox with that id. Raises MailboxMissing."""
        return self._transactions.mailbox(account, mailbox)

    # *by*: the identifiers that apply to who asks, when it is not the owner (``sharing``). Raises
    # NotPermitted when they do not give the right, MailboxMissing when they do not let him know.

    def create(self, account: str, name: str, special_use: str = "", *, by: By = None) -> Mailbox:
        """Create it, and the missing ones above it. Who had rights on the nearest mailbox above
        has the same ones on the new. Raises MailboxExists, BadMailboxName."""
        self._hierarchy.create(account, name, special_use, by)
        return self.find(account, name)

    def delete(self, account: str, name: str, *, by: By = None) -> None:
        """Delete it, but not the ones below it: its name may live on above them, without a
        mailbox. A subscription to the name stays. Raises MailboxMissing, BadMailboxName (INBOX).
        """
        self._hierarchy.delete(account, name, by)

    def deleted(self, account: str) -> list[Mailbox]:
        """Mailboxes that ``undelete`` can bring back."""
        return self._hierarchy.deleted(account)

    def undelete(self, account: str, mailbox: str, name: str) -> None:
        """Bring a deleted mailbox (an id) back under a name that is free, with its messages."""
        self._hierarchy.undelete(account, mailbox, name)

    def rename(self, account: str, name: str, new_name: str, *, by: By = None) -> None:
        """With the ones below it; INBOX is emptied into the new one (RFC 9051 section 6.3.6).

        Subscriptions to the old names stay. Raises MailboxMissing, MailboxExists,
        BadMailboxName.
        """
        if canonical(name) != INBOX or by is not None:
            self._hierarchy.rename(account, name, new_name, by)
            return
        inbox = self.find(account, INBOX)
        target = self.create(account, new_name)
        self.annotations.copy(account, inbox.id, target.id)
        uids = [message.uid for message in self.messages(inbox.id)]
        self.move(account, inbox.id, uids, target.id)

    def subscribe(self, account: str, name: str, subscribed: bool) -> None:
        """A name may be subscribed that does not exist (RFC 9051 section 6.3.7)."""
        self._hierarchy.subscribe(account, name, subscribed)

    def subscriptions(self, account: str) -> set[str]:
        """Subscribed names, of mailboxes that exist and of others."""
        return self._hierarchy.subscriptions(account)

    def outline(self, account: str) -> tuple[list[Mailbox], set[str]]:
        """All mailboxes, in no order, and ``subscriptions``; in one query."""
        return self._hierarchy.outline(account)

    def usage(self, account: str) -> int:
        """Octets in all the account's mailboxes."""
        return copying.usage(self._transactions, account)

    def deleted_size(self, mailbox: Mailbox) -> int:
        """Octets of the messages that EXPUNGE would remove; reads as far as the last of them."""
        found = expunging.deleted_messages(self._transactions, mailbox)
        return sum(message.size for message in found)

    # Messages. `mailbox` is an id.

    def append(
        self,
        account: str,
        mailbox: str,
        messages: Sequence[NewMessage],
        also: Sequence[Put] = (),
        quota: int = 0,
    ) -> list[Appended]:
        """Add the messages in the order given, in one transaction with the puts of *also*.

        Durable on return, and every listener has been told. When a condition of *also* fails,
        raises ConditionFailed with positions in *also*, and nothing is added: so a delivery
        that is repeated finds its marker and does nothing.
        Raises MailboxMissing, ConditionFailed; OverQuota when *quota* (octets, 0: none) is given
        and the account's mailboxes would hold more; TooLarge for more than 99 messages and
        puts together; BadFlag.
        """
        [outcome] = self.append_many([Delivery(account, mailbox, messages, also, quota)])
        if isinstance(outcome, PostroomError):
            raise outcome
        return outcome

    def append_many(self, deliveries: Sequence[Delivery]) -> list[list[Appended] | PostroomError]:
        """Many appends, each as ``append`` does it: done whole, or its error in its place.

        Deliveries to one mailbox share a transaction, and the transactions of all mailboxes
        are under way together: a batch costs hardly more time than one append.
        """
        return self._appending.append_many(deliveries)

    # Blobs that something besides mailboxes needs for a while.

    def plan(self, messages: Sequence[NewMessage]) -> None:
        """Count the references that the messages will be, each under its claim, ahead of
        ``append``, which then finds its claim. Repeats are harmless."""
        self._references.plan(messages)

    def let_go(self, blobs: Sequence[BlobKey], claim: str) -> None:
        """Give back the planned references of that claim. A blob with no other goes at once."""
        self._references.let_go(blobs, claim)

    def messages(
        self, mailbox: str, first: int = 1, last: int = reading.LARGEST_UID
    ) -> Iterator[Message]:
        """Yield messages in order of UID, lazily, in pages."""
        return reading.messages(self._table, mailbox, first, last)

    def encoded_messages(
        self,
        mailbox: str,
        first: int = 1,
        last: int = reading.LARGEST_UID,
        limit: int | None = None,
    ) -> Iterator[bytes]:
        """``messages`` as they are stored, for ``encoding.decode_message``; at most *limit*."""
        return reading.encoded_messages(self._table, mailbox, first, last, limit)

    def pick(self, mailbox: str, uids: Sequence[int]) -> list[Message]:
        """Those of the messages that exist, in order of UID."""
        return reading.pick(self._table, mailbox, uids)

    def changes(
        self, account: str, mailbox: str, above: int, uid_next: int = 0, most: int | None = None
    ) -> Changes:
        """Everything that happened above the MODSEQ; costs what happened, not what is there.

        From before the grace period, ``expunged`` names every UID that is not there
        (and then it does cost what is there). *uid_next*, if known: as it was at that MODSEQ.
        Raises MuchToRead when there are more than *most*.
        """
        return reading.changes(self._transactions, account, mailbox, above, uid_next, most)

    def summaries(self, blobs: Sequence[BlobKey]) -> Iterator[Summary]:
        """Yield the summaries in the order given; the cheap way to answer FETCH 1:* ENVELOPE."""
        return map(Summary.decode, self.encoded_summaries(blobs))

    def encoded_summaries(self, blobs: Sequence[BlobKey]) -> Iterator[bytes]:
        """``summaries`` as they are stored, for ``message.summary``'s readers of single fields."""
        return self._references.encoded_summaries(blobs)

    def store_flags(
        self,
        account: str,
        mailbox: str,
        uids: Sequence[int],
        *,
        add: Iterable[str] = (),
        remove: Iterable[str] = (),
        replace: Iterable[str] | None = None,
        unchanged_since: int | None = None,
        rights: Rights = ALL,
        view: View | None = None,
    ) -> tuple[list[Message], list[int]]:
        """Change flags, as far as *rights* go; the others stay. Returns the messages as they are
        now, and the UIDs left alone because their MODSEQ is above *unchanged_since* (RFC 7162
        section 3.1.3). UIDs that are gone are skipped. A message whose flags do not change keeps
        its MODSEQ. *view*: of the mailbox; saves reading it, and is up to date then. Raises
        BadFlag."""
        return flagging.store_flags(
            self._transactions,
            account,
            mailbox,
            uids,
            add=add,
            remove=remove,
            replace=replace,
            unchanged_since=unchanged_since,
            rights=rights,
            view=view,
        )

    def copy(
        self,
        account: str,
        source: str,
        uids: Sequence[int],
        target: str,
        quota: int = 0,
        *,
        into: str = "",
        rights: Rights = ALL,
    ) -> list[tuple[int, Appended]]:
        """Copy to the mailbox *target*, in order of UID, all of them or none. Pairs of
        source UID and what became of it. Raises OverQuota before anything is copied.

        *into*: the account that *target* is of, whose quota it is, when it is another. Flags that
        the *rights* there do not allow are left out.
        """
        return copying.copy(
            self._transactions,
            self._references,
            account,
            source,
            uids,
            target,
            quota,
            into or account,
            rights,
        )

    def move(
        self,
        account: str,
        source: str,
        uids: Sequence[int],
        target: str,
        quota: int = 0,
        *,
        into: str = "",
        rights: Rights = ALL,
    ) -> list[tuple[int, Appended]]:
        """As copy, and gone from the source in the same transactions (RFC 6851). What an
        account holds stays the same, so *quota* only stops a move *into* another."""
        return copying.move(
            self._transactions, account, source, uids, target, quota, into or account, rights
        )

    def replace(
        self,
        account: str,
        source: str,
        uid: int,
        target: str,
        message: NewMessage,
        quota: int = 0,
        *,
        into: str = "",
    ) -> Appended | None:
        """Append the message to *target* and remove the one with the UID from *source*, whatever
        its flags, in one transaction (RFC 8508). None, and nothing done, when there is no message
        with that UID. Raises MailboxMissing, BadFlag; OverQuota when it makes the account hold
        more than *quota* and more than before. *into*: as for copy."""
        return replacing.replace(
            self._transactions,
            self._references,
            self._threads,
            account,
            source,
            uid,
            target,
            message,
            quota,
            into or account,
        )

    def expunge(self, account: str, mailbox: str, uids: Sequence[int] | None = None) -> list[int]:
        """Remove the messages that have \\Deleted (of *uids*, or of all). Returns their UIDs.
        Blobs outlive it by the grace period. Naming the UIDs saves looking for them."""
        return expunging.expunge(self._transactions, account, mailbox, uids)

    def remove(self, account: str, mailbox: str, uids: Sequence[int]) -> list[int]:
        """As expunge, whatever flags they have (DELE of RFC 1939)."""
        return expunging.expunge(self._transactions, account, mailbox, uids, flagged=False)

    def expunged(self, mailbox: str) -> Iterator[Expunged]:
        """Yield what ``restore`` can bring back."""
        return reading.expunged(self._table, mailbox)

    def restore(
        self, account: str, mailbox: str, uids: Sequence[int] | None = None
    ) -> list[tuple[int, Appended]]:
        """Bring expunged messages back (all, or those that had *uids*), under new UIDs and without
        \\Deleted. Pairs of old UID and what became of it."""
        return expunging.restore(self._transactions, self._references, account, mailbox, uids)

    def claim_recent(self, account: str, mailbox: str, view: View | None = None) -> int:
        """Return ``first_recent`` and move it to ``uid_next`` (RFC 3501 section 2.3.2), in the
        *view* of the mailbox, too."""
        return self._transactions.claim_recent(account, mailbox, view)

    def sweep(self, most: int = 1000) -> int:
        """Remove what was expunged longer ago than the grace period, blobs with it. Returns how
        many messages were removed; called by `tick`."""
        return self._sweeping.sweep(most)
