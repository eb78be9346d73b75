"""The step that appends to mailboxes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from postroom.errors import ConditionFailed, PostroomError
from postroom.journeys.store import Event, Journey
from postroom.mailboxes.names import INBOX
from postroom.mailboxes.records import SYSTEM_FLAGS, Delivery, NewMessage
from postroom.mailboxes.store import BadFlag, MailboxMissing
from postroom.message.lineage import lineage, root_hash
from postroom.pipeline.routing import NO_SUCH_ADDRESS
from postroom.pipeline.work import Fate, Filing, Rooms, Work
from postroom.platform.table import Put
from postroom.relay.outbound import CLAIM

_ALWAYS = frozenset(SYSTEM_FLAGS)  # flags that every mailbox takes


@dataclass(frozen=True, slots=True)
class _Copy:
    """One filing to be done, with its marker."""

    work: Work
    account: str
    filing: Filing
    number: int  # among the filings of its account
    last: bool = True  # of its account: what belongs to the whole effect is written with it

    @property
    def place(self) -> str:
        """The account; for its other mailboxes, with more: each is an effect that happens once.

        The text has no part in it: one that a script edits may have another date in a repeat.
        """
        return self.account if self.last else f"{self.account} {self.filing.mailbox} {self.number}"


def deliver(app: Rooms, works: list[Work]) -> None:
    """Append to the mailboxes that were decided upon, once: the journey record is the marker.

    All mailboxes of the batch are written together, one transaction each. Where an account gets
    several copies, the last one is written after the others, for its marker says that all is done.
    """
    _plan(app, [work for work in works if work.copies and work.leaves])
    going = [work for work in works if work.error is None]
    copies = [
        _Copy(work, account, filing, number, last=False)
        for work in going
        for account, fate in work.fates.items()
        if not fate.done
        for number, filing in enumerate(fate.filings[:-1])
    ]
    _append(app, copies)
    lasts = [
        _Copy(work, account, fate.filings[-1], len(fate.filings) - 1)
        for work in going
        if work.error is None
        for account, fate in work.fates.items()
        if fate.filings and not fate.done
    ]
    _append(app, lasts)
    for work in going:
        _note(app, work)


def _append(app: Rooms, copies: Sequence[_Copy]) -> None:
    if not copies:
        return
    deliveries = []
    for copy in copies:
        message = _new_message(copy.work, copy.account, copy.filing)
        also = _also(app, copy, message)
        # The journey tells the root under the account's own name, so that of the last copy alone.
        deliveries.append(
            Delivery(copy.account, copy.filing.mailbox, [message], also, noted=copy.last)
        )
    elsewhere = []
    for copy, outcome in zip(copies, app.mailboxes.append_many(deliveries), strict=True):
        inbox = app.mailboxes.inbox(copy.account)
        if isinstance(outcome, MailboxMissing) and copy.filing.mailbox != inbox:
            # Removed at this moment: nothing that a script wants is worth losing the message.
            elsewhere.append(replace(copy, filing=replace(copy.filing, mailbox=inbox, name=INBOX)))
        elif isinstance(outcome, BadFlag) and not copy.filing.flags <= _ALWAYS:
            # A keyword too many for the mailbox is lost, not the message (RFC 5232 section 5).
            flags = copy.filing.flags & _ALWAYS
            elsewhere.append(replace(copy, filing=replace(copy.filing, flags=flags)))
        elif isinstance(outcome, MailboxMissing):
            _no_mailbox(app, copy.work, copy.account, outcome)
        elif isinstance(outcome, ConditionFailed):
            continue  # delivered by an earlier run
        elif isinstance(outcome, PostroomError):
            copy.work.error = outcome
    _append(app, elsewhere)


def _plan(app: Rooms, works: list[Work]) -> None:
    """Mailboxes and the relay share the text: the relay's part has a reference of its own."""
    for work in works:
        account, filing = next(
            (account, filing)
            for account, fate in work.fates.items()
            for filing in fate.filings
            if filing.edited is None
        )
        message = _new_message(work, account, filing)
        try:
            app.mailboxes.plan([message, replace(message, references=1, claim=CLAIM)])
        except PostroomError as error:
            work.error = error


def _note(app: Rooms, work: Work) -> None:
    """Accounts that keep nothing of the message still have a journey, and its marker."""
    for account, fate in work.fates.items():
        if fate.filings or fate.done or work.error is not None:
            continue
        try:
            app.table.write(_marker(app, work, account, fate), *fate.noted)
        except ConditionFailed:
            continue  # by an earlier run
        except PostroomError as error:
            work.error = error


def _no_mailbox(app: Rooms, work: Work, account: str, error: MailboxMissing) -> None:
    """The account is being removed, or made at this moment."""
    if app.directory.account_by_id(account) is not None:
        work.error = error
        return
    now = int(app.clock.seconds() * 1000)
    gone_too = set(work.recipients[account])
    work.leaving.take_back(gone_too)
    for recipient in work.accepted.recipients:
        if recipient.address in gone_too:
            reason = f"{work.targets[account].address}: {error}"
            work.leaving.tell("failed", recipient, NO_SUCH_ADDRESS, reason, now)


def _new_message(work: Work, account: str, filing: Filing) -> NewMessage:
    accepted, target = work.accepted, work.targets[account]
    prefix = f"Return-Path: <{accepted.reverse_path}>\r\nDelivered-To: {target.address}\r\n"
    if filing.edited is not None and filing.summary is not None:
        blob, summary, references = filing.edited, filing.summary, 1
        claim = _digest([f"{account} {filing.mailbox}"])
    else:
        assert work.summary is not None  # noqa: S101  (set by `read`, or the work has left the batch)
        blob, summary, references = accepted.blob, work.summary, work.copies
        claim = _claim(work)
    return NewMessage(
        blob=blob,
        summary=summary,
        internal_date=accepted.begun // 1000,
        flags=filing.flags,
        prefix=prefix.encode(),
        references=references,
        claim=claim,
    )


def _claim(work: Work) -> str:
    """Names the mailboxes that share the text: a later run may find others, because an alias or
    a script was changed."""
    return _digest(
        [
            f"{account} {filing.mailbox}"
            for account, fate in work.fates.items()
            for filing in fate.filings
            if filing.edited is None
        ]
    )


def _digest(names: Sequence[str]) -> str:
    return hashlib.blake2b(" ".join(sorted(names)).encode(), digest_size=4).hexdigest()


def _also(app: Rooms, copy: _Copy, message: NewMessage) -> list[Put]:
    work, target = copy.work, copy.work.targets[copy.account]
    now = int(app.clock.seconds() * 1000)
    filed = Event(now, "delivered", f"{target.address} {copy.filing.name}")
    fate = work.fates[copy.account]
    events = (*fate.events, filed) if copy.last else (filed,)
    journey = _journey(work, copy.account, copy.place, events)
    line = lineage(message.summary, message.blob)
    if copy.last and line.is_reply:
        journey = replace(journey, root=root_hash(line.root))
    marker = app.journeys.marker(journey)
    return [marker, *fate.noted] if copy.last else [marker]


def _marker(app: Rooms, work: Work, account: str, fate: Fate) -> Put:
    return app.journeys.marker(_journey(work, account, account, fate.events))


def _journey(work: Work, account: str, place: str, events: Sequence[Event]) -> Journey:
    accepted = work.accepted
    return Journey(
        accepted.queue_id,
        place,
        accepted.message_id[:200],
        accepted.reverse_path,
        tuple(work.recipients[account][:20]),
        (work.origin, *events),
    )
