"""What is read of a message that is answered."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.autoreply.answers import VacationAnswer, from_json, to_json
from postroom.autoreply.correspondents import correspondent
from postroom.autoreply.original import Original, header_of, original_of
from postroom.errors import BadSyntax, TooLarge
from postroom.sieve.actions import Copy, Vacation


def read(message: bytes) -> Original:
    return original_of(header_of(message), queue_id="q", received=1, reverse_path="bob@else.test")


def test_fields_are_decoded_and_on_one_line() -> None:
    original = read(
        b"From: =?utf-8?q?B=C3=B6b?= <bob@else.test>\r\nMessage-ID: <1@else.test>\r\n"
        b"Subject: =?utf-8?q?a=0D=0ABcc:_x=40y.test?=\r\n more\r\n\r\nSubject: body\r\n"
    )
    assert original.author == "Böb"
    assert original.subject == "a Bcc: x@y.test more"
    assert original.message_id == "<1@else.test>"


def test_an_empty_message_has_nothing() -> None:
    assert read(b"") == Original("q", 1, "bob@else.test")


@pytest.mark.parametrize(
    ("fields", "references"),
    [
        pytest.param(b"Message-ID: <1@x>", ("<1@x>",), id="the first of a thread"),
        pytest.param(
            b"Message-ID: <3@x>\r\nReferences: <1@x>\r\n <2@x>\r\nIn-Reply-To: <9@x>",
            ("<1@x>", "<2@x>", "<3@x>"),
            id="References count before In-Reply-To",
        ),
        pytest.param(
            b"Message-ID: <3@x>\r\nIn-Reply-To: <2@x>", ("<2@x>", "<3@x>"), id="In-Reply-To"
        ),
        pytest.param(
            b"Message-ID: <3@x>\r\nIn-Reply-To: <1@x> <2@x>", ("<3@x>",), id="several parents"
        ),
        pytest.param(b"References: <1@x> words <2@x", ("<1@x>",), id="words are left out"),
        pytest.param(b"Message-ID: no brackets", (), id="no Message-ID that we could repeat"),
        pytest.param(b"Message-ID: <a\xff@x>", (), id="beyond ASCII"),
    ],
)
def test_references_continue_the_thread(fields: bytes, references: tuple[str, ...]) -> None:
    assert read(fields + b"\r\n\r\n").references == references


def test_of_a_long_thread_the_first_and_the_last_are_kept() -> None:
    ids = b" ".join(b"<%d@x>" % number for number in range(500))
    references = read(b"References: " + ids + b"\r\nMessage-ID: <500@x>\r\n\r\n").references
    assert references[0] == "<0@x>"
    assert references[1:] == tuple(f"<{number}@x>" for number in range(482, 501))


@pytest.mark.parametrize(
    ("reverse_path", "person"),
    [
        ("Bob@Else.Test", "bob@else.test"),
        ("SRS0=a1b2c3d4=xy=else.test=Bob@forwarder.test", "bob@else.test"),
        ("SRS0+a1b2=xy=else.test=bob@forwarder.test", "bob@else.test"),
        ("SRS1=a1b2=first.test==c3d4=xy=else.test=bob@second.test", "bob@else.test"),
        ("prvs=2345abcdef=bob@else.test", "bob@else.test"),
        ("prvs=bob/2345abcdef@else.test", "bob@else.test"),
        ("SRS0=a1b2=xy=else.test=prvs=2345abcdef=bob@forwarder.test", "bob@else.test"),
        ("SRS0=bob@forwarder.test", "srs0=bob@forwarder.test"),
        ("not an address", "not an address"),
    ],
)
def test_a_correspondent_is_the_same_whatever_is_wrapped_around(
    reverse_path: str, person: str
) -> None:
    assert correspondent(reverse_path) == person


def an_answer(reason: str) -> VacationAnswer:
    action = Vacation(reason, 60, "s", addresses=("a@b.test",), fcc=Copy("Sent", ("\\Seen",)))
    original = Original("q", 1, "bob@else.test", "<1@x>", ("<1@x>",), "Größe")
    return VacationAnswer(original, "account", "alice@example.test", ("a@b.test",), action)


def test_letters_come_back_as_they_were() -> None:
    assert from_json(to_json(an_answer("Grüße"))) == an_answer("Grüße")


def test_a_letter_that_no_queue_takes_is_refused() -> None:
    with pytest.raises(TooLarge, match="an answer is 2"):
        to_json(an_answer("ä" * 120_000))


@pytest.mark.parametrize("body", ["", "{}", '{"kind":"other"}', '{"kind":"vacation"}', "[1]"])
def test_poison_is_bad_syntax(body: str) -> None:
    with pytest.raises(BadSyntax):
        from_json(body)


@given(st.binary(max_size=300))
def test_whatever_a_header_holds_fits_a_letter(octets: bytes) -> None:
    original = read(octets)
    letter = VacationAnswer(original, "a", "b@c.test", (), Vacation("x", 1))
    assert from_json(to_json(letter)) == letter
    for text in (original.subject, original.author):
        assert text.isprintable() or not any(ord(letter) < 32 for letter in text)
    assert msgspec.json.encode(original)
