"""Reports are credited to the message and the recipient they are about, if they are true.

Anybody can send us a report about anything (RFC 3464 section 4, RFC 6522 section 7). It counts
only when it names a message that left us, and an address that this message went to. Such a name
(queue id or Message-ID) is known to those who got the message; one of several recipients could
still lie about another. That is why a first failure suppresses for a day only.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from postroom.directory.addresses import BadAddress, canonical
from postroom.errors import BlobMissing, ConditionFailed
from postroom.journeys.ids import time_of
from postroom.journeys.store import Event, Journey, Journeys
from postroom.message.addresses import parse_addresses
from postroom.message.headers import end_of_header, fields
from postroom.platform.blobs import BlobKey, BlobStore
from postroom.platform.clock import Clock
from postroom.platform.table import Table
from postroom.relay.bounces.reading import Finding, Reading, What
from postroom.relay.bounces.ses import SesNotice
from postroom.relay.suppression import Suppression, counts_as_hard

_STEPS: dict[What, str] = {
    "failed": "bounced",
    "delayed": "delayed",
    "delivered": "delivered",
    "complaint": "complaint",
}
_LEFT = ">"  # places of journeys that lead out (relay.entries)
_CAME_BACK = "<"  # places of what is told here
_MOST_IN_JOURNEY = 20  # recipients kept in one record
_MOST_RECENT = 50  # messages to an address, looked at for a notice without a name
_LONGEST_WAY = 7 * 86_400_000  # milliseconds between accepting a message and SES taking it
_LARGEST_HEADER = 256 * 1024
_LONGEST_DETAIL = 500


class Rooms(Protocol):
    @property
    def table(self) -> Table: ...
    @property
    def blobs(self) -> BlobStore: ...
    @property
    def journeys(self) -> Journeys: ...
    @property
    def suppression(self) -> Suppression: ...
    @property
    def clock(self) -> Clock: ...


@dataclass(frozen=True, slots=True)
class Credit:
    """What was believed: about which message, which recipient as we wrote to it, and what."""

    queue_id: str
    address: str
    what: What
    status: str
    suppressed: bool  # it was put before the suppression list


def credit(app: Rooms, reading: Reading) -> list[Credit]:
    """Credit what a report says. Findings that cannot be verified are left out.

    Repeats are harmless. Raises StoreUnavailable.
    """
    if not reading.findings:
        return []
    names = [*reading.queue_ids, *reading.message_ids]
    return _credit(app, reading.findings, _departed(app, names))


def credit_ses(app: Rooms, notice: SesNotice) -> list[Credit]:
    """The same for a notice of Amazon SES, which may lack a name for the message."""
    credits = []
    departed = _departed(app, notice.reading.message_ids) if notice.reading.findings else []
    for finding in notice.reading.findings:
        journeys = departed or _by_recipient(app, finding, notice)
        credits += _credit(app, [finding], journeys)
    return credits


def _departed(app: Rooms, names: Iterable[str]) -> list[Journey]:
    """The journeys, out of our house, of the first name that has any."""
    for name in names:
        journeys = [one for one in app.journeys.trace(name) if one.place.startswith(_LEFT)]
        if journeys:
            return journeys
    return []


def _by_recipient(app: Rooms, finding: Finding, notice: SesNotice) -> list[Journey]:
    """The last message from that sender to that recipient before SES took it."""
    for address in finding.addresses:
        if "@" not in address:
            continue
        found = [
            journey
            for journey in app.journeys.trace(address, _MOST_RECENT)
            if journey.place.startswith(_LEFT)
            and _same(journey.reverse_path, notice.source)
            and 0 <= notice.sent - time_of(journey.queue_id) <= _LONGEST_WAY
        ]
        if found:
            newest = max(found, key=lambda journey: journey.queue_id)
            return [journey for journey in found if journey.queue_id == newest.queue_id]
    return []


def _credit(app: Rooms, findings: Iterable[Finding], journeys: list[Journey]) -> list[Credit]:
    credits: dict[tuple[str, str, What], Credit] = {}
    for finding in findings:
        verified = _verified(app, finding, journeys)
        if verified is None:
            continue
        journey, address = verified
        if (journey.queue_id, address, finding.what) not in credits:
            made = _write(app, finding, journey, address)
            credits[made.queue_id, made.address, made.what] = made
    return list(credits.values())


def _verified(app: Rooms, finding: Finding, journeys: list[Journey]) -> tuple[Journey, str] | None:
    """The journey and the recipient of ours, or None when we did not write to that address."""
    for address in finding.addresses:
        for journey in journeys:
            for recipient in journey.recipients:
                if _same(recipient, address):
                    return journey, recipient
    for address in finding.addresses:
        for journey in journeys:
            if len(journey.recipients) >= _MOST_IN_JOURNEY and _in_original(app, journey, address):
                return journey, address
    # They forwarded it, or hide the address: with one recipient it is clear whom it is about.
    if len(journeys) == 1 and len(journeys[0].recipients) == 1:
        return journeys[0], journeys[0].recipients[0]
    return None


def _in_original(app: Rooms, journey: Journey, address: str) -> bool:
    """The journey names the first recipients only; the message itself may name the rest."""
    try:
        octets = app.blobs.get_range(BlobKey(journey.queue_id), 0, _LARGEST_HEADER)
    except BlobMissing:
        return False
    named = [
        found.spec
        for field in fields(octets[: end_of_header(octets)])
        if field.name.lower() in ("to", "cc")
        for found in parse_addresses(field.value)
    ]
    return any(_same(spec, address) for spec in named)


def _write(app: Rooms, finding: Finding, journey: Journey, address: str) -> Credit:
    # The list first: it does not count one message twice, and the marker below says all is done.
    suppresses = finding.what == "complaint" or (
        finding.what == "failed" and counts_as_hard(finding.status)
    )
    if suppresses:
        domain = journey.reverse_path.rpartition("@")[2]
        app.suppression.note(
            domain,
            address,
            "complaint" if finding.what == "complaint" else "bounce",
            finding.status,
            finding.said or finding.status,
            journey.queue_id,
        )
    step = _STEPS[finding.what]
    now = int(app.clock.seconds() * 1000)
    marker = app.journeys.marker(
        Journey(
            journey.queue_id,
            f"{_CAME_BACK}{step} {address}",
            journey.message_id,
            journey.reverse_path,
            (address,),
            (Event(now, step, _detail(finding, address)),),
        )
    )
    with suppress(ConditionFailed):  # told before
        app.table.write(marker)
    return Credit(journey.queue_id, address, finding.what, finding.status, suppresses)


def _detail(finding: Finding, address: str) -> str:
    words = " ".join(word for word in (finding.status, finding.said) if word)
    peer = f"{finding.peer}: " if finding.peer else ""
    return f"{address}: {peer}{words}"[:_LONGEST_DETAIL]


def _same(one: str, other: str) -> bool:
    if one.lower() == other.lower():
        return True
    try:
        return canonical(one) == canonical(other)
    except BadAddress:
        return False
