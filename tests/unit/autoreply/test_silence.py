"""What must not be answered, and what may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.autoreply.original import header_of
from postroom.autoreply.silence import by_submission, why_silent

SENDER = "bob@else.test"
OWN = ("alice@example.test",)
PERSONAL = b"From: Bob <bob@else.test>\r\nTo: Alice <alice@example.test>\r\nSubject: Lunch?\r\n"


def silent(message: bytes, sender: str = SENDER, own: tuple[str, ...] = OWN) -> str:
    return why_silent(header_of(message + b"\r\nHi\r\n"), sender, own)


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        pytest.param(b"Auto-Submitted: auto-replied", "auto-replied", id="an answer"),
        pytest.param(b"Auto-Submitted: auto-generated", "auto-generated", id="a machine's"),
        pytest.param(
            b'Auto-Submitted: auto-notified; owner-email="x@y.test"', "auto-notified", id="a notice"
        ),
        pytest.param(b"AUTO-SUBMITTED: (see RFC 3834) Auto-Replied", "auto-replied", id="comment"),
        pytest.param(b"Auto-Submitted: no\r\nAuto-Submitted: x-y", "x-y", id="one of two"),
        pytest.param(b"Auto-Submitted:", "Auto-Submitted", id="an empty value is no 'no'"),
        pytest.param(b"List-Id: <a.list.test>", "list-id", id="List-Id"),
        pytest.param(b"List-Help: <mailto:x@y.test>", "list-help", id="List-Help"),
        pytest.param(b"List-Subscribe: <mailto:x@y.test>", "list-subscribe", id="List-Subscribe"),
        pytest.param(b"List-Unsubscribe: <https://y.test/>", "list", id="List-Unsubscribe"),
        pytest.param(b"List-Post: NO", "list-post", id="List-Post"),
        pytest.param(b"List-Owner: <mailto:x@y.test>", "list-owner", id="List-Owner"),
        pytest.param(b"List-Archive: <https://y.test/>", "list-archive", id="List-Archive"),
        pytest.param(b"List-Unsubscribe-Post: One-Click", "list", id="List-Unsubscribe-Post"),
        pytest.param(b"X-BeenThere: users@list.test", "a list", id="an old Mailman"),
        pytest.param(b"Mailing-List: contact x@y.test", "a list", id="ezmlm"),
        pytest.param(b"Precedence: bulk", "bulk", id="bulk"),
        pytest.param(b"Precedence: LIST (really)", "LIST", id="list in capitals"),
        pytest.param(b"Precedence: junk", "junk", id="junk"),
        pytest.param(b"X-Auto-Response-Suppress: All", "Suppress", id="suppress all"),
        pytest.param(b"X-Auto-Response-Suppress: DR, OOF, AutoReply", "OOF", id="suppress some"),
        pytest.param(b"X-Autoreply: yes", "automatic answer", id="X-Autoreply"),
        pytest.param(b"X-Autorespond: x", "automatic answer", id="X-Autorespond"),
        pytest.param(b"X-Loop: x@y.test", "automatic answer", id="X-Loop"),
        pytest.param(b"Feedback-ID: 1:2:3:esp", "mailing service", id="Feedback-ID"),
        pytest.param(b"X-Spam-Flag: YES", "spam", id="spam by its flag"),
        pytest.param(b"X-Spam-Status: Yes, score=9", "spam", id="spam by its status"),
        pytest.param(
            b"Content-Type: multipart/report; report-type=delivery-status", "report", id="report"
        ),
        pytest.param(b"Sender: owner-users@list.test", "owner-users", id="Sender of a list"),
    ],
)
def test_a_field_forbids_an_answer(field: bytes, reason: str) -> None:
    assert reason in silent(PERSONAL + field + b"\r\n")


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(b"Auto-Submitted: No (a person)", id="Auto-Submitted: no"),
        pytest.param(b"Precedence: first-class", id="another precedence"),
        pytest.param(b"X-Auto-Response-Suppress: DR, RN", id="only reports are suppressed"),
        pytest.param(b"X-Autoreply: no", id="says that it is none"),
        pytest.param(b"X-Spam-Flag: NO", id="not spam"),
        pytest.param(b"Subject: List-Id: x", id="a list only in its subject"),
        pytest.param(b"Content-Type: multipart/mixed; boundary=report", id="no report"),
    ],
)
def test_a_field_allows_an_answer(field: bytes) -> None:
    assert silent(PERSONAL + field + b"\r\n") == ""


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "MAILER-DAEMON@else.test",
        "mailer-daemon",
        "listserv@else.test",
        "Majordomo@else.test",
        "mailman-bounces@else.test",
        "owner-users@list.test",
        "users-owner@list.test",
        "users-request@list.test",
        "users-bounces@list.test",
        "users-bounces+alice=example.test@list.test",
        "users-return-12-alice=example.test@list.test",
        "bounce-12_HTML-345@esp.test",
        "bounces+12-ab-alice=example.test@esp.test",
        "bounce@esp.test",
        "msprvs1=18000abc=bounces-1@esp.test",
        "noreply@shop.test",
        "no-reply@shop.test",
        "No_Reply@shop.test",
        "do-not-reply@shop.test",
        "donotreply@shop.test",
        "orders-noreply@shop.test",
        "noreply+id=12@shop.test",
        "no.reply.2@shop.test",
        "auto-reply@shop.test",
        '"noreply"@shop.test',
        "SRS0=hash1234=ab=else.test=bob@example.test",
    ],
)
def test_nobody_reads_what_goes_to_some_senders(sender: str) -> None:
    assert silent(PERSONAL, sender)


@pytest.mark.parametrize(
    "sender",
    [
        "postmaster@else.test",
        "abuse@else.test",
        "requests@else.test",
        "norman.reply@else.test",
        "owner@else.test",
        "bounceback.kid@else.test",
        "errol@else.test",
        "returns@shop.test",
        "SRS0=hash1234=ab=else.test=bob@forwarder.test",
        "prvs=0123456789=bob@else.test",
    ],
)
def test_people_get_answers(sender: str) -> None:
    assert silent(PERSONAL, sender) == ""


def test_an_author_who_wants_no_reply_gets_none() -> None:
    message = PERSONAL.replace(b"Bob <bob@", b"Shop <no-reply@")
    assert silent(message) == "nobody reads answers at no-reply@else.test"


def test_mail_from_oneself_is_not_answered() -> None:
    assert silent(PERSONAL, "Alice@Example.test") == "it is from the same address"
    assert silent(PERSONAL, SENDER, (*OWN, SENDER)) == "it is from the same address"
    signed = "prvs=0123456789=alice@example.test"
    assert silent(PERSONAL, signed) == "it is from the same address"


@pytest.mark.parametrize(
    ("recipients", "own", "answered"),
    [
        pytest.param(b"To: x@y.test, Alice <ALICE@Example.Test>", OWN, True, id="one of several"),
        pytest.param(b"Cc: alice@example.test", OWN, True, id="Cc"),
        pytest.param(b"Bcc: alice@example.test", OWN, True, id="Bcc that names her"),
        pytest.param(b"Resent-To: alice@example.test", OWN, True, id="Resent-To"),
        pytest.param(b"Resent-Cc: alice@example.test", OWN, True, id="Resent-Cc"),
        pytest.param(b"Resent-Bcc: alice@example.test", OWN, True, id="Resent-Bcc"),
        pytest.param(b"To: alice+shop@example.test", OWN, True, id="with a detail"),
        pytest.param(b"To: team:bob@x.test,alice@example.test;", OWN, True, id="in a group"),
        pytest.param(b"To: a@b.test\r\nTo: alice@example.test", OWN, True, id="a second To"),
        pytest.param(b"To: sales@example.test", (*OWN, "sales@example.test"), True, id="an alias"),
        pytest.param("To: a@bücher.test".encode(), ("a@xn--bcher-kva.test",), True, id="U-label"),
        pytest.param(b"To: undisclosed-recipients:;", OWN, False, id="undisclosed"),
        pytest.param(b"To: bob@else.test", OWN, False, id="somebody else's Bcc"),
        pytest.param(b"X-To: alice@example.test", OWN, False, id="no field for recipients"),
        pytest.param(b"To: alice <alice>", OWN, False, id="only her name"),
        pytest.param(b"To: malice@example.test", OWN, False, id="another local part"),
        pytest.param(b"To: alice@example.test.else.test", OWN, False, id="another domain"),
        pytest.param(b"Reply-To: alice@example.test", OWN, False, id="Reply-To"),
    ],
)
def test_only_who_is_addressed_answers(
    recipients: bytes, own: tuple[str, ...], answered: bool
) -> None:
    message = b"From: bob@else.test\r\n" + recipients + b"\r\n"
    expected = "" if answered else "not addressed to whom it reached"
    assert silent(message, own=own) == expected


def test_of_all_rules_one_holds_for_notifications() -> None:
    assert by_submission(header_of(PERSONAL)) == ""
    assert by_submission(header_of(b"Auto-Submitted: auto-generated\r\n\r\n"))
    assert by_submission(header_of(b"List-Id: <a.list.test>\r\n\r\n")) == ""


FIELDS = [b"Auto-Submitted", b"To", b"From", b"Precedence", b"X-Auto-Response-Suppress", b"Cc"]


@given(
    st.lists(st.tuples(st.sampled_from(FIELDS), st.binary(max_size=40))),
    st.text(max_size=30),
)
def test_strange_messages_raise_nothing(fields: list[tuple[bytes, bytes]], sender: str) -> None:
    message = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    assert isinstance(silent(message, sender), str)
