"""Answers as other programs read them."""

import email
import email.policy
from email.message import EmailMessage, Message
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.autoreply.composing import address_field, from_field, message, vacation
from postroom.autoreply.entity import given_entity, text_entity
from postroom.autoreply.original import Original
from postroom.sieve.actions import Vacation

ORIGINAL = Original(
    "1m86t8k38g20812qy91d1q",
    1_795_525_200_123,
    "bob@else.test",
    "<2@else.test>",
    ("<1@else.test>", "<2@else.test>"),
    "Lunch?",
    "Bob Miller",
)


def parsed(octets: bytes) -> EmailMessage:
    found = email.message_from_bytes(octets, policy=email.policy.SMTP)
    return cast(EmailMessage, found)


def content(part: Message) -> str:
    return cast(EmailMessage, part).get_content().replace("\r\n", "\n")


def answered(action: Vacation, original: Original = ORIGINAL) -> EmailMessage:
    message_id, octets = vacation(
        action, original, sender="alice@example.test", hostname="mx.example.test"
    )
    answer = parsed(octets)
    assert not answer.defects
    assert answer["Message-ID"] == message_id
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
    assert octets.replace(b"\r\n", b"").isascii()
    assert b"\n" not in octets.replace(b"\r\n", b"")
    return answer


def test_an_answer_says_what_it_must() -> None:
    answer = answered(Vacation("Back on Monday.\nAlice", 60))
    assert answer["Auto-Submitted"] == "auto-replied"
    assert answer["From"] == "alice@example.test"
    assert answer["To"] == "bob@else.test"
    assert answer["Subject"] == "Auto: Lunch?"
    assert answer["Date"] == "Tue, 24 Nov 2026 13:00:00 +0000"
    assert answer["Message-ID"].endswith(".answer@mx.example.test>")
    assert answer["In-Reply-To"] == "<2@else.test>"
    assert answer["References"] == "<1@else.test> <2@else.test>"
    assert answer["MIME-Version"] == "1.0"
    assert answer.get_content_type() == "text/plain"
    assert answer.get_content_charset() == "utf-8"
    assert content(answer) == "Back on Monday.\nAlice\n"
    assert answer["Cc"] is None


def test_without_a_message_id_there_is_no_thread() -> None:
    answer = answered(Vacation("x", 60), Original("q", 0, "bob@else.test"))
    assert answer["In-Reply-To"] is None
    assert answer["References"] is None
    assert answer["Subject"] == "Automated reply"


@pytest.mark.parametrize(
    ("wanted", "original", "subject"),
    [
        pytest.param("Away", "Lunch?", "Away", id="its own"),
        pytest.param("Grüße 🏖", "Lunch?", "Grüße 🏖", id="beyond ASCII"),
        pytest.param("", "Größe?", "Auto: Größe?", id="the original's, beyond ASCII"),
        pytest.param("a\r\nBcc: x@y.test", "", "a Bcc: x@y.test", id="one field and no more"),
        pytest.param("", "x" * 300, "Auto: " + "x" * 199 + "…", id="a long one is cut"),
    ],
)
def test_subjects(wanted: str, original: str, subject: str) -> None:
    answer = answered(
        Vacation("x", 60, wanted), Original("q", 0, "bob@else.test", subject=original)
    )
    assert answer["Subject"] == subject
    assert answer["Bcc"] is None


def test_the_same_answer_is_the_same_octets() -> None:
    def compose(original: Original) -> bytes:
        return vacation(Vacation("x", 60), original, sender="a@b.test", hostname="h")[1]

    assert compose(ORIGINAL) == compose(ORIGINAL)
    other = Original("another", ORIGINAL.received, "bob@else.test")
    assert parsed(compose(ORIGINAL))["Message-ID"] != parsed(compose(other))["Message-ID"]


def test_html_comes_with_its_text() -> None:
    octets = message(ORIGINAL, "a@b.test", "s", "<1@h>", text_entity("Grüße", "<p>Grüße</p>"))
    answer = parsed(octets)
    assert answer.get_content_type() == "multipart/alternative"
    plain, html = answer.iter_parts()
    assert (plain.get_content_type(), content(plain)) == ("text/plain", "Grüße\n")
    assert (html.get_content_type(), content(html)) == ("text/html", "<p>Grüße</p>\n")


@pytest.mark.parametrize(
    ("entity", "content_type", "written"),
    [
        pytest.param(
            "Content-Type: text/html; charset=us-ascii\n\n<p>x", "text/html", "<p>x\n", id="HTML"
        ),
        pytest.param("\nJust text", "text/plain", "Just text\n", id="an empty header"),
        pytest.param(
            "Content-Type: text/plain; charset=utf-8\r\n\r\nGrüße", "text/plain", "Grüße\n",
            id="text beyond ASCII that is said to be plain",
        ),
        pytest.param(
            "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\neA==",
            "text/plain", "x", id="an encoding of its own",
        ),
        pytest.param(
            "Subject: mine\nBcc: x@y.test\nContent-Type: text/plain\n\nx", "text/plain", "x\n",
            id="other fields do not count",
        ),
        pytest.param("\n" + "x" * 2000, "text/plain", "x" * 2000 + "\n", id="a long line"),
    ],
)  # fmt: skip
def test_an_entity_of_the_users_own(entity: str, content_type: str, written: str) -> None:
    answer = answered(Vacation(entity, 60, mime=True))
    assert answer.get_content_type() == content_type
    assert content(answer) == written
    assert answer["Subject"] == "Auto: Lunch?"
    assert answer["Bcc"] is None


def test_parts_of_the_users_own() -> None:
    """RFC 5230 section 4.4."""
    entity = (
        "Content-Type: multipart/alternative; boundary=foo\n\n--foo\n\nAt the beach.\n"
        "--foo\nContent-Type: text/html; charset=us-ascii\n\n<p>At the beach.</p>\n--foo--\n"
    )
    parts = list(answered(Vacation(entity, 60, mime=True)).iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("mailboxes", "people"),
    [
        ("alice@example.test", [("", "alice@example.test")]),
        ("Alice <alice@example.test>", [("Alice", "alice@example.test")]),
        ("Jörg Müller <j@example.test>", [("Jörg Müller", "j@example.test")]),
        ('"Miller, Bob" <b@x.test>, c@x.test', [("Miller, Bob", "b@x.test"), ("", "c@x.test")]),
        ('"a b"@example.test', [("", '"a b"@example.test')]),
        ('"x\\" <evil@y.test>" <b@x.test>', [('x" <evil@y.test>', "b@x.test")]),
    ],
)
def test_authors(mailboxes: str, people: list[tuple[str, str]]) -> None:
    field = parsed(from_field(mailboxes) + b"\r\n")["From"]
    assert [(one.display_name, one.addr_spec) for one in field.addresses] == people


def test_an_address_beyond_ascii_stays_as_it_is() -> None:
    field = address_field("To", ["jörg@example.test"])
    assert field == "To: <jörg@example.test>\r\n".encode()
    assert address_field("To", ["a@b.test\r\nBcc: x@y.test"]).count(b"\r\n") == 1


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\x0b\x0c"))


@given(TEXTS, TEXTS)
def test_any_text_comes_back(text: str, html: str) -> None:
    octets = b"MIME-Version: 1.0\r\n" + text_entity(text, html)
    assert octets.isascii()
    found = parsed(octets)
    parts = list(found.iter_parts()) if html else [found]
    for part, expected in zip(parts, (text, html), strict=False):
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        got = payload.decode().replace("\r\n", "\n")
        assert got == (expected if expected.endswith("\n") else expected + "\n")


@given(st.text(max_size=200))
def test_no_entity_breaks_out_of_an_answer(text: str) -> None:
    octets = message(ORIGINAL, "a@b.test", "s", "<1@h>", given_entity(text))
    answer = parsed(octets)
    assert answer["To"] == "bob@else.test"
    assert answer["Bcc"] is None
    known = {"auto-submitted", "x-auto-response-suppress", "date", "from", "to", "subject"}
    known |= {"message-id", "in-reply-to", "references", "mime-version"}
    assert all(name.lower() in known or name.lower().startswith("content-") for name in answer)
