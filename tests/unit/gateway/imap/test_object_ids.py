"""EMAILID names what a message is, wherever it lies (RFC 8474 section 5.1)."""

import re

import msgspec

from gateway.imap.object_ids import email_id
from postroom.mailboxes.records import Message
from postroom.platform.blobs import BlobKey

MESSAGE = Message(
    7, 9, frozenset({"\\Seen"}), 100, 1000, 2000, BlobKey("b"), b"Delivered-To: a\r\n"
)


def test_a_copy_with_other_flags_is_the_same() -> None:
    copy = msgspec.structs.replace(MESSAGE, uid=1, mod_seq=2, flags=frozenset(), saved=3, added=2)
    assert email_id(copy) == email_id(MESSAGE)


def test_other_content_is_another() -> None:
    others = [
        msgspec.structs.replace(MESSAGE, blob=BlobKey("c")),
        msgspec.structs.replace(MESSAGE, prefix=b"Delivered-To: b\r\n"),
        msgspec.structs.replace(MESSAGE, internal_date=1001),
    ]
    assert len({email_id(each) for each in [MESSAGE, *others]}) == 4


def test_it_is_an_object_identifier() -> None:
    assert re.fullmatch("e[a-z2-7]{32}", email_id(MESSAGE))
