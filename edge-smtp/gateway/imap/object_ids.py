"""EMAILID (RFC 8474 section 5.1)."""

import base64
from hashlib import sha256

from postroom.mailboxes.records import Message


def email_id(message: Message) -> str:
    """The object identifier of a message: the same for its copies, wherever they are.

    All that a client sees and that never changes goes into it; one blob delivered to two
    addresses has two prefixes, which are two contents.
    """
    immutable = b"%b %d %b" % (message.blob.encode(), message.internal_date, message.prefix)
    # A letter first and one case only (RFC 8474 section 8.1); 160 bits never collide.
    return "e" + base64.b32encode(sha256(immutable).digest()[:20]).decode("ascii").lower()
