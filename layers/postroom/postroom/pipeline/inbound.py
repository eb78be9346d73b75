"""From the Inbound queue to the mailboxes, in the order of the page.

A batch goes through each step together, because a batch read or a transaction for ten messages
costs hardly more than for one. A message that fails leaves the batch with its reason and comes
back by itself; the others go on. Every step may run again on a message it has already done.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from postroom.directory.records import Route, Target
from postroom.directory.store import Directory
from postroom.errors import ConditionFailed, PostroomError
from postroom.journeys.store import Event, Journey, Journeys
from postroom.mailboxes.records import Delivery, NewMessage
from postroom.mailboxes.store import Mailboxes, MailboxMissing
from postroom.message.summary import Summary, summarise
from postroom.pipeline.accepted import Accepted
from postroom.platform.blobs import BlobStore
from postroom.platform.clock import Clock
from postroom.platform.table import Put


class Rooms(Protocol):
    """What the pipeline needs of the application."""

    @property
    def blobs(self) -> BlobStore: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def mailboxes(self) -> Mailboxes: ...
    @property
    def journeys(self) -> Journeys: ...
    @property
    def clock(self) -> Clock: ...


class Undeliverable(PostroomError):
    """Some recipients lead to no mailbox: their account or alias has gone since the 250."""

    def __init__(self, queue_id: str, reasons: Sequence[str]) -> None:
        super().__init__(f"{queue_id} cannot be delivered to everyone: {'; '.join(reasons)}")


@dataclass(slots=True)
class Work:
    """One message on its way through the steps."""

    accepted: Accepted
    summary: Summary | None = None
    targets: dict[str, Target] = field(default_factory=dict)  # by account id
    recipients: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    lost: list[str] = field(default_factory=list)  # why some recipients have no mailbox
    claim: str = ""  # names this set of targets: a later run may find more (an alias was changed)
    error: Exception | None = None


def process(app: Rooms, batch: Sequence[Accepted]) -> dict[int, Exception]:
    """Take the messages through all steps. Returns the positions that failed, and why."""
    works = [Work(accepted) for accepted in batch]
    for step in STEPS:
        step(app, [work for work in works if work.error is None])
    return {number: work.error for number, work in enumerate(works) if work.error is not None}


def read(app: Rooms, works: list[Work]) -> None:
    """Read the message once and note what clients will ask of it."""
    for work in works:
        try:
            work.summary = summarise(app.blobs.get(work.accepted.blob))
        except PostroomError as error:
            work.error = error


def route(app: Rooms, works: list[Work]) -> None:
    """Follow every recipient to accounts: aliases, details, domain aliases, catch-alls."""
    recipients = [recipient.address for work in works for recipient in work.accepted.recipients]
    found = dict(zip(recipients, app.directory.routes(recipients), strict=True))
    for work in works:
        for recipient in work.accepted.recipients:
            _add_route(work, recipient.address, found[recipient.address])
        accounts = " ".join(sorted(work.targets))
        work.claim = hashlib.blake2b(accounts.encode(), digest_size=4).hexdigest()


def _add_route(work: Work, recipient: str, route: Route) -> None:
    for target in route.targets:
        work.targets.setdefault(target.account, target)
        work.recipients[target.account].append(recipient)
    reasons = [
        *route.reasons,
        *(f"{address}: not in a domain of ours" for address in route.elsewhere),
    ]
    if reasons and not route.targets:
        work.lost += reasons


def deliver(app: Rooms, works: list[Work]) -> None:
    """Append to each account's INBOX, once: the journey record is the marker.

    All mailboxes of the batch are written together, one transaction each.
    """
    pending = [(work, account) for work in works for account in work.targets]
    deliveries = [
        Delivery(
            account,
            app.mailboxes.inbox(account),
            [_new_message(work, account)],
            [_marker(app, work, account)],
        )
        for work, account in pending
    ]
    outcomes = app.mailboxes.append_many(deliveries)
    for (work, account), outcome in zip(pending, outcomes, strict=True):
        if isinstance(outcome, MailboxMissing):  # the account is being removed
            work.lost.append(f"{work.targets[account].address}: {outcome}")
        elif isinstance(outcome, ConditionFailed):
            continue  # delivered by an earlier run
        elif isinstance(outcome, PostroomError):
            work.error = outcome


def _new_message(work: Work, account: str) -> NewMessage:
    accepted, target = work.accepted, work.targets[account]
    assert work.summary is not None  # noqa: S101  (set by `read`, or the work has left the batch)
    prefix = f"Return-Path: <{accepted.reverse_path}>\r\nDelivered-To: {target.address}\r\n"
    return NewMessage(
        blob=accepted.blob,
        summary=work.summary,
        internal_date=accepted.received // 1000,
        prefix=prefix.encode(),
        references=len(work.targets),
        claim=work.claim,
    )


def _marker(app: Rooms, work: Work, account: str) -> Put:
    accepted, target = work.accepted, work.targets[account]
    now = int(app.clock.seconds() * 1000)
    return app.journeys.marker(
        Journey(
            accepted.queue_id,
            account,
            accepted.message_id[:200],
            accepted.reverse_path,
            tuple(work.recipients[account][:20]),
            (
                Event(accepted.received, "accepted", _origin(accepted)),
                Event(now, "delivered", f"{target.address} INBOX"),
            ),
        )
    )


def _origin(accepted: Accepted) -> str:
    name = accepted.client_name or accepted.helo
    return f"from {name} [{accepted.client}]" + (f" with {accepted.tls}" if accepted.tls else "")


def record(app: Rooms, works: list[Work]) -> None:
    """Let each address lead to the journey of its message."""
    app.journeys.index(
        (address.lower(), work.accepted.queue_id) for work in works for address in _addresses(work)
    )
    for work in works:
        if work.lost:
            work.error = Undeliverable(work.accepted.queue_id, work.lost)


def _addresses(work: Work) -> list[str]:
    accepted = work.accepted
    addresses = [recipient.address for recipient in accepted.recipients]
    return [*addresses, accepted.reverse_path] if accepted.account else addresses


STEPS: tuple[Callable[[Rooms, list[Work]], None], ...] = (read, route, deliver, record)
