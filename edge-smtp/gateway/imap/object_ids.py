"""EMAILID and THREADID (RFC 8474 section 5)."""

import base64
from hashlib import sha256

from postroom.mailboxes.records import Message


def email_id(message: Message) -> str:
    """The object identifier of a message: the same for its copies, wherever they are.

    All that a client sees and that never changes goes into it; one blob delivered to two
    addresses has two prefixes, which are two contents.
    """
    immutable = b"%b %d %b" % (message.blob.encode(), message.internal_date, message.prefix)
    return "e" + _text(sha256(immutable).digest()[:20])  # 160 bits never collide


def thread_id(message: Message) -> str | None:
    """None for a message from before threads were kept: it stays so, for a THREADID never changes
    (section 5.2)."""
    return "t" + _text(message.thread) if message.thread else None


def _text(octets: bytes) -> str:
    # A letter goes first, and there is one case only (section 8.1).
    return base64.b32encode(octets).decode("ascii").rstrip("=").lower()
