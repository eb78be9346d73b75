"""What the `bounce` function does: tell senders, and take in what others tell us.

Fed by the Bounces queue with letters of three kinds:

* the ticket of a report that waits (`relay.reports`): it is composed, stored under a queue id
  that follows from the ticket, and put into the Inbound queue like any accepted message;
* a message that came in and looks like a report (`relay.bounces.incoming`);
* a notice of Amazon SES, as SNS delivers it.

Every letter may come again, and every step may be the last one before a crash: the same ticket
gives the same queue id, so that the report is delivered once; a credit has its marker.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from postroom.errors import BadSyntax, BlobMissing, ConditionFailed
from postroom.journeys.ids import RANDOM_OCTETS, is_queue_id, new_queue_id
from postroom.journeys.store import Journeys
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.platform.blobs import BlobKey, BlobStore
from postroom.platform.clock import Clock
from postroom.platform.queue import Queue
from postroom.platform.table import Table
from postroom.relay.bounces.crediting import Credit, credit, credit_ses
from postroom.relay.bounces.incoming import Incoming
from postroom.relay.bounces.reading import read_bounce
from postroom.relay.bounces.ses import SesNotice, parse_ses
from postroom.relay.notices.compose import compose, message_id_of
from postroom.relay.notices.words import choose_language
from postroom.relay.reports import Report, report_of
from postroom.relay.suppression import Suppression
from postroom.relay.waiting import REPORT, Ticket, Waiting, get_many, gone

log = logging.getLogger(__name__)


class Outbound(Protocol):
    def release(self, queue_id: str, blob: BlobKey) -> None:
        """Let go of a message's text unless something else of it waits. Repeats harmless."""


class Rooms(Protocol):
    """What the bounce function needs of the application."""

    @property
    def table(self) -> Table: ...
    @property
    def blobs(self) -> BlobStore: ...
    @property
    def journeys(self) -> Journeys: ...
    @property
    def suppression(self) -> Suppression: ...
    @property
    def outbound(self) -> Outbound: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def hostname(self) -> str: ...
    def queue(self, name: str) -> Queue: ...
    def language_of(self, account: str) -> str:
        """The language tag that an account prefers, "" when it has no wish or is unknown."""


class _Envelope(msgspec.Struct):
    """Enough of a letter to see which kind it is; SES's keys are others."""

    waiting: str | None = None
    credit: Incoming | None = None


Letter = Ticket | Incoming | SesNotice


def decode(body: str) -> Letter:
    """Read a letter of the Bounces queue. Raises BadSyntax."""
    octets = body.encode("utf-8", "replace")
    try:
        envelope = msgspec.json.decode(octets, type=_Envelope)
    except msgspec.DecodeError as error:
        raise BadSyntax("letter for the bounce function", octets, "pipeline.bounces") from error
    if envelope.credit is not None:
        return envelope.credit
    if envelope.waiting is not None:
        ticket = Ticket(envelope.waiting)
        if ticket.kind != REPORT or not is_queue_id(ticket.queue_id):
            raise BadSyntax("ticket of a report", octets, "relay.waiting")
        return ticket
    return parse_ses(body)


def process(app: Rooms, batch: Sequence[Letter]) -> Mapping[int, Exception]:
    """Deal with the letters. Returns the positions that failed, and why."""
    tickets = [letter for letter in batch if isinstance(letter, Ticket)]
    waiting = get_many(app.table, list(dict.fromkeys(tickets)))
    failed: dict[int, Exception] = {}
    for number, letter in enumerate(batch):
        try:
            if isinstance(letter, Ticket):
                _tell(app, letter, waiting.get(letter.waiting))
            elif isinstance(letter, Incoming):
                _log(credit_incoming(app, letter))
            else:
                _log(credit_ses(app, letter))
        # Strangers wrote what is read and quoted here: whatever it does to us, it must not bring
        # back the nine other letters as well.
        except Exception as error:
            failed[number] = error
    return failed


def credit_incoming(app: Rooms, incoming: Incoming) -> list[Credit]:
    """What a delivered message reports, as far as it is true. Raises StoreUnavailable."""
    try:
        message = app.blobs.get(incoming.blob)
    except BlobMissing:  # deleted, and swept: nobody waits for this any more
        return []
    return credit(app, read_bounce(message))


def _tell(app: Rooms, ticket: Ticket, found: Waiting | None) -> None:
    if found is None:
        # Done by an earlier run, which may have ended before its last step. The edge stores each
        # message under its queue id.
        app.outbound.release(ticket.queue_id, BlobKey(ticket.queue_id))
        return
    report = report_of(found)
    app.queue("inbound").send(_accepted(app, report).to_json())
    # Changed meanwhile: `tick` has sent another letter, which will find the same to do.
    with suppress(ConditionFailed):
        app.table.write(gone(found))
        app.outbound.release(report.queue_id, BlobKey(report.blob))


def _accepted(app: Rooms, report: Report) -> Accepted:
    """Store the notification, and return its queue entry: the same for the same report."""
    message_id = message_id_of(report, app.hostname)
    queue_id = queue_id_of(report, app.hostname)
    message = _stored(app, report, BlobKey(queue_id))
    return Accepted(
        queue_id,
        BlobKey(queue_id),
        len(message),
        int(app.clock.seconds() * 1000),
        "",  # RFC 3464 section 2
        (Recipient(report.reverse_path, ("NEVER",)),),  # RFC 3461 section 6.1
        message_id,
        ours=True,
        requiretls=report.requiretls,  # RFC 8689 section 5
        smtputf8=not message.isascii() and (report.smtputf8 or not report.reverse_path.isascii()),
    )


def queue_id_of(report: Report, hostname: str) -> str:
    """The queue id of the notification: its time is that of the event."""
    seconds = max(told.at for told in report.told) / 1000
    octets = hashlib.blake2b(report.ticket.waiting.encode(), digest_size=RANDOM_OCTETS).digest()
    return new_queue_id(seconds, octets, message_id_of(report, hostname))


def _stored(app: Rooms, report: Report, key: BlobKey) -> bytes:
    """A blob is written once: what an earlier run has stored may be delivered already."""
    with suppress(BlobMissing):
        return app.blobs.get(key)
    try:
        original = app.blobs.get(BlobKey(report.blob))
    except BlobMissing:
        original = b""
    message = compose(
        report,
        original or None,
        hostname=app.hostname,
        language=choose_language(_preferred(app, report), original[:65_536]),
        now=app.clock.now(),
    )
    app.blobs.put(key, message)
    return message


def _preferred(app: Rooms, report: Report) -> str:
    return app.language_of(report.account) if report.account else ""


def _log(credits: Sequence[Credit]) -> None:
    for made in credits:
        log.info(
            "report credited",
            extra={
                "queue_id": made.queue_id,
                "to": made.address,
                "what": made.what,
                "status": made.status,
            },
        )
