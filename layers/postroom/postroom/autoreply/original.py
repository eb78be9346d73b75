"""What an answer needs to know of the message that it answers. Strangers wrote all of it."""

import re
from collections.abc import Sequence

import msgspec

from postroom.message.addresses import parse_addresses
from postroom.message.headers import end_of_header, pairs, unfold
from postroom.message.words import decode_words

LONGEST_HEADER = 256 * 1024  # octets looked at
_LONGEST_SUBJECT = 500  # characters
_LONGEST_NAME = 200
_MOST_REFERENCES = 20  # kept: the first, which names the thread, and the last ones
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]+")
# What may be repeated in a header of ours as it is; no RFC asks for more than 998 octets a line.
_MESSAGE_ID = re.compile(rb"<[!-;=?-~]{1,240}>")


# Values of the fields of a message by lower-case name, unfolded, in their order.
Header = dict[bytes, list[bytes]]


class Original(msgspec.Struct, frozen=True, omit_defaults=True):
    """The message that is answered. No text in it holds a line end or another control."""

    queue_id: str
    received: int  # milliseconds since 1970
    reverse_path: str  # where the answer goes (RFC 3834 section 4)
    message_id: str = ""  # with its angle brackets; "" when it has none that we can repeat
    references: tuple[str, ...] = ()  # for an answer (RFC 5322 section 3.6.4), message_id the last
    subject: str = ""  # decoded
    author: str = ""  # name in the From field, or else its address


def header_of(message: bytes) -> Header:
    """Read the header of a message, or what there is of it."""
    found: Header = {}
    for name, value in pairs(message[: end_of_header(message, 0, LONGEST_HEADER)]):
        if name:
            found.setdefault(name, []).append(unfold(value))
    return found


def original_of(header: Header, *, queue_id: str, received: int, reverse_path: str) -> Original:
    """*header*: of `header_of`; the rest: of the entry in the Inbound queue."""
    message_id = _ids(header, b"message-id")[:1]
    return Original(
        queue_id,
        received,
        reverse_path,
        message_id[0] if message_id else "",
        _references(header, message_id),
        plain(decode_words(header.get(b"subject", [b""])[0]), _LONGEST_SUBJECT),
        _author(header),
    )


def plain(text: str, longest: int) -> str:
    """The text on one line, without controls, cut to *longest* characters."""
    text = " ".join(_CONTROLS.sub(" ", text).split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _references(header: Header, message_id: Sequence[str]) -> tuple[str, ...]:
    above = _ids(header, b"references")
    if not above:
        parents = _ids(header, b"in-reply-to")
        above = parents if len(parents) == 1 else []
    ids = list(dict.fromkeys([*above, *message_id]))
    if len(ids) > _MOST_REFERENCES:
        ids = [ids[0], *ids[1 - _MOST_REFERENCES :]]
    return tuple(ids)


def _ids(header: Header, name: bytes) -> list[str]:
    values = header.get(name, [b""])
    return [found.decode("ascii") for found in _MESSAGE_ID.findall(values[0])]


def _author(header: Header) -> str:
    addresses = parse_addresses(header.get(b"from", [b""])[0])
    author = next((address for address in addresses if address.host), None)
    return plain(author.display, _LONGEST_NAME) if author else ""
