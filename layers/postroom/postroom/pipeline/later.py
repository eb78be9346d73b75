"""Messages that a sender wants released later (FUTURERELEASE, RFC 4865)."""

from collections.abc import Sequence

from postroom.journeys.store import Event, Journey, Journeys
from postroom.pipeline.accepted import Accepted
from postroom.platform.table import Table, Write
from postroom.relay.waiting import LATER, Ticket, Waiting, get_many, new, ticket

HELD = "later"  # place in its journey


def letters(
    table: Table, batch: Sequence[Accepted | Ticket]
) -> list[tuple[Accepted | None, Waiting | None]]:
    """What the letters of the Inbound queue stand for; a ticket's record may be gone: done."""
    found = get_many(table, [letter for letter in batch if isinstance(letter, Ticket)])
    opened: list[tuple[Accepted | None, Waiting | None]] = []
    for letter in batch:
        if isinstance(letter, Accepted):
            opened.append((letter, None))
            continue
        record = found.get(letter.waiting)
        accepted = None if record is None else Accepted.from_json(record.body.decode())
        opened.append((accepted, record))
    return opened


def letter_of(body: str) -> Accepted | Ticket:
    """Decode a letter of the Inbound queue. Raises what msgspec raises."""
    return Ticket.from_json(body) if body.startswith('{"waiting":') else Accepted.from_json(body)


def hold(accepted: Accepted, journeys: Journeys, origin: Event) -> list[Write]:
    """The writes, all or none and once, that let a message wait until it is to be released."""
    until = Event(origin.at, "held", "until the time that its sender asked for")
    journey = Journey(
        accepted.queue_id,
        HELD,
        accepted.message_id[:200],
        accepted.reverse_path,
        tuple(recipient.address for recipient in accepted.recipients[:20]),
        (origin, until),
    )
    record = new(
        ticket(LATER, accepted.queue_id, ""), accepted.to_json().encode(), accepted.hold_until
    )
    return [record, journeys.marker(journey)]
