"""How a mailbox is changed: read its record, prepare, write if nobody else did meanwhile."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from postroom.errors import ConditionFailed, StoreUnavailable
from postroom.mailboxes.editing import Edit, guarded
from postroom.mailboxes.encoding import mailbox_key, mailbox_of
from postroom.mailboxes.errors import MailboxMissing
from postroom.mailboxes.records import Mailbox
from postroom.platform.clock import Clock, Randomness
from postroom.platform.table import LARGEST_TRANSACTION, Put, Table, Write
from postroom.platform.topic import Topic

if TYPE_CHECKING:
    from postroom.mailboxes.view import View

T = TypeVar("T")

# Before a mailbox that others keep writing is called unavailable. Whenever we fail, one of the
# others has been done, and the next attempt takes as long as a commit: no need to wait between.
ATTEMPTS = 100
_STRIPES = 256

# Octets in one transaction: under the limit by what keys and numbers may add.
MOST_OCTETS = LARGEST_TRANSACTION * 3 // 4

SECONDS_A_DAY = 86_400


class Transactions:
    def __init__(self, table: Table, topic: Topic, clock: Clock, randomness: Randomness) -> None:
        self.table = table
        self._topic = topic
        self._clock = clock
        self._randomness = randomness
        # Threads of one process take turns; between processes the record's version decides.
        self._stripes = [Lock() for _ in range(_STRIPES)]

    def most(self, writes: int, besides: int) -> int:
        """For how many messages one transaction has room, at so many writes each."""
        return (self.table.most_writes - besides) // writes

    @property
    def most_octets(self) -> int:
        """Under the limit of a transaction by what keys and numbers may add."""
        return self.table.largest_transaction * 3 // 4

    def now(self) -> int:
        return int(self._clock.seconds())

    def day(self) -> int:
        return self.now() // SECONDS_A_DAY

    def token(self, octets: int) -> bytes:
        return self._randomness.octets(octets)

    @contextmanager
    def turn(self, names: Iterable[str]) -> Iterator[None]:
        """Hold off the other threads of this process that would change the same mailboxes."""
        with ExitStack() as stack:
            # In one order everywhere, so that two threads never wait for each other.
            for stripe in sorted({hash(name) % _STRIPES for name in names}):
                stack.enter_context(self._stripes[stripe])
            yield

    def _turn_of_one(self, name: str) -> Lock:
        return self._stripes[hash(name) % _STRIPES]

    def mailbox(self, account: str, mailbox: str) -> Mailbox:
        """Raises MailboxMissing."""
        found = self.table.get(mailbox_key(account, mailbox))
        if found is None:
            raise MailboxMissing(account, mailbox)
        return mailbox_of(account, mailbox, found.body)

    def edit(
        self,
        account: str,
        mailboxes: Sequence[str],
        prepare: Callable[[list[Edit]], tuple[list[Write], T]],
        *,
        elsewhere: Mapping[str, str] | None = None,
    ) -> T:
        """Run *prepare* on fresh edits of the mailboxes, write them and what it returns.

        They are of the account, but for those in *elsewhere*: account by mailbox.

        Repeated with fresh ones when somebody else was faster, so *prepare* must do nothing but
        read and compute. A mailbox named twice is one Edit, twice in the list. Nothing is
        written when no edit changed anything. Listeners are told of those that changed.
        """
        with self.turn(mailboxes):
            for _ in range(ATTEMPTS):
                edits = self._open(dict.fromkeys(mailboxes, account) | dict(elsewhere or {}))
                writes, outcome = prepare([edits[mailbox] for mailbox in mailboxes])
                changed = [edit for edit in edits.values() if edit.changed]
                if not changed:
                    return outcome
                for edit in changed:
                    writes += edit.writes()
                try:
                    self.table.write(*writes)
                except ConditionFailed:
                    continue
                self.tell([(edit.before.account, edit.before.id) for edit in changed])
                return outcome
        raise too_busy(mailboxes)

    def edit_viewed(self, view: "View", prepare: Callable[[Edit], T]) -> T:
        """``edit`` for the mailbox of a view, which takes in what was written.

        Nothing is read unless the view turns out to be behind, or *prepare* changes nothing, which
        may be because the view is.
        """
        known = view.mailbox
        looked = False
        with self._turn_of_one(known.id):
            for _ in range(ATTEMPTS):
                edit = Edit(view.mailbox, self.day())
                outcome = prepare(edit)
                if edit.changed:
                    after = edit.after()
                    try:
                        self.table.write(*edit.writes(after))
                    except ConditionFailed:
                        pass
                    else:
                        view.take_in(edit.before, after, edit.altered)
                        self._topic.publish([f"{known.account} {known.id}@{after.version}"])
                        return outcome
                elif looked:
                    return outcome
                view.refresh()
                looked = True
        raise too_busy([known.id])

    def _open(self, accounts: Mapping[str, str]) -> dict[str, Edit]:
        day = self.day()
        return {
            mailbox: Edit(self.mailbox(account, mailbox), day)
            for mailbox, account in accounts.items()
        }

    def claim_recent(self, account: str, mailbox: str, view: "View | None") -> int:
        """See ``Mailboxes.claim_recent``. No client sees it change, so nobody is told."""
        with self._turn_of_one(mailbox):
            for _ in range(ATTEMPTS):
                before = self.mailbox(account, mailbox)
                if before.first_recent == before.uid_next:
                    return before.first_recent
                version = before.version + 1
                after = replace(before, first_recent=before.uid_next, version=version)
                try:
                    self.table.write(guarded(before, after))
                except ConditionFailed:
                    continue
                if view is not None:
                    view.take_in(before, after, [])
                return before.first_recent
        raise too_busy([mailbox])

    def tell(self, changed: Iterable[tuple[str, str]]) -> None:
        """Publish after the commit; the id of a mailbox is empty for the list of mailboxes,
        and may be followed by "@" and the version that the record has now."""
        messages = [f"{account} {mailbox}" for account, mailbox in changed]
        if messages:
            self._topic.publish(messages)


def too_busy(mailboxes: Iterable[str]) -> StoreUnavailable:
    return StoreUnavailable(f"others kept writing to mailboxes {', '.join(sorted(set(mailboxes)))}")


def octets_of(writes: Iterable[Write]) -> int:
    """About how large the writes are; an upper bound for what we write."""
    total = 0
    for write in writes:
        total += 100 + len(write.key.partition) + len(write.key.sort)
        if isinstance(write, Put):
            for name, value in write.body.items():
                total += len(name) + (
                    4 * len(value) if isinstance(value, str) else _octets_of_value(value)
                )
    return total


def _octets_of_value(value: object) -> int:
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(_octets_of_value(item) for item in value)
    if isinstance(value, dict):
        return sum(4 * len(name) + _octets_of_value(item) for name, item in value.items())
    return 4 * len(value) if isinstance(value, str) else 16
