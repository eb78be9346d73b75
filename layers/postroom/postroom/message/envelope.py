"""IMAP ENVELOPE (RFC 9051 section 7.5.2): what a list of messages shows, as octets to send."""

import re

from postroom.message.addresses import MOST_ADDRESSES, Address, parse_addresses
from postroom.message.entity import Entity
from postroom.message.imap_strings import for_humans, nstring, one_line, string

_LISTS = frozenset((b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc"))
_TEXTS = frozenset((b"date", b"in-reply-to", b"message-id"))
_TOKEN = re.compile(rb' ?(?:NIL|"((?:[^"\\]|\\.)*+)"|\{([0-9]+)\}\r\n|([()]))')
_ESCAPED = re.compile(rb"\\(.)")
_PLACES = {2: b"from", 5: b"to", 6: b"cc"}


class Fields:
    """The fields of a message that make its envelope.

    A repeated address field adds to the first; of other repeated ones the last counts, as in
    Dovecot.
    """

    __slots__ = ("lists", "texts")

    def __init__(self, entity: Entity) -> None:
        self.texts: dict[bytes, bytes] = {}
        self.lists: dict[bytes, list[Address]] = {}
        for name, value in entity.fields:
            if name == b"subject":
                self.texts[name] = for_humans(value)
            elif name in _TEXTS:
                self.texts[name] = one_line(value)
            elif name in _LISTS:
                found = self.lists.setdefault(name, [])
                if len(found) < MOST_ADDRESSES:
                    found += parse_addresses(value)


def envelope(fields: Fields) -> bytes:
    """Return ``(date subject from sender reply-to to cc bcc in-reply-to message-id)``."""
    text, addresses = fields.texts.get, fields.lists.get
    sent_by = _addresses(addresses(b"from"))
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(text(b"date")),
        nstring(text(b"subject")),
        sent_by,
        # Absent or empty Sender and Reply-To are those of From (RFC 9051 section 7.5.2).
        _addresses(addresses(b"sender"), sent_by),
        _addresses(addresses(b"reply-to"), sent_by),
        _addresses(addresses(b"to")),
        _addresses(addresses(b"cc")),
        _addresses(addresses(b"bcc")),
        nstring(text(b"in-reply-to")),
        nstring(text(b"message-id")),
    )


def _addresses(addresses: list[Address] | None, default: bytes = b"NIL") -> bytes:
    if not addresses:
        return default
    return b"(%b)" % b"".join(
        [
            b"(%b %b %b %b)"
            % (
                b"NIL" if name is None else string(for_humans(name)),
                b"NIL" if route is None else string(route),
                nstring(mailbox),
                nstring(host),
            )
            for name, route, mailbox, host in addresses
        ]
    )


def first_addresses(envelope: bytes) -> dict[bytes, Address]:
    """Return the first addresses of an envelope that ``envelope`` made, by the names of their
    fields, b"from", b"to" and b"cc"; fields without an address are not there."""
    found: dict[bytes, Address] = {}
    parts: list[bytes | None] = []
    place = depth = at = 0
    # Depth 1 holds the fields, 2 the addresses of one, 3 the parts of one.
    while place <= max(_PLACES) and (match := _TOKEN.match(envelope, at)) is not None:
        at = match.end()
        quoted, length, parenthesis = match.groups()
        if parenthesis == b"(":
            depth += 1
            parts = []
            continue
        if parenthesis == b")":
            depth -= 1
            if depth == 2 and place in _PLACES:
                found.setdefault(_PLACES[place], Address(*parts))
        elif length is not None:
            parts.append(envelope[at : at + int(length)])
            at += int(length)
        else:
            parts.append(None if quoted is None else _ESCAPED.sub(rb"\1", quoted))
        if depth == 1:
            place += 1
    return found
