"""Whatever the octets, a report is read or is none, and costs no more than its size."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.errors import BadSyntax
from postroom.message.delivery_status import (
    ACTIONS,
    format_delivery_status,
    parse_delivery_status,
)
from postroom.message.feedback import parse_feedback_report
from postroom.message.report import read_report
from postroom.message.xtext import decode_unitext, decode_xtext, parse_original_recipient
from postroom.pipeline.bounces import decode
from postroom.relay.bounces.incoming import looks_like_report
from postroom.relay.bounces.reading import read_bounce
from postroom.relay.bounces.ses import parse_ses
from postroom.relay.notices.words import choose_language
from tests.unit.message.test_report import FULL_ARF, MULTI
from tests.unit.relay.bounces.test_reading import BOUNCE, EXIM, MAIL, QMAIL, arf

_SEEDS = [MULTI, FULL_ARF, QMAIL, EXIM, arf(recipient=b"bob@other.test")]
_PIECES = [
    b"\r\n",
    b"\n\n",
    b"\n ",
    b"\0",
    b";",
    b"<",
    b">",
    b"(",
    b"@",
    b"\xff",
    b"--part\n",
    b"\\x{110000}",
    b"Action: failed\n",
    b"Final-Recipient: ",
    b"Status: 5.1.1\n",
    b"Content-Type: message/delivery-status\n\n",
]


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A report with pieces cut out, doubled or put in."""
    text = draw(st.sampled_from(_SEEDS))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 60)))
        piece = st.sampled_from(_PIECES) | st.binary(max_size=6) | st.just(text[start:end] * 2)
        text = text[:start] + draw(piece) + text[end:]
    return text


@settings(max_examples=400, deadline=None)
@given(_damaged() | st.binary(max_size=300))
def test_a_delivery_status_is_read_or_refused(content: bytes) -> None:
    try:
        status = parse_delivery_status(content)
    except BadSyntax:
        return
    assert status.recipients
    assert all(person.action in ACTIONS for person in status.recipients)
    assert all(person.final.value for person in status.recipients)
    # What was understood can be said again, and is understood in the same way.
    again = parse_delivery_status(format_delivery_status(status, utf8=True))
    assert [person.status for person in again.recipients] == [
        person.status for person in status.recipients
    ]


@settings(max_examples=400, deadline=None)
@given(_damaged() | st.binary(max_size=300))
def test_a_complaint_is_read_or_refused(content: bytes) -> None:
    try:
        report = parse_feedback_report(content)
    except BadSyntax:
        return
    assert report.kind
    assert all("@" in address for address in report.original_recipients)


@settings(max_examples=300, deadline=None)
@given(_damaged() | st.binary(max_size=300))
def test_any_message_is_read(message: bytes) -> None:
    read_report(message)
    reading = read_bounce(message)
    assert all("@" in address for found in reading.findings for address in found.addresses)
    looks_like_report(message, "")
    looks_like_report(message, "a@b.test")
    choose_language("", message)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"[a-zA-Z0-9+;\\x{}]{0,30}"))
def test_dsn_parameters_are_read_or_refused(text: str) -> None:
    decode_unitext(text)
    for parse in (decode_xtext, parse_original_recipient):
        try:
            parse(text)
        except BadSyntax:
            continue


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*BOUNCE, *MAIL, "headers", "emailAddress", "name", "value"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["Bounce", "Complaint", "Delivery", "DeliveryDelay", "Send", ""]),
    st.dictionaries(
        st.sampled_from(["bounce", "complaint", "delivery", "deliveryDelay", "mail", "Message"]),
        _JSON,
        max_size=4,
    ),
)
def test_any_notice_of_ses_is_read_or_refused(event: str, notice: dict[str, object]) -> None:
    for name in ("notificationType", "eventType"):
        try:
            parse_ses(json.dumps({name: event, **notice}))
        except BadSyntax:
            continue


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80) | _JSON.map(json.dumps))
def test_any_letter_is_decoded_or_refused(body: str) -> None:
    try:
        decode(body)
    except BadSyntax:
        return


def test_hostile_sizes_are_read_in_part() -> None:
    """Work is bounded: these would take minutes if anything here were quadratic."""
    group = b"Final-Recipient: rfc822; a@b.test\nAction: failed\nStatus: 5.1.1\n\n"
    assert len(parse_delivery_status(group * 100_000).recipients) == 10_000
    for piece in (b"\n", b" \n", b"(", b"<", b"id ", b"message-id: ", b"multipart/report "):
        parts = b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n"
        read_bounce(parts + piece * 400_000)
        read_bounce(b"Subject: failure notice\n\n" + piece * 400_000)
        looks_like_report(b"Content-Type: " + piece * 400_000, "a@b")
        for parse in (parse_delivery_status, parse_feedback_report):
            try:
                parse(b"Feedback-Type: " + piece * 400_000)
            except BadSyntax:
                continue
