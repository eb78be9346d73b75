"""Notifications by mail (RFC 5436 section 2.7), as other programs read them."""

import email
import email.policy
from dataclasses import replace

import pytest

from postroom.autoreply.answers import Notification
from postroom.autoreply.notification import Message, compose
from postroom.autoreply.original import Original
from postroom.sieve.actions import Notify

ORIGINAL = Original(
    "1m86t8k38g20812qy91d1q",
    1_795_525_200_123,
    "knitting-bounces@example.com",
    "<1@example.com>",
    ("<0@example.com>", "<1@example.com>"),
    "[Knitting] A new sweater",
    "Jeff Smith",
)
SMS = "mailto:0123456789@sms.example.net"


def composed(action: Notify, original: Original = ORIGINAL) -> Message:
    asked = Notification(
        original, "account", "recipient@example.org", ("recipient+lists@example.org",), action
    )
    found = compose(asked, sender="recipient@example.org", hostname="mx.example.org")
    assert found is not None
    return found


def parsed(notice: Message) -> email.message.EmailMessage:
    found = email.message_from_bytes(notice.text, policy=email.policy.SMTP)
    assert isinstance(found, email.message.EmailMessage)
    assert not found.defects
    return found


def test_the_example_of_the_rfc() -> None:
    """RFC 5436 section 3."""
    uri = SMS + "?to=backup@example.com"
    notice = composed(Notify(uri, "From Knitting list: A new sweater", importance=3))
    message = parsed(notice)
    assert next(iter(message)) == "Auto-Submitted"
    assert message["Auto-Submitted"] == 'auto-notified; owner-email="recipient@example.org"'
    assert message["Date"] == "Tue, 24 Nov 2026 13:00:00 +0000"
    assert message["Message-ID"] == notice.message_id != ORIGINAL.message_id
    assert message["From"] == "recipient@example.org"
    assert message["To"] == "0123456789@sms.example.net, backup@example.com"
    assert message["Subject"] == "From Knitting list: A new sweater"
    assert message["References"] == "<0@example.com> <1@example.com>"
    assert (message["Importance"], message["X-Priority"]) == ("low", "5")
    assert notice.recipients == ("0123456789@sms.example.net", "backup@example.com")
    assert notice.sender == "recipient@example.org"
    assert "From: Jeff Smith" in message.get_content()


def test_who_is_told_already_is_left_out() -> None:
    uri = "mailto:A@example.test,b@example.test?cc=c@example.test"
    notice = composed(Notify(uri, told=("a@example.test", "c@example.test")))
    assert notice.recipients == ("b@example.test",)
    assert (parsed(notice)["To"], parsed(notice)["Cc"]) == ("b@example.test", None)


def test_the_null_reverse_path_stays_null() -> None:
    assert composed(Notify(SMS), replace_path(ORIGINAL, "")).sender == ""


def replace_path(original: Original, reverse_path: str) -> Original:
    return Original(original.queue_id, original.received, reverse_path)


@pytest.mark.parametrize(
    ("uri", "message", "subject", "body"),
    [
        pytest.param("?subject=B&body=C%0D%0AD", "A", "A", "C\nD\n", id=":message comes first"),
        pytest.param("?subject=B", "", "B", "", id="then the URI's"),
        pytest.param("", "", "[Knitting] A new sweater", "", id="then the original's"),
    ],
)
def test_subject_and_body(uri: str, message: str, subject: str, body: str) -> None:
    found = parsed(composed(Notify(SMS + uri, message)))
    assert found["Subject"] == subject
    assert body in found.get_content().replace("\r\n", "\n")


def test_without_any_subject_there_is_one() -> None:
    found = parsed(composed(Notify(SMS), replace_path(ORIGINAL, "a@b.test")))
    assert found["Subject"] == "New message"


def test_fields_of_the_uri_add_and_replace_nothing() -> None:
    """RFC 5436 section 2.7: from, auto-submitted, received, date and message-id are ignored."""
    unsafe = "from=x@y.test&auto-submitted=no&received=x&date=x&message-id=%3Cx%3E&bcc=z@y.test"
    notice = composed(Notify(f"{SMS}?{unsafe}&x-colour=red&references=%3C9%3E&importance=high"))
    message = parsed(notice)
    assert message["X-colour"] == "red"
    assert message["From"] == "recipient@example.org"
    assert message["Bcc"] is None
    assert message["Received"] is None
    assert message["Importance"] is None
    for name in ("Auto-Submitted", "Date", "Message-ID", "References", "From"):
        assert len(message.get_all(name, [])) == 1, name
    assert "z@y.test" not in notice.recipients


def test_cc_is_a_recipient() -> None:
    notice = composed(Notify(SMS + "?cc=boss@example.org"))
    assert parsed(notice)["Cc"] == "boss@example.org"
    assert notice.recipients[-1] == "boss@example.org"


def test_nobody_to_tell_is_no_notification() -> None:
    asked = Notification(ORIGINAL, "account", "a@b.test", (), Notify("mailto:?subject=x"))
    assert compose(asked, sender="a@b.test", hostname="h") is None


def test_words_of_a_script_make_no_fields() -> None:
    action = replace(Notify(SMS), message="A\r\nBcc: x@y.test\r\n\r\nbody")
    message = parsed(composed(action))
    assert message["Subject"] == "A Bcc: x@y.test body"
    assert message["Bcc"] is None
