"""The mailboxes of all accounts, over the ports. The signatures that the gateway is built on."""

from collections.abc import Iterable, Iterator, Sequence

from postroom.errors import PostroomError
from postroom.mailboxes.records import Appended, Changes, Mailbox, Message, NewMessage
from postroom.message.summary import Summary
from postroom.platform.blobs import BlobKey, BlobStore
from postroom.platform.clock import Clock, Randomness
from postroom.platform.table import Put, Table
from postroom.platform.topic import Topic


class MailboxMissing(PostroomError): ...


class MailboxExists(PostroomError): ...


class BadMailboxName(PostroomError): ...


class OverQuota(PostroomError): ...


class Mailboxes:
    def __init__(
        self, table: Table, blobs: BlobStore, topic: Topic, clock: Clock, randomness: Randomness
    ) -> None: ...

    # The list of an account's mailboxes. One query reads them all, counters included.

    def create_account(self, account: str) -> None:
        """Make INBOX and the special-use mailboxes. Repeating is harmless."""

    def remove_account(self, account: str) -> None: ...
    def all_of(self, account: str) -> list[Mailbox]:
        """All mailboxes of the account, INBOX first, then by name."""

    def find(self, account: str, name: str) -> Mailbox:
        """The mailbox of that name ("inbox" in any case is INBOX). Raises MailboxMissing."""

    def get(self, account: str, mailbox: str) -> Mailbox:
        """The mailbox with that id. Raises MailboxMissing."""

    def create(self, account: str, name: str, special_use: str = "") -> Mailbox:
        """Create it, and the missing ones above it. Raises MailboxExists, BadMailboxName."""

    def delete(self, account: str, name: str) -> None: ...
    def rename(self, account: str, name: str, new_name: str) -> None:
        """With the ones below it; INBOX is emptied into the new one (RFC 9051 6.3.6)."""

    def subscribe(self, account: str, name: str, subscribed: bool) -> None:
        """A name may be subscribed that does not exist (RFC 9051 section 6.3.7)."""

    def subscriptions(self, account: str) -> set[str]: ...

    def usage(self, account: str) -> int:
        """Octets in all the account's mailboxes."""

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
        and the account's mailboxes would hold more.
        """

    def messages(self, mailbox: str, first: int = 1, last: int = 2**32 - 1) -> Iterator[Message]:
        """Yield messages in order of UID, lazily, in pages."""

    def pick(self, mailbox: str, uids: Sequence[int]) -> list[Message]:
        """Those of the messages that exist, in order of UID."""

    def changes(self, account: str, mailbox: str, above: int) -> Changes:
        """Everything that happened above the MODSEQ; costs what happened, not what is there."""

    def summaries(self, blobs: Sequence[BlobKey]) -> Iterator[Summary]:
        """Yield the summaries in the order given; the cheap way to answer FETCH 1:* ENVELOPE."""

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
    ) -> tuple[list[Message], list[int]]:
        """Change flags. Returns the messages as they are now, and the UIDs left alone because
        their MODSEQ is above *unchanged_since* (RFC 7162 section 3.1.3). UIDs that are gone
        are skipped. A message whose flags do not change keeps its MODSEQ."""

    def copy(
        self, account: str, source: str, uids: Sequence[int], target: str, quota: int = 0
    ) -> list[tuple[int, Appended]]:
        """Copy to the mailbox *target*, in order; all or nothing to its reader. Pairs of source
        UID and what became of it."""

    def move(
        self, account: str, source: str, uids: Sequence[int], target: str, quota: int = 0
    ) -> list[tuple[int, Appended]]:
        """As copy, and gone from the source in the same transactions (RFC 6851)."""

    def expunge(self, account: str, mailbox: str, uids: Sequence[int] | None = None) -> list[int]:
        """Remove the messages that have \\Deleted (of *uids*, or of all). Returns their UIDs.
        Blobs outlive it by the grace period."""

    def claim_recent(self, account: str, mailbox: str) -> int:
        """Return ``first_recent`` and move it to ``uid_next`` (RFC 3501 section 2.3.2)."""

    def sweep(self, most: int = 1000) -> int:
        """Remove what was expunged longer ago than the grace period, blobs with it. Returns how
        many messages were removed; called by `tick`."""
