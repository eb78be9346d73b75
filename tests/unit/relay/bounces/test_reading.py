"""Reports in all the forms they come in, read for what they say."""

import json
from typing import Any

import pytest

from postroom.errors import BadSyntax
from postroom.journeys.ids import new_queue_id
from postroom.relay.bounces.incoming import looks_like_report
from postroom.relay.bounces.reading import read_bounce
from postroom.relay.bounces.ses import parse_ses

QUEUE_ID = new_queue_id(1_800_000_000, bytes(9), "<1@example.test>")

# As qmail writes it (QSBMF).
QMAIL = f"""\
Received: (qmail 12 invoked for bounce); 15 Jan 2027 08:00:00 -0000
Date: 15 Jan 2027 08:00:00 -0000
From: MAILER-DAEMON@mail.other.test
To: anna@example.test
Subject: failure notice
Message-ID: <own@mail.other.test>

Hi. This is the qmail-send program at mail.other.test.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<bob@other.test>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <anna@example.test>
Received: from pc (unknown [192.0.2.9])
\tby mx.example.test (Postroom) with ESMTPSA id {QUEUE_ID};
\tFri, 15 Jan 2027 07:59:00 +0000
Message-ID: <1@example.test>
Subject: hello

text
""".encode()

EXIM = b"""\
X-Failed-Recipients: bob@other.test
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mail.other.test>
To: anna@example.test
Subject: Mail delivery failed: returning message to sender
Message-Id: <own@mail.other.test>

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  bob@other.test
    Unrouteable address: user unknown

------ This is a copy of the message, including all the headers. ------

Message-ID: <1@example.test>

text
"""

ARF = b"""\
From: <abusedesk@other.test>
To: <abuse@example.test>
Subject: FW: hello
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part"

--part
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report.

--part
Content-Type: message/feedback-report

Feedback-Type: KIND
User-Agent: SomeGenerator/1.0
Version: 1
RCPT
--part
Content-Type: message/rfc822

Received: from x by mx.example.test (Postroom) with ESMTPSA id QUEUEID; today
Message-ID: <1@example.test>
From: <anna@example.test>

text
--part--
""".replace(b"QUEUEID", QUEUE_ID.encode())


def arf(kind: bytes = b"abuse", recipient: bytes = b"") -> bytes:
    line = b"Original-Rcpt-To: <%b>\n" % recipient if recipient else b""
    return ARF.replace(b"KIND", kind).replace(b"RCPT\n", line)


def test_qmail() -> None:
    reading = read_bounce(QMAIL)
    [finding] = reading.findings
    assert (finding.what, finding.addresses, finding.status) == (
        "failed",
        ("bob@other.test",),
        "5.1.1",
    )
    assert finding.said.startswith("Sorry, no mailbox here by that name")
    assert reading.queue_ids == (QUEUE_ID,)
    assert reading.message_ids == ("<1@example.test>",)


def test_exim_without_a_dsn() -> None:
    reading = read_bounce(EXIM)
    [finding] = reading.findings
    assert finding.addresses == ("bob@other.test",)
    assert reading.message_ids == ("<1@example.test>",)


def test_a_complaint_that_names_the_recipient_and_one_that_does_not() -> None:
    reading = read_bounce(arf(recipient=b"bob@other.test"))
    [finding] = reading.findings
    assert (finding.what, finding.addresses) == ("complaint", ("bob@other.test",))
    assert reading.queue_ids == (QUEUE_ID,)
    [finding] = read_bounce(arf()).findings
    assert finding.addresses == ()


@pytest.mark.parametrize("kind", [b"not-spam", b"auth-failure", b"dmarc", b"virus"])
def test_what_is_no_complaint_is_none(kind: bytes) -> None:
    assert read_bounce(arf(kind, b"bob@other.test")).findings == ()


def test_a_vague_status_is_made_precise_by_the_words() -> None:
    message = (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.other.test\r\n"
        b"\r\nFinal-Recipient: rfc822; bob@other.test\r\nAction: failed\r\nStatus: 5.0.0\r\n"
        b"Diagnostic-Code: smtp; 550 user unknown\r\n--x--\r\n"
    )
    [finding] = read_bounce(message).findings
    assert (finding.status, finding.peer) == ("5.1.1", "mx.other.test")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"Subject: hi\r\n\r\nbob@other.test\r\n", id="a letter"),
        pytest.param(bytes(range(256)) * 40, id="octets"),
    ],
)
def test_other_mail_says_nothing(message: bytes) -> None:
    assert read_bounce(message).findings == ()


@pytest.mark.parametrize(
    ("header", "reverse_path", "looks"),
    [
        (b"Content-Type: multipart/report; report-type=delivery-status; boundary=x", "a@b", True),
        (b"Content-Type: Multipart/Report;\r\n\tX=;\r\n\treport-type=feedback-report", "a@b", True),
        (b"Content-Type: multipart/report;report-type=disposition-notification", "", False),
        (b"Subject: anything", "", True),
        (b"From: MAILER-DAEMON@x.test\r\nSubject: Undelivered Mail", "a@b", True),
        (b"From: Postmaster <postmaster@x>\r\nSubject: Delivery Status Notification", "a@b", True),
        (b"From: eva@x.test\r\nSubject: Undelivered parcels", "eva@x.test", False),
        (b"From: postmaster@x.test\r\nSubject: Lunch", "postmaster@x.test", False),
        (b"", "a@b", False),
        (b"Content-Type: multipart/report " * 3000, "a@b", False),
    ],
)  # fmt: skip
def test_what_looks_like_a_report(header: bytes, reverse_path: str, looks: bool) -> None:
    assert looks_like_report(header, reverse_path) is looks


MAIL = {
    "timestamp": "2027-01-15T08:00:00.000Z",
    "source": "Anna <anna@example.test>",
    "messageId": "0100018f-ses",
    "destination": ["bob@other.test"],
}
HEADERS = {
    "headersTruncated": False,
    "headers": [{"name": "Message-ID", "value": "<1@example.test>"}],
    "commonHeaders": {"messageId": "<1@example.test>", "subject": "hello"},
}
BOUNCE: dict[str, Any] = {
    "bounceType": "Permanent",
    "bounceSubType": "General",
    "bouncedRecipients": [
        {
            "emailAddress": "bob@other.test",
            "action": "failed",
            "status": "5.1.1",
            "diagnosticCode": "smtp; 550 5.1.1 user unknown",
        }
    ],
    "timestamp": "2027-01-15T08:00:02.000Z",
    "reportingMTA": "dns; a8-50.smtp-out.amazonses.com",
}


def wrapped(notice: object) -> str:
    return json.dumps({"Type": "Notification", "Message": json.dumps(notice)})


@pytest.mark.parametrize("wrap", [json.dumps, wrapped], ids=["raw", "in the envelope of SNS"])
@pytest.mark.parametrize("name", ["notificationType", "eventType"])
def test_a_bounce_of_ses(wrap: Any, name: str) -> None:
    notice = parse_ses(wrap({name: "Bounce", "bounce": BOUNCE, "mail": {**MAIL, **HEADERS}}))
    [finding] = notice.reading.findings
    assert (finding.what, finding.addresses, finding.status) == (
        "failed",
        ("bob@other.test",),
        "5.1.1",
    )
    assert finding.peer == "a8-50.smtp-out.amazonses.com"
    assert notice.reading.message_ids == ("<1@example.test>",)
    assert notice.source == "anna@example.test"
    assert notice.sent == 1_800_000_000_000


@pytest.mark.parametrize(
    ("kind", "subtype", "status"),
    [
        ("Permanent", "General", "5.1.1"),
        ("Permanent", "NoEmail", "5.1.1"),
        ("Permanent", "OnAccountSuppressionList", "5.1.1"),
        ("Transient", "MailboxFull", "4.2.2"),
        ("Transient", "General", "4.0.0"),
        ("Transient", "MessageTooLarge", "5.3.4"),
        ("Undetermined", "Undetermined", "5.0.0"),
    ],
)
def test_ses_without_a_status(kind: str, subtype: str, status: str) -> None:
    bounce = {
        **BOUNCE,
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [{"emailAddress": "bob@other.test"}],
    }
    notice = parse_ses(json.dumps({"notificationType": "Bounce", "bounce": bounce, "mail": MAIL}))
    assert [finding.status for finding in notice.reading.findings] == [status]


def complaint(kind: str | None, *people: str) -> str:
    told = {"complainedRecipients": [{"emailAddress": person} for person in people]}
    told |= {"complaintFeedbackType": kind} if kind else {}  # type: ignore[dict-item]
    return json.dumps({"notificationType": "Complaint", "complaint": told, "mail": MAIL})


def test_complaints_of_ses() -> None:
    [finding] = parse_ses(complaint("abuse", "bob@other.test")).reading.findings
    assert (finding.what, finding.addresses) == ("complaint", ("bob@other.test",))
    assert len(parse_ses(complaint(None, "bob@other.test")).reading.findings) == 1
    assert parse_ses(complaint("not-spam", "bob@other.test")).reading.findings == ()
    # Who of them it was, SES does not know.
    assert parse_ses(complaint("abuse", "a@other.test", "b@other.test")).reading.findings == ()


@pytest.mark.parametrize(
    "notice",
    [
        pytest.param({"eventType": "Open", "mail": MAIL}, id="an event we do not keep"),
        pytest.param({"eventType": "Bounce"}, id="everything is missing"),
        pytest.param({"eventType": "Bounce", "bounce": [], "mail": 3}, id="other types"),
        pytest.param(
            {"eventType": "Bounce", "bounce": {"bouncedRecipients": [1, None, "x"]}}, id="none"
        ),
        pytest.param({"Type": "Notification", "Message": "Validated topic"}, id="hello"),
    ],
)  # fmt: skip
def test_other_notices_say_nothing(notice: object) -> None:
    assert parse_ses(json.dumps(notice)).reading.findings == ()


@pytest.mark.parametrize("body", ["", "x", "[]", "3", "{}", '{"Message": 3}', '{"x": ' * 9000])
def test_what_ses_would_not_send(body: str) -> None:
    with pytest.raises(BadSyntax):
        parse_ses(body)
