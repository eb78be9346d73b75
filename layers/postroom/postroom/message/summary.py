"""What clients often ask of a message, computed once at delivery and kept beside it.

Immutable, made of the blob alone: headers prepended at delivery are not part of it.
"""

from dataclasses import dataclass

from postroom.message.structure import Part


@dataclass(frozen=True, slots=True)
class Summary:
    size: int  # octets of the blob
    envelope: bytes  # IMAP ENVELOPE, "(...)", ready to send (RFC 9051 section 7.5.2)
    body: bytes  # IMAP BODY, "(...)"
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
