"""From the Inbound queue to the mailboxes and to the relay, in the order of the page.

A batch goes through each step together, because a batch read or a transaction for ten messages
costs hardly more than for one. A message that fails leaves the batch with its reason and comes
back by itself; the others go on. Every step may run again on a message it has already done.
"""

from collections.abc import Callable, Sequence

from postroom.autoreply.known import Known
from postroom.errors import BlobMissing, ConditionFailed, PostroomError, StoreUnavailable
from postroom.message.headers import end_of_header
from postroom.message.summary import summarise
from postroom.pipeline.accepted import Accepted
from postroom.pipeline.delivering import deliver
from postroom.pipeline.filtering import filter_mail
from postroom.pipeline.later import HELD, hold, letters
from postroom.pipeline.relaying import relay
from postroom.pipeline.routing import route
from postroom.pipeline.work import Rooms, Work
from postroom.platform.table import Put
from postroom.relay.bounces.incoming import Incoming, looks_like_report
from postroom.relay.waiting import Ticket, gone


def process(app: Rooms, batch: Sequence[Accepted | Ticket]) -> dict[int, Exception]:
    """Take the messages through all steps. Returns the positions that failed, and why.

    Raises StoreUnavailable when nothing goes.
    """
    try:
        return _process(app, batch)
    except StoreUnavailable:
        raise
    # Strangers wrote what is read here: a message that does something unforeseen to us must not
    # take nine others to the dead letters, again and again in the same batch.
    except Exception as error:
        if len(batch) == 1:
            return {0: error}
    failed: dict[int, Exception] = {}
    for number, letter in enumerate(batch):
        if alone := process(app, [letter]):
            failed[number] = alone[0]
    return failed


def _process(app: Rooms, batch: Sequence[Accepted | Ticket]) -> dict[int, Exception]:
    works = [
        None if accepted is None else Work(accepted, later)
        for accepted, later in letters(app.table, batch)
    ]
    for step in STEPS:
        step(app, [work for work in works if work and work.error is None and not work.done])
    return {
        number: work.error for number, work in enumerate(works) if work and work.error is not None
    }


def wait(app: Rooms, works: list[Work]) -> None:
    """Put aside what is to be released later (RFC 4865)."""
    now = app.clock.seconds() * 1000
    for work in works:
        if work.accepted.hold_until <= now or work.later is not None:
            continue
        try:
            app.table.write(*hold(work.accepted, app.journeys, work.origin))
        except ConditionFailed:
            pass  # an earlier run has done it
        except PostroomError as error:
            work.error = error
        work.done = True


def read(app: Rooms, works: list[Work]) -> None:
    """Read the message once and note what clients will ask of it."""
    for work in works:
        signed = work.leaving.goals and work.is_ours
        if not (work.targets or work.answering or signed):
            continue  # nobody looks into it
        try:
            work.text = app.blobs.get(work.accepted.blob)
            if work.targets:
                work.summary = summarise(work.text)
        except BlobMissing as error:
            _after_the_text(app, work, error)
        except PostroomError as error:
            work.error = error


def _after_the_text(app: Rooms, work: Work, error: BlobMissing) -> None:
    """A repeat of what went to other servers only, long ago: the text went with it."""
    queue_id = work.accepted.queue_id
    try:
        if {journey.place for journey in app.journeys.trace(queue_id)} - {HELD}:
            app.outbound.unguard(queue_id)  # the run before may have died with its guard up
            work.done = True
        else:
            work.error = error
    except PostroomError as failure:
        work.error = failure


def record(app: Rooms, works: list[Work]) -> None:
    """Let each address lead to the journey of its message, and note whom users write to."""
    known = Known(app.table, app.clock)
    app.journeys.index(
        (
            (address.lower(), work.accepted.queue_id)
            for work in works
            for address in _addresses(work)
        ),
        {put.key: put for work in works for put in _met(known, work)}.values(),
    )
    for work in works:
        try:
            _end(app, work)
        except ConditionFailed:
            continue  # another run has ended first
        except PostroomError as error:
            work.error = error


def _end(app: Rooms, work: Work) -> None:
    if work.targets and not (work.accepted.ours or work.accepted.via):
        _credit(app, work)
    if work.later is not None:
        app.table.write(gone(work.later))
    # Nobody needs the text, or whoever has done so while the record of `later` was still there
    # could not let go of it.
    unneeded = not work.waits and (work.leaves or not work.copies)
    if unneeded or work.later is not None:
        app.outbound.release(work.accepted.queue_id, work.accepted.blob)


def _credit(app: Rooms, work: Work) -> None:
    """Let `bounce` look at what may be a report about mail of ours."""
    accepted = work.accepted
    if looks_like_report(work.text[: end_of_header(work.text)], accepted.reverse_path):
        recipients = tuple(recipient.address for recipient in accepted.recipients[:20])
        found = Incoming(accepted.queue_id, accepted.blob, recipients, accepted.reverse_path)
        app.queue("bounces").send(found.to_json())


def _met(known: Known, work: Work) -> list[Put]:
    accepted = work.accepted
    if not accepted.account or accepted.via:
        return []
    return known.met(accepted.account, [recipient.address for recipient in accepted.recipients])


def _addresses(work: Work) -> list[str]:
    accepted = work.accepted
    addresses = [recipient.address for recipient in accepted.recipients]
    return [*addresses, accepted.reverse_path] if accepted.account else addresses


STEPS: tuple[Callable[[Rooms, list[Work]], None], ...] = (
    wait,
    route,
    read,
    filter_mail,
    deliver,
    relay,
    record,
)
