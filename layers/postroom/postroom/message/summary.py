"""What clients often ask of a message, computed once at delivery and kept beside it.

Immutable, made of the blob alone: headers prepended at delivery are not part of it.

Encoded, a summary begins with the ENVELOPE as it is sent, so that the first view of a folder
copies octets; see ``stored.py`` for the format.
"""

import re
from typing import NamedTuple

import msgspec

from postroom.message import stored
from postroom.message.bodystructure import body_structure, without_extensions
from postroom.message.dates import parse_date
from postroom.message.decode import decoded_text
from postroom.message.entity import Entity
from postroom.message.envelope import Fields, envelope
from postroom.message.headers import end_of_header
from postroom.message.scan import scan_entity
from postroom.message.structure import Part
from postroom.message.words import decode_words, guess

PREVIEW = 200  # characters (RFC 8970 section 3.1)
# An item of DynamoDB holds 400 KB. A message built to need more is shown in one piece instead.
LARGEST = 300_000
_MODERATE_HEADER = 16_384  # addresses in it grow up to sixteenfold in an ENVELOPE
_READ_FOR_PREVIEW = 4096  # octets of a text part; HTML begins with much that is not shown
_READ_OF_HTML = 65_536
_MOST_REFERENCES = 200
_MESSAGE_ID = re.compile(rb"<[^<>\s]{1,990}>")


class Summary(msgspec.Struct, frozen=True):
    size: int  # octets of the blob
    envelope: bytes  # IMAP ENVELOPE, "(...)", ready to send (RFC 9051 section 7.5.2)
    body_structure: bytes  # IMAP BODYSTRUCTURE, "(...)"
    structure: Part
    message_id: str  # with its angle brackets, "" when none
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]  # oldest first
    sent: int | None  # Date header, seconds since 1970
    subject: str  # decoded (RFC 2047)
    sender: str  # display name or address of the first From mailbox
    recipient: str  # of the first To mailbox
    preview: str  # first 200 characters of the text (RFC 8970)
    has_attachment: bool

    @property
    def body(self) -> bytes:
        """IMAP BODY, "(...)"."""
        return without_extensions(self.body_structure)

    def encode(self) -> bytes:
        """Return the octets to store."""
        return stored.encode(
            self.envelope,
            self.body_structure,
            (
                self.size,
                stored.flatten(self.structure),
                self.message_id,
                self.in_reply_to,
                self.references,
                self.sent,
                self.subject,
                self.sender,
                self.recipient,
                self.preview,
                self.has_attachment,
            ),
        )

    @staticmethod
    def decode(encoded: bytes) -> "Summary":
        """Return the summary that was stored."""
        size, structure, message_id, in_reply_to, references, *rest = stored.details_of(encoded)
        return Summary(
            size,
            stored.envelope_of(encoded),
            stored.body_structure_of(encoded),
            stored.unflatten(structure),
            message_id,
            tuple(in_reply_to),
            tuple(references),
            *rest,
        )


class Details(NamedTuple):
    """What a summary holds beside its IMAP forms and its parts; see ``Summary``."""

    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    sent: int | None
    subject: str
    sender: str
    recipient: str
    preview: str
    has_attachment: bool


def details_of(encoded: bytes) -> Details:
    """Return the details of an encoded summary."""
    _, _, message_id, in_reply_to, references, *rest = stored.details_of(encoded)
    return Details(message_id, tuple(in_reply_to), tuple(references), *rest)


envelope_of = stored.envelope_of
body_structure_of = stored.body_structure_of
body_of = stored.body_of
structure_of = stored.structure_of


def summarise(message: bytes) -> Summary:
    """Return the summary of a message, whatever its octets are. Never raises."""
    summary = _summary(message, scan_entity(message))
    if (
        len(summary.envelope) + len(summary.body_structure) + summary.structure.body > LARGEST // 2
        and len(summary.encode()) > LARGEST
    ):
        return _summary(message, _opaque(message))
    return summary


def _opaque(message: bytes) -> Entity:
    """Return a message as one piece, with what a header of moderate size says."""
    root = Entity("", 0)
    root.body = end_of_header(message)
    root.end = len(message)
    root.lines = message.count(b"\n", root.body)
    root.read_header(message, longest=_MODERATE_HEADER)
    if root.is_multipart or root.is_message:
        root.make_opaque()
    return root


def _summary(message: bytes, root: Entity) -> Summary:
    fields = Fields(root)
    structure = root.as_part()
    senders, recipients = fields.lists.get(b"from"), fields.lists.get(b"to")
    message_ids = _message_ids(fields.texts.get(b"message-id"))
    return Summary(
        size=len(message),
        envelope=envelope(fields),
        body_structure=body_structure(root),
        structure=structure,
        message_id=message_ids[0] if message_ids else "",
        in_reply_to=_message_ids(fields.texts.get(b"in-reply-to")),
        references=_shortened(_message_ids(root.first(b"references"))),
        sent=parse_date(fields.texts.get(b"date", b"")),
        subject=decode_words(fields.texts.get(b"subject", b"")),
        sender=senders[0].display if senders else "",
        recipient=recipients[0].display if recipients else "",
        preview=_preview(message, structure),
        has_attachment=_has_attachment(root),
    )


def _message_ids(value: bytes | None) -> tuple[str, ...]:
    return tuple([guess(found) for found in _MESSAGE_ID.findall(value)]) if value else ()


def _shortened(references: tuple[str, ...]) -> tuple[str, ...]:
    """Without the middle of too many: the first names the thread, the last the parent."""
    if len(references) <= _MOST_REFERENCES:
        return references
    return references[0], *references[1 - _MOST_REFERENCES :]


def _preview(message: bytes, structure: Part) -> str:
    plain = _first_text(structure, "plain")
    part = plain or _first_text(structure, "html")
    if part is None:
        return ""
    limit = _READ_OF_HTML if part.subtype == "html" else _READ_FOR_PREVIEW
    text = decoded_text(message, part, limit).replace("\x00", "")
    # A word and the space after it are two characters at least.
    return " ".join(text[: PREVIEW * 20].split(None, PREVIEW // 2))[:PREVIEW]


def _first_text(root: Part, subtype: str) -> Part | None:
    """Return the first text part of this subtype that is not an attachment, nor in a message."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if part.media_type == "multipart":
            waiting += reversed(part.children)
        elif (part.media_type, part.subtype) == ("text", subtype) and (
            part.disposition != "attachment" and part.end > part.body
        ):
            return part
    return None


def _has_attachment(root: Entity) -> bool:
    waiting = [root]
    while waiting:
        entity = waiting.pop()
        if entity.is_multipart:
            waiting += entity.children
        elif entity.looks_attached:
            return True
    return False
