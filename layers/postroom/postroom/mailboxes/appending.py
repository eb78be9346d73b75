"""Adding messages: many deliveries at once, one transaction a mailbox."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from postroom.errors import ConditionFailed, PostroomError, TooLarge
from postroom.mailboxes.editing import Edit
from postroom.mailboxes.encoding import (
    MAILBOX,
    account_partition,
    mailbox_key,
    mailbox_of,
)
from postroom.mailboxes.errors import MailboxMissing, OverQuota
from postroom.mailboxes.records import Appended, Delivery, Mailbox
from postroom.mailboxes.references import References
from postroom.mailboxes.threads import Arrival, Place, Threads
from postroom.mailboxes.transactions import (
    ATTEMPTS,
    MOST_OCTETS,
    Transactions,
    octets_of,
    too_busy,
)
from postroom.platform.table import MOST_WRITES, Key, Put, Refusal, Write, prefix_end

Outcome = list[Appended] | PostroomError

LONGEST_PREFIX = 256 * 1024  # octets; a record holds 400 KiB

_OCTETS_A_MESSAGE = 2000  # of a message record beside its prefix, keywords included


@dataclass(slots=True)
class _Waiting:
    """A delivery until it has its outcome."""

    delivery: Delivery
    octets: int
    attempts: int = 0
    # The records of its blobs, when they go into the transaction, too.
    first: list[Put] = field(default_factory=list)
    planned: bool = False  # its references are counted ahead
    appended: list[Appended] = field(default_factory=list)
    outcome: Outcome | None = None

    @property
    def writes(self) -> int:
        return len(self.delivery.messages) + len(self.delivery.also) + len(self.first)

    def write_first(self, first: list[Put]) -> None:
        """Count the references in the same transaction, if it has the room."""
        octets = octets_of(first)
        if self.writes + len(first) < MOST_WRITES and self.octets + octets <= MOST_OCTETS:
            self.first = first
            self.octets += octets


@dataclass(slots=True)
class _Group:
    """The deliveries to one mailbox that go into one transaction."""

    edit: Edit
    members: list[_Waiting]
    notes: dict[Key, Put]  # of threads

    def writes(self) -> list[Write]:
        """Those of each member first: *also*, and the records of its blobs."""
        theirs = [put for each in self.members for put in (*each.delivery.also, *each.first)]
        return [*theirs, *self.edit.writes()]


class Appending:
    def __init__(
        self, transactions: Transactions, references: References, threads: Threads
    ) -> None:
        self._transactions = transactions
        self._references = references
        self._threads = threads

    def append_many(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        """Outcomes in the order of the deliveries; see ``Mailboxes.append_many``."""
        waiting = [_Waiting(delivery, _octets(delivery)) for delivery in deliveries]
        told: dict[tuple[str, str], None] = {}
        blobs = Counter(message.blob for each in deliveries for message in each.messages)
        for each in waiting:
            each.outcome = _too_large(each)
            if all(blobs[message.blob] == 1 for message in each.delivery.messages):
                each.write_first(self._references.first(each.delivery.messages))
        with self._transactions.turn({delivery.mailbox for delivery in deliveries}):
            while left := [each for each in waiting if each.outcome is None]:
                try:
                    self._round(left, told)
                except PostroomError as error:  # what earlier rounds have done is done
                    for each in left:
                        each.outcome = each.outcome or error
        self._transactions.tell(told)
        outcomes = [each.outcome for each in waiting]
        return [outcome for outcome in outcomes if outcome is not None]

    def _round(self, left: list[_Waiting], told: dict[tuple[str, str], None]) -> None:
        """One transaction for each mailbox, all under way together."""
        groups = self._prepare(left)
        for group, error in zip(groups, self._write(groups), strict=True):
            if error is None:
                told[group.edit.before.account, group.edit.before.id] = None
                for each in group.members:
                    each.outcome = each.appended
            elif isinstance(error, ConditionFailed):
                _sort_out(group, error.failed)
            else:
                for each in group.members:
                    each.outcome = error

    def _write(self, groups: list[_Group]) -> list[Refusal | None]:
        """One transaction for each; returns why it was not done, if it was not."""
        table = self._transactions.table
        transactions = []
        ahead: list[Put] = []
        for group in groups:
            writes, notes = group.writes(), list(group.notes.values())
            room = MOST_WRITES - len(writes)
            transactions.append([*writes, *notes[:room]])
            ahead += notes[room:]  # true in any case, whatever becomes of the message
        if ahead:
            table.put_many(ahead)
        return table.write_each(transactions)

    def _prepare(self, left: list[_Waiting]) -> list[_Group]:
        mailboxes, used = self._read(left)
        places = self._places(left)
        ready: dict[Key, _Group] = {}
        now, day = self._transactions.now(), self._transactions.day()
        for each, placed in zip(left, places, strict=True):
            delivery = each.delivery
            key = mailbox_key(delivery.account, delivery.mailbox)
            if key not in mailboxes:
                each.outcome = MailboxMissing(delivery.account, delivery.mailbox)
                continue
            group = ready.setdefault(key, _Group(Edit(mailboxes[key], day), [], {}))
            if not _fits(each, group.members):
                continue  # another round
            try:
                self._add(each, group.edit, now, used, placed)
            except PostroomError as error:
                each.outcome = error
                continue
            group.members.append(each)
            group.notes.update((place.note.key, place.note) for place in placed if place.note)
        groups = list(ready.values())
        self._count([each for group in groups for each in group.members])
        for group in groups:
            group.members = [each for each in group.members if each.outcome is None]
        return [group for group in groups if group.members]

    def _places(self, left: list[_Waiting]) -> list[list[Place]]:
        """The threads of the messages of each. Read after the mailboxes, so that what is in a
        mailbox when the transaction is done was known."""
        places = iter(
            self._threads.places(
                Arrival(each.delivery.account, message, each.delivery.noted)
                for each in left
                for message in each.delivery.messages
            )
        )
        return [list(islice(places, len(each.delivery.messages))) for each in left]

    def _read(self, left: list[_Waiting]) -> tuple[dict[Key, Mailbox], dict[str, int]]:
        """The mailboxes, and what the accounts with a quota hold: a query for each of those,
        one batch for all the others."""
        mailboxes: dict[Key, Mailbox] = {}
        used: dict[str, int] = {}
        table = self._transactions.table
        for account in {each.delivery.account for each in left if each.delivery.quota}:
            used[account] = 0
            for record in table.range(account_partition(account), MAILBOX, prefix_end(MAILBOX)):
                mailbox = mailbox_of(account, record.key.sort.removeprefix(MAILBOX), record.body)
                mailboxes[record.key] = mailbox
                used[account] += mailbox.size
        others = {
            mailbox_key(each.delivery.account, each.delivery.mailbox): each.delivery
            for each in left
            if each.delivery.account not in used
        }
        if len(others) == 1:
            [key] = others
            found = table.get(key)
            records = {} if found is None else {key: found}
        else:
            records = table.get_many(list(others)) if others else {}
        for key, record in records.items():
            delivery = others[key]
            mailboxes[key] = mailbox_of(delivery.account, delivery.mailbox, record.body)
        return mailboxes, used

    def _add(
        self,
        each: _Waiting,
        edit: Edit,
        now: int,
        used: dict[str, int],
        places: Sequence[Place],
    ) -> None:
        """Give the messages their UIDs. Raises OverQuota, BadFlag; then none has one."""
        delivery = each.delivery
        sizes = [len(message.prefix) + message.summary.size for message in delivery.messages]
        if delivery.quota:
            wanted = used[delivery.account] + sum(sizes)
            if wanted > delivery.quota:
                raise OverQuota(delivery.account, wanted, delivery.quota)
            used[delivery.account] = wanted
        flags = [edit.keywords.spell(message.flags) for message in delivery.messages]
        each.appended = [
            Appended(
                edit.before.id,
                edit.before.uid_validity,
                edit.add(
                    message.blob,
                    message.prefix,
                    size,
                    message.internal_date,
                    now,
                    spelled,
                    place.thread,
                ).uid,
                edit.mod_seq,
            )
            for message, size, spelled, place in zip(
                delivery.messages, sizes, flags, places, strict=True
            )
        ]

    def _count(self, members: list[_Waiting]) -> None:
        """References first: a message must never be seen without its summary."""
        new = [each for each in members if not each.planned and not each.first]
        try:
            self._references.plan(message for each in new for message in each.delivery.messages)
        except PostroomError as error:
            # Which of the records are there is unknown, so nobody may go on: the edits
            # of those with older plans hold messages of these, too.
            for each in members:
                each.outcome = error
        for each in new:
            each.planned = True


def _too_large(each: _Waiting) -> TooLarge | None:
    """What must be refused alone, so that it spoils no transaction with others in it."""
    if each.writes >= MOST_WRITES:
        return TooLarge("writes to append", each.writes, MOST_WRITES - 1)
    if each.octets > MOST_OCTETS:
        return TooLarge("octets to append", each.octets, MOST_OCTETS)
    longest = max((len(message.prefix) for message in each.delivery.messages), default=0)
    if longest > LONGEST_PREFIX:
        return TooLarge("prefix of a message", longest, LONGEST_PREFIX)
    return None


def _fits(each: _Waiting, members: list[_Waiting]) -> bool:
    if not members:
        return True
    keys = {put.key for member in members for put in member.delivery.also}
    return (
        sum(member.writes for member in members) + each.writes < MOST_WRITES
        and sum(member.octets for member in members) + each.octets <= MOST_OCTETS
        # The same letter twice in a batch: the second comes after the first, and fails.
        and not any(put.key in keys for put in each.delivery.also)
    )


def _octets(delivery: Delivery) -> int:
    prefixes = sum(len(message.prefix) + _OCTETS_A_MESSAGE for message in delivery.messages)
    return octets_of(delivery.also) + prefixes


def _sort_out(group: _Group, failed: Sequence[int]) -> None:
    """Nothing of the group was written: who is to blame has that outcome, the others go again."""
    start = 0
    for each in group.members:
        also = range(start, start + len(each.delivery.also))
        start = also.stop + len(each.first)
        each.attempts += 1
        if own := [position - also.start for position in failed if position in also]:
            each.outcome = ConditionFailed(own)
        elif each.attempts >= ATTEMPTS:
            each.outcome = too_busy([group.edit.before.id])
        elif any(also.stop <= position < start for position in failed):
            each.first = []  # somebody knows the blob: it is planned like any other
