"""The step that appends to mailboxes."""

from dataclasses import replace

from postroom.errors import ConditionFailed, PostroomError
from postroom.journeys.store import Event, Journey
from postroom.mailboxes.records import Delivery, NewMessage
from postroom.mailboxes.store import MailboxMissing
from postroom.pipeline.routing import NO_SUCH_ADDRESS
from postroom.pipeline.work import Rooms, Work
from postroom.platform.table import Put
from postroom.relay.outbound import CLAIM


def deliver(app: Rooms, works: list[Work]) -> None:
    """Append to each account's INBOX, once: the journey record is the marker.

    All mailboxes of the batch are written together, one transaction each.
    """
    _plan(app, [work for work in works if work.targets and work.leaves])
    pending = [(work, account) for work in works if work.error is None for account in work.targets]
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
        if isinstance(outcome, MailboxMissing):
            _no_mailbox(app, work, account, outcome)
        elif isinstance(outcome, ConditionFailed):
            continue  # delivered by an earlier run
        elif isinstance(outcome, PostroomError):
            work.error = outcome


def _plan(app: Rooms, works: list[Work]) -> None:
    """Mailboxes and the relay share the text: the relay's part has a reference of its own."""
    for work in works:
        assert work.summary is not None  # noqa: S101  (set by `read`)
        message = _new_message(work, next(iter(work.targets)))
        try:
            app.mailboxes.plan([message, replace(message, references=1, claim=CLAIM)])
        except PostroomError as error:
            work.error = error


def _no_mailbox(app: Rooms, work: Work, account: str, error: MailboxMissing) -> None:
    """The account is being removed, or made at this moment."""
    if app.directory.account_by_id(account) is not None:
        work.error = error
        return
    now = int(app.clock.seconds() * 1000)
    gone_too = set(work.recipients[account])
    work.leaving.told = [
        told
        for told in work.leaving.told
        if not (told.action == "delivered" and told.address in gone_too)
    ]
    for recipient in work.accepted.recipients:
        if recipient.address in gone_too:
            reason = f"{work.targets[account].address}: {error}"
            work.leaving.tell("failed", recipient, NO_SUCH_ADDRESS, reason, now)


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
                work.origin,
                Event(now, "delivered", f"{target.address} INBOX"),
            ),
        )
    )
