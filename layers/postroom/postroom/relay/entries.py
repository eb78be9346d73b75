"""One entry for each message and destination domain: all that an attempt and a report need.

Times are milliseconds since 1970. The text of the message is a blob; nothing here is mail.
"""

from collections.abc import Iterable

import msgspec

from postroom.journeys.store import Event
from postroom.platform.blobs import BlobKey
from postroom.platform.table import Put
from postroom.relay.parcel import Recipient
from postroom.relay.waiting import OUTBOUND, Ticket, Waiting, changed, new, ticket

# In one entry; more are several. Every server takes as many at once (RFC 5321 section 4.5.3.1.8):
# an entry is one transaction, and its outcome is written down before the next one begins.
MOST_RECIPIENTS = 100
MOST_EVENTS = 40  # kept of a long story: the first and the last ones


class Goal(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """A recipient still to be reached."""

    address: str
    notify: tuple[str, ...] = ()
    original: str = ""  # ORCPT, still encoded

    @property
    def recipient(self) -> Recipient:
        return Recipient(self.address, self.notify, self.original)


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    queue_id: str
    name: str  # the domain; "example.org 2" when its recipients need more entries
    domain: str  # lower case, A-labels; or an address literal
    blob: BlobKey
    size: int  # octets of the blob
    received: int
    reverse_path: str  # what MAIL FROM says: rewritten when the mail is forwarded
    goals: tuple[Goal, ...]
    sender: str = ""  # who is told of failures; "": nobody
    sender_domain: str = ""  # decides on the route, and on the suppression list
    account: str = ""  # of the sender, "" for forwarded mail
    message_id: str = ""
    ret: str = ""
    envid: str = ""
    smtputf8: bool = False
    requiretls: bool = False
    tls_optional: bool = False  # "TLS-Required: No" (RFC 8689 section 5)
    deliver_by: int = 0
    by_mode: str = ""
    prefix: bytes = b""  # our signature fields
    attempts: int = 0
    next_try: int = 0  # not before
    busy_until: int = 0  # somebody is at it until then
    turned_away: int = 0  # since the last attempt: its destination takes only so much
    warned: bool = False  # of the delay
    held: str = ""  # why an operator holds it
    via: str = ""  # URL of a route that it takes instead of that of its domains
    events: tuple[tuple[int, str, str], ...] = ()  # when, step, detail

    @property
    def ticket(self) -> Ticket:
        return ticket(OUTBOUND, self.queue_id, self.name)

    @property
    def place(self) -> str:
        """Its place in the journey of the message."""
        return f">{self.name}"

    def with_events(self, events: Iterable[Event]) -> "Entry":
        """The entry with more of its story; the middle of a long one is dropped."""
        told = (*self.events, *((event.at, event.step, event.detail) for event in events))
        if len(told) > MOST_EVENTS:
            half = MOST_EVENTS // 2
            told = (*told[:half], *told[-half:])
        return msgspec.structs.replace(self, events=told)


def new_entry(entry: Entry, due: int) -> Put:
    return new(entry.ticket, _encoder.encode(entry), due)


def changed_entry(found: Waiting, entry: Entry, due: int | None) -> Put:
    return changed(found, _encoder.encode(entry), due)


def entry_of(found: Waiting) -> Entry:
    return _decoder.decode(found.body)


def events_of(entry: Entry) -> tuple[Event, ...]:
    return tuple(Event(*event) for event in entry.events)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)
