"""multipart/report: RFC examples are read, hostile octets do not break what we build."""

import email
import email.policy
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.errors import BadSyntax
from postroom.message.delivery_status import (
    DeliveryStatus,
    RecipientStatus,
    format_delivery_status,
    parse_delivery_status,
)
from postroom.message.feedback import parse_feedback_report
from postroom.message.report import (
    LARGEST_RETURNED,
    ReportPart,
    build_report,
    read_report,
    returned_part,
    text_part,
)
from postroom.message.xtext import (
    Typed,
    decode_unitext,
    decode_xtext,
    encode_unitext,
    parse_original_recipient,
)

# RFC 3464 appendix E, with the folds that the page lost.
MULTI = b"""\
Reporting-MTA: dns; cs.utk.edu

Original-Recipient: rfc822;arathib@vnet.ibm.com
Final-Recipient: rfc822;arathib@vnet.ibm.com
Action: failed
Status: 5.0.0 (permanent failure)
Diagnostic-Code: smtp;  550 'arathib@vnet.IBM.COM' is not a
 registered gateway user
Remote-MTA: dns; vnet.ibm.com

Original-Recipient: rfc822;johnh@hpnjld.njd.hp.com
Final-Recipient: rfc822;johnh@hpnjld.njd.hp.com
Action: delayed
Status: 4.0.0 (hpnjld.njd.jp.com: host name lookup failure)

Original-Recipient: rfc822;wsnell@sdcc13.ucsd.edu
Final-Recipient: rfc822;wsnell@sdcc13.ucsd.edu
Action: failed
Status: 5.0.0
Diagnostic-Code: smtp; 550 user unknown
Remote-MTA: dns; sdcc13.ucsd.edu
"""
# RFC 5965 appendix B.1 and B.2, in short.
SIMPLE_ARF = b"Feedback-Type: abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n"
FULL_ARF = b"""\
Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <somespammer@example.net>
Original-Rcpt-To: <user@example.com>
Original-Rcpt-To: another@example.com
Arrival-Date: Thu, 8 Mar 2005 14:00:00 EDT
Reporting-MTA: dns; mail.example.com
Source-IP: 192.0.2.1
Authentication-Results: mail.example.com;
 spf=fail smtp.mail=somespammer@example.com
Reported-Domain: example.net
Reported-Uri: http://example.net/earn_money.html
Removal-Recipient: user@example.com
"""


def test_the_example_of_rfc_3464_with_several_recipients() -> None:
    status = parse_delivery_status(MULTI)
    assert status.reporting_mta == "cs.utk.edu"
    assert [(r.final.value, r.action, r.status) for r in status.recipients] == [
        ("arathib@vnet.ibm.com", "failed", "5.0.0"),
        ("johnh@hpnjld.njd.hp.com", "delayed", "4.0.0"),
        ("wsnell@sdcc13.ucsd.edu", "failed", "5.0.0"),
    ]
    first = status.recipients[0]
    said = "550 'arathib@vnet.IBM.COM' is not a registered gateway user"
    assert first.diagnostic == Typed("smtp", said)
    assert first.remote_mta == "vnet.ibm.com"
    assert first.original == Typed("rfc822", "arathib@vnet.ibm.com")


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        pytest.param(
            b"Reporting-MTA: mailbus; SYS30\n\nFinal-Recipient: unknown; nair_s\n"
            b"Status: 5.0.0 (unknown permanent failure)\nAction: failed\n",
            ("nair_s", "failed", "5.0.0"),
            id="RFC 3464, from a gateway",
        ),
        pytest.param(
            b"Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822;t@de-montfort.ac.uk\n"
            b"Status: 4.0.0 (unknown temporary failure)\nAction: delayed\n",
            ("t@de-montfort.ac.uk", "delayed", "4.0.0"),
            id="RFC 3464, delayed",
        ),
        pytest.param(
            b"Final-Recipient: RFC822; <bob@x.test>\r\nAction: Failed (user unknown)\r\n"
            b"Status: 5.1.1\r\n",
            ("bob@x.test", "failed", "5.1.1"),
            id="no per-message fields, angle brackets, a comment on the action",
        ),
        pytest.param(
            b"Reporting-MTA: x\n\nFinal-Recipient: bob@x.test\nAction: error\nStatus: 5.1.1\n",
            ("bob@x.test", "failed", "5.1.1"),
            id="OpenSMTPD's action, no type",
        ),
        pytest.param(
            b"Reporting-MTA: x\n\nOriginal-Recipient: rfc822;bob@x.test\nStatus: 5.2.2\n",
            ("bob@x.test", "failed", "5.2.2"),
            id="neither final recipient nor action",
        ),
        pytest.param(
            b"Reporting-MTA: x\n\nFinal-Recipient: rfc822;bob@x.test\nAction: failed\n"
            b"Diagnostic-Code: smtp; 550 5.7.26 no\n",
            ("bob@x.test", "failed", "5.7.26"),
            id="the status is in the reply only",
        ),
        pytest.param(
            b"Reporting-MTA: x\n\nFinal-Recipient: utf-8; j\\x{FC}rgen@x.test\n"
            b"Action: failed\nStatus: 5.1.1\n",
            ("jürgen@x.test", "failed", "5.1.1"),
            id="RFC 6533, in ASCII",
        ),
        pytest.param(
            "Reporting-MTA: x\n\nFinal-Recipient: utf-8; jürgen@x.test\n"
            "Action: failed\nStatus: 5.1.1\n".encode(),
            ("jürgen@x.test", "failed", "5.1.1"),
            id="RFC 6533, in UTF-8",
        ),
        pytest.param(
            b'Final-Recipient: rfc822; "a (b)"@x.test\nAction: failed\nStatus: 5.1.1\n',
            ('"a (b)"@x.test', "failed", "5.1.1"),
            id="what looks like a comment is quoted",
        ),
    ],
)
def test_reports_as_others_write_them(group: bytes, expected: tuple[str, str, str]) -> None:
    [recipient] = parse_delivery_status(group).recipients
    assert (recipient.final.value, recipient.action, recipient.status) == expected


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"Reporting-MTA: dns; x\r\n", id="nobody"),
        pytest.param(b"Final-Recipient: rfc822; a@b\r\nAction: read\r\n", id="no such action"),
        pytest.param(b"Action: failed\r\nStatus: 5.1.1\r\n", id="no address"),
    ],
)
def test_what_names_nobody_is_no_report(content: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_delivery_status(content)


def test_a_complaint_in_short_and_in_full() -> None:
    assert parse_feedback_report(SIMPLE_ARF).kind == "abuse"
    report = parse_feedback_report(FULL_ARF)
    assert report.original_mail_from == "somespammer@example.net"
    assert report.original_recipients == ("user@example.com", "another@example.com")
    assert report.source_ip == "192.0.2.1"
    assert report.reported_domains == ("example.net",)
    with pytest.raises(BadSyntax):
        parse_feedback_report(b"User-Agent: x\r\n")


def test_what_is_written_is_read() -> None:
    status = DeliveryStatus(
        "mx.example.test",
        (
            RecipientStatus(
                Typed("rfc822", "bob@x.test"),
                "failed",
                "5.1.1",
                Typed("rfc822", "Bob@x.test"),
                "mx.x.test (192.0.2.1)",
                Typed("smtp", "550 5.1.1 " + "no such user " * 20 + "here"),
                1_800_000_000,
            ),
            RecipientStatus(
                Typed("rfc822", "eva@x.test"), "delayed", "4.4.1", retry_until=1_800_100_000
            ),
        ),
        "envelope id; (with) signs",
        1_799_999_999,
    )
    content = format_delivery_status(status)
    assert max(map(len, content.split(b"\r\n"))) <= 78
    assert parse_delivery_status(content) == status


@pytest.mark.parametrize("utf8", [True, False])
def test_an_address_beyond_ascii_survives_in_both_forms(utf8: bool) -> None:
    recipient = RecipientStatus(
        Typed("rfc822", "jürgen+漢@bücher.test"), "failed", "5.1.1", diagnostic=Typed("smtp", "ñ")
    )
    content = format_delivery_status(DeliveryStatus("x", (recipient,)), utf8)
    assert content.isascii() != utf8
    [found] = parse_delivery_status(content).recipients
    assert found.final == Typed("utf-8", "jürgen+漢@bücher.test")
    assert found.diagnostic == Typed("smtp", "ñ" if utf8 else "?")


def test_no_value_starts_another_field() -> None:
    hostile = "550 x\r\nStatus: 2.0.0\r\n\r\nFinal-Recipient: rfc822; eve@x.test\x00"
    recipient = RecipientStatus(
        Typed("rfc822", f"bob@x.test{hostile}"),
        "failed",
        "5.0.0",
        diagnostic=Typed("smtp", hostile),
    )
    content = format_delivery_status(DeliveryStatus("x", (recipient,), hostile))
    status = parse_delivery_status(content)
    assert [found.status for found in status.recipients] == ["5.0.0"]


def test_xtext_and_addresses() -> None:
    assert decode_xtext("a+2Bb+3Dc") == "a+b=c"
    for bad in ("a+2", "a+2b", "a b", "a=b", "é", "x" * 3000):
        with pytest.raises(BadSyntax):
            decode_xtext(bad)
    assert parse_original_recipient("rfc822;Bob+2Bx@a.test") == Typed("rfc822", "Bob+x@a.test")
    assert parse_original_recipient("UTF-8;j\\x{FC}@a") == Typed("utf-8", "jü@a")
    for bad in ("rfc822", "rfc822;", ";a@b", "a b;c"):
        with pytest.raises(BadSyntax):
            parse_original_recipient(bad)
    assert decode_unitext("\\x{D800}\\x{110000}") == "\\x{D800}\\x{110000}"


@given(st.text(max_size=50))
def test_unitext_survives(text: str) -> None:
    text = "".join(letter for letter in text if not "\ud800" <= letter <= "\udfff")
    encoded = encode_unitext(text)
    assert encoded.isascii()
    assert decode_unitext(encoded) == text


MAIL = b"From: a@b.test\r\nMessage-ID: <1@b.test>\r\nSubject: x\r\n\r\nHello\r\n"


@pytest.mark.parametrize(
    ("original", "full", "utf8", "expected"),
    [
        pytest.param(MAIL, True, False, ("message/rfc822", "7bit"), id="whole"),
        pytest.param(MAIL, False, False, ("text/rfc822-headers", "7bit"), id="header"),
        pytest.param(
            MAIL + b"x" * 70 + b"\r\n" * LARGEST_RETURNED,
            True,
            False,
            ("text/rfc822-headers", "7bit"),
            id="too large",
        ),
        pytest.param(MAIL + b"\xe9\r\n", True, False, ("message/rfc822", "8bit"), id="8-bit body"),
        pytest.param(
            b"X: \xc3\xa9\r\n" + MAIL, True, True, ("message/global", "8bit"), id="UTF-8 header"
        ),
        pytest.param(
            b"X: \xc3\xa9\r\n" + MAIL,
            True,
            False,
            ("message/global", "base64"),
            id="UTF-8 header, the way back is ASCII",
        ),
        pytest.param(
            b"X: \xc3\xa9\r\n" + MAIL, False, True, ("message/global-headers", "8bit"), id="UTF-8"
        ),
        pytest.param(
            b"X: \xe9\r\n" + MAIL,
            True,
            True,
            ("text/rfc822-headers", "quoted-printable"),
            id="a header in Latin-1",
        ),
        pytest.param(
            MAIL + b"a\nb\r\n", True, False, ("text/rfc822-headers", "7bit"), id="bare LF in body"
        ),
        pytest.param(
            b"X: a\0\rb\r\n" + MAIL,
            True,
            False,
            ("text/rfc822-headers", "quoted-printable"),
            id="NUL and bare CR in the header",
        ),
        pytest.param(
            b"X: " + b"y" * 2000 + b"\r\n" + MAIL,
            True,
            False,
            ("text/rfc822-headers", "quoted-printable"),
            id="an endless line",
        ),
    ],
)
def test_how_the_original_comes_back(
    original: bytes, full: bool, utf8: bool, expected: tuple[str, str]
) -> None:
    part = returned_part(original, full, utf8)
    assert (part.content_type.partition(";")[0], part.encoding) == expected
    assert part.body.endswith(b"\r\n")
    assert part.encoding == "8bit" or part.body.isascii()
    assert max(map(len, part.body.split(b"\r\n"))) <= 998
    built = build_report(b"", "delivery-status", [text_part("x\n", "en", ""), part])
    header = original[: original.index(b"\r\n\r\n") + 2]
    assert read_report(built).returned.strip() == header.strip()


def test_a_header_without_end_is_cut_at_a_line() -> None:
    part = returned_part(b"X-Long: y\r\n" * 20_000, True, False)
    assert 49_000 < len(part.body) <= 50_000
    assert part.body.endswith(b"X-Long: y\r\n")


def test_a_boundary_occurs_nowhere_inside() -> None:
    """Someone who knows how we make it puts it into the message: we make another one."""
    first = build_report(b"", "delivery-status", [ReportPart("text/plain", MAIL)])
    boundary = first.split(b'boundary="')[1].split(b'"')[0]
    # The same octets as a part would give the same boundary, were they not looked at.
    inside = MAIL + b"--" + boundary + b"--\r\n"
    built = build_report(b"", "delivery-status", [ReportPart("text/plain", inside)])
    again = built.split(b'boundary="')[1].split(b'"')[0]
    assert inside.count(again) == 0
    [part] = email.message_from_bytes(built, policy=email.policy.default).get_payload()
    assert b"--" + boundary in part.as_bytes()


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_whatever_comes_back_there_are_two_parts(octets: bytes, full: bool, utf8: bool) -> None:
    part = returned_part(octets, full, utf8)
    built = build_report(b"From: x@y\r\n", "delivery-status", [text_part("é\n", "fr", ""), part])
    message = email.message_from_bytes(built)
    assert len(message.get_payload()) == 2
    assert b"\0" not in built
    assert b"\r" not in built.replace(b"\r\n", b"")
    assert b"\n" not in built.replace(b"\r\n", b"")


def test_text_takes_the_shorter_way() -> None:
    assert text_part("plain\n", "en", "").encoding == "7bit"
    assert text_part("Ihre Rechnung für März\n", "de", "").encoding == "quoted-printable"
    assert text_part("您的邮件未能送达。\n", "zh", "").encoding == "base64"
    rng = random.Random(1)
    for encoding in ("für März ", "您的邮件"):
        text = "".join(rng.choice([encoding, "x ", "= ", "\n"]) for _ in range(400)) + "\n"
        built = build_report(b"", "x", [text_part(text, "de", "")])
        [part] = email.message_from_bytes(built, policy=email.policy.default).get_payload()
        assert part.get_content().replace("\r\n", "\n") == text
        assert max(map(len, built.split(b"\r\n"))) <= 78


def test_a_report_within_a_returned_message_is_not_believed() -> None:
    inner = build_report(b"", "delivery-status", [ReportPart("message/delivery-status", MULTI)])
    outer = build_report(
        b"", "delivery-status", [text_part("x\n", "en", ""), ReportPart("message/rfc822", inner)]
    )
    assert read_report(outer).delivery is None
