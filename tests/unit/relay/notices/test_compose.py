"""What we tell senders is read by the standard library, by flufl.bounce and by ourselves."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from flufl.bounce import all_failures
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.report import read_report
from postroom.relay.notices.compose import compose, message_id_of
from postroom.relay.notices.words import LANGUAGES, MOST_PEOPLE
from postroom.relay.reports import Action, Report, Told

AT = 1_804_000_000_000
DAY = 86_400_000
HOST = "mx.example.test"
ORIGINAL = (
    b"From: Anna <anna@example.test>\r\nTo: bob@other.test\r\nSubject: Invoice\r\n"
    b"Message-ID: <1@example.test>\r\nContent-Language: de-CH\r\n\r\nHello Bob\r\n"
)


def told(
    address: str = "bob@other.test",
    action: Action = "failed",
    status: str = "5.1.1",
    reply: str = "550 5.1.1 No such user",
    **more: object,
) -> Told:
    peer = "mx.other.test [192.0.2.1]" if reply else ""
    return Told(address, action, status, "refused", AT, reply=reply, peer=peer, **more)  # type: ignore[arg-type]


def report(*people: Told, **more: object) -> Report:
    fields: dict[str, object] = {
        "queue_id": "1m86t8k38g20812qy91d1q",
        "name": "other.test 1",
        "blob": "b",
        "size": 4000,
        "received": AT - 5 * DAY,
        "reverse_path": "anna@example.test",
        "told": people or (told(),),
        "message_id": "<1@example.test>",
    }
    return Report(**{**fields, **more})  # type: ignore[arg-type]


def composed(what: Report, original: bytes | None = ORIGINAL, language: str = "en") -> bytes:
    now = datetime.fromtimestamp(AT / 1000, UTC)
    return compose(what, original, hostname=HOST, language=language, now=now)


def parsed(message: bytes) -> EmailMessage:
    found = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def parts_of(message: bytes) -> list[EmailMessage]:
    return list(parsed(message).iter_parts())  # type: ignore[arg-type]


def text_of(message: bytes) -> str:
    return str(parts_of(message)[0].get_content())


def test_the_header_says_whose_and_that_no_machine_should_answer() -> None:
    what = report()
    message = parsed(composed(what))
    assert message["From"].addresses[0].addr_spec == f"postmaster@{HOST}"
    assert message["From"].addresses[0].display_name == "Mail Delivery System"
    assert message["To"].addresses[0].addr_spec == "anna@example.test"
    assert message["Subject"] == "Undeliverable: Invoice"
    assert message["Message-ID"] == message_id_of(what, HOST)
    assert message["In-Reply-To"] == message["References"] == "<1@example.test>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Date"].datetime == datetime.fromtimestamp(AT / 1000, UTC)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert "Return-Path" not in message


def test_the_three_parts_are_read_by_the_standard_library() -> None:
    parts = parts_of(composed(report(told(original="rfc822;Bob+2Bx@other.test"), envid="id+2B1")))
    assert [part.get_content_type() for part in parts] == [
        "text/plain",
        "message/delivery-status",
        "message/rfc822",
    ]
    message, recipient = parts[1].get_payload()  # type: ignore[misc]
    assert dict(message.items()) == {
        "Original-Envelope-Id": "id+1",
        "Reporting-MTA": f"dns; {HOST}",
        "Arrival-Date": "Thu, 25 Feb 2027 15:06:40 +0000",
    }
    assert dict(recipient.items()) == {
        "Original-Recipient": "rfc822; Bob+x@other.test",
        "Final-Recipient": "rfc822; bob@other.test",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns; mx.other.test (192.0.2.1)",
        "Diagnostic-Code": "smtp; 550 5.1.1 No such user",
        "Last-Attempt-Date": "Tue, 02 Mar 2027 15:06:40 +0000",
    }
    assert parts[2].get_payload(0)["Subject"] == "Invoice"  # type: ignore[union-attr,index,call-overload]


def test_a_deadline_is_named() -> None:
    """RFC 2852 adds a field to those of RFC 3464."""
    message, _ = parts_of(composed(report(deliver_by=AT)))[1].get_payload()  # type: ignore[misc]
    assert message["Deliver-By-Date"] == "Tue, 02 Mar 2027 15:06:40 +0000"


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_will_hear_more_is_not_told_the_contrary(language: str) -> None:
    last = text_of(composed(report(told(action="relayed")), language=language))
    more = text_of(composed(report(told(action="relayed", more_to_come=True)), language=language))
    assert "mx.other.test" in last
    assert "mx.other.test" in more
    assert len(more) < len(last)


@pytest.mark.parametrize("language", LANGUAGES)
def test_flufl_and_we_find_the_address_in_every_language(language: str) -> None:
    what = report(told(), told("eva@other.test", "delayed", "4.4.1", until=AT + DAY))
    message = composed(what, language=language)
    temporary, permanent = all_failures(email.message_from_bytes(message))
    assert (set(temporary), set(permanent)) == ({b"eva@other.test"}, {b"bob@other.test"})
    found = read_report(message)
    assert found.delivery is not None
    assert [
        (person.final.value, person.action, person.status) for person in found.delivery.recipients
    ] == [("bob@other.test", "failed", "5.1.1"), ("eva@other.test", "delayed", "4.4.1")]
    assert b"Message-ID: <1@example.test>" in found.returned


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("action", ["failed", "delayed", "delivered", "relayed", "expanded"])
def test_lines_fit_and_the_language_is_marked(language: str, action: Action) -> None:
    message = composed(report(told(action=action)), language=language)
    assert max(map(len, message.split(b"\r\n"))) <= 78
    text = parts_of(message)[0]
    assert text["Content-Language"] == language
    assert "bob@other.test" in text.get_content()


def test_only_a_failure_brings_the_text_back() -> None:
    """RFC 3461 section 6.2."""

    def third(**more: object) -> str:
        return parts_of(composed(report(**more)))[2].get_content_type()  # type: ignore[arg-type]

    assert third() == third(ret="FULL") == "message/rfc822"
    assert third(ret="HDRS") == "text/rfc822-headers"
    assert third(ret="FULL", requiretls=True) == "text/rfc822-headers"  # RFC 8689 section 5
    for action in ("delayed", "relayed", "delivered", "expanded"):
        assert third(told=(told(action=action),), ret="FULL") == "text/rfc822-headers"  # type: ignore[arg-type]


def test_without_the_original_there_are_two_parts() -> None:
    message = composed(report(), None)
    assert len(parts_of(message)) == 2
    assert parsed(message)["Subject"] == "Undeliverable: (no subject)"


def test_will_retry_until_is_for_delays_only() -> None:
    delayed = composed(report(told(action="delayed", status="4.4.1", until=AT + DAY)))
    assert b"Will-Retry-Until: Wed, 03 Mar 2027 15:06:40 +0000" in delayed
    assert "until 3 March 2027, 15:06 UTC" in text_of(delayed)
    assert b"Will-Retry-Until" not in composed(report(told(until=AT + DAY)))


def test_smtputf8_has_forms_of_its_own() -> None:
    """RFC 6533 section 4."""
    original = "Subject: Grüße\r\nTo: jürgen@bücher.test\r\n\r\nHallo\r\n".encode()
    what = report(
        told("jürgen@bücher.test", original="utf-8;j\\x{FC}rgen@b\\x{FC}cher.test"),
        smtputf8=True,
        reverse_path="änne@example.test",
    )
    message = composed(what, original)
    assert "To: <änne@example.test>\r\n".encode() in message
    assert b"Content-Type: message/global-delivery-status\r\n" in message
    assert "Original-Recipient: utf-8; jürgen@bücher.test\r\n".encode() in message
    assert "Final-Recipient: utf-8; jürgen@bücher.test\r\n".encode() in message
    assert b"Content-Type: message/global\r\n" in message
    assert b"Content-Transfer-Encoding: 8bit\r\n" in message.partition(b"\r\n\r\n")[0] + b"\r\n"
    found = read_report(message)
    assert found.delivery is not None
    assert found.delivery.recipients[0].final.value == "jürgen@bücher.test"
    assert "Subject: Grüße".encode() in found.returned


def test_without_smtputf8_all_is_ascii() -> None:
    message = composed(report(told(reply="550 5.1.1 unbekannt: für immer")), ORIGINAL, "zh")
    assert message.isascii()
    assert b"Content-Type: message/delivery-status\r\n" in message


def test_a_long_report_names_everybody_to_programs_only() -> None:
    people = [told(f"user{number}@other.test") for number in range(MOST_PEOPLE + 50)]
    message = composed(report(*people))
    found = read_report(message)
    assert found.delivery is not None
    assert len(found.delivery.recipients) == MOST_PEOPLE + 50
    assert "… and 50 more." in text_of(message)


def test_a_bounce_is_never_bounced() -> None:
    with pytest.raises(AssertionError):
        composed(report(reverse_path=""))


def test_a_suppressed_recipient_learns_when_why_and_what_to_do() -> None:
    what = report(
        told(status="5.7.1", reply="", suppressed="bounce", since=AT - DAY, until=AT + DAY)
    )
    text = " ".join(text_of(composed(what)).split())
    assert "Since 1 March 2027 this address is on the suppression list of example.test" in text
    assert "tried again from 3 March 2027, 15:06 UTC" in text
    assert f"ask postmaster@{HOST} to take it off the list" in text
    assert b"Last-Attempt-Date" not in composed(what)


_HOSTILE = st.text(max_size=80) | st.sampled_from(
    ["550 x\r\n.\r\n", "{{ 7 * 7 }}", "\u202egnp.exe", "\x1b[2J", "--", "=_\r\n\r\n--=_--"]
)


@given(_HOSTILE, _HOSTILE, _HOSTILE, st.binary(max_size=200), st.sampled_from(LANGUAGES))
def test_strangers_cannot_break_it(
    address: str, reply: str, reason: str, original: bytes, language: str
) -> None:
    person = Told(address + "@x.test", "failed", reply, reason, AT, address, reply, reply)
    what = report(person, message_id=reply, envid=address)
    message = composed(what, original or None, language)
    assert len(parts_of(message)) == (3 if original else 2)
    assert b"\0" not in message
    assert b"\r" not in message.replace(b"\r\n", b"")
    assert b"\n" not in message.replace(b"\r\n", b"")
    text = text_of(message)
    assert not set(text) & {"\x1b", "\u202e"}
    found = read_report(message)
    assert found.delivery is not None
    assert len(found.delivery.recipients) == 1
