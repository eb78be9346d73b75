"""EMAILID names what a message is, wherever it lies; THREADID what it belongs to (RFC 8474)."""

import re

import msgspec

from gateway.imap.fetch import Fetching
from gateway.imap.object_ids import email_id, thread_id
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


def test_a_thread_has_one_too_and_a_message_from_before_has_none() -> None:
    threaded = msgspec.structs.replace(MESSAGE, thread=b"0123456789abcdef")
    assert re.fullmatch("t[a-z2-7]{26}", thread_id(threaded) or "")
    assert email_id(threaded) == email_id(MESSAGE)
    assert thread_id(MESSAGE) is None
    fields = msgspec.msgpack.decode(msgspec.msgpack.encode(MESSAGE))
    old = msgspec.msgpack.encode(fields[:9])  # as it was stored then
    assert msgspec.msgpack.decode(old, type=Message) == MESSAGE
    assert Fetching(["THREADID"]).render(1, MESSAGE) == b"* 1 FETCH (THREADID NIL)\r\n"
