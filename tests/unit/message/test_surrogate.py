"""Messages with UTF-8 fields for readers that know ASCII only (RFC 6856 section 2.1, RFC 6857)."""

import email
import email.policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.message.addresses import parse_addresses
from postroom.message.parameters import content_type, decoded
from postroom.message.scan import scan
from postroom.message.surrogate import Surrogate, headers_of, in_ascii, surrogate
from postroom.message.words import decode_words

NESTED = (
    "From: Jürgen <jürgen@example.test>\r\nSubject: Grüße\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Schöne Grüße\r\n"
    '--b\r\nContent-Disposition: attachment; filename="Grüße.txt"\r\n\r\nanhang\r\n'
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Früher\r\n\r\nüber\r\n--b--\r\n"
).encode()


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param("Subject: plain", "Subject: plain", id="ASCII stays"),
        pytest.param("Subject: Grüße an", "Subject: =?utf-8?b?R3LDvMOfZQ==?= an", id="text"),
        pytest.param(
            "From: Jürgen <j@a.test>", "From: =?utf-8?b?SsO8cmdlbg==?= <j@a.test>", id="a name"
        ),
        pytest.param(
            "To: <ü@a.test>, b@a.test",
            "To: Internationalized Address =?utf-8?b?w7xAYS50ZXN0?= Removed:;, b@a.test",
            id="an address becomes an empty group",
        ),
        pytest.param(
            "To: Alle: a@a.test, b@ä.test;",
            "To: Alle:;, a@a.test, Internationalized Address =?utf-8?b?YkDDpC50ZXN0?=\r\n"
            " Removed:;",
            id="no group within a group",
        ),
        pytest.param(
            'Cc: "Ende, das" <a@a.test>, Ö <b@a.test>',
            'Cc: "Ende, das" <a@a.test>, =?utf-8?b?w5Y=?= <b@a.test>',
            id="neighbours stay quoted",
        ),
        pytest.param(
            "From: Jürgen", "From: =?utf-8?b?SsO8cmdlbg==?=", id="a From that is no address"
        ),
        pytest.param(
            "References: <ü@a.test> <b@a.test>",
            "Downgraded-References: =?utf-8?b?PMO8QGEudGVzdD4=?= <b@a.test>",
            id="identifiers move",
        ),
        pytest.param(
            "Received: from a by b for <ü@a.test>; Mon, 1 Jan 2024 00:00:00 +0000",
            "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000",
            id="Received loses its FOR",
        ),
        pytest.param(
            'Content-Type: text/plain; charset=utf-8; name="Ü b.txt"',
            "Content-Type: text/plain; charset=utf-8; name*=utf-8''%C3%9C%20b.txt",
            id="a parameter is extended",
        ),
    ],
)
def test_fields(field: str, expected: str) -> None:
    assert in_ascii(field.encode() + b"\r\n\r\n") == expected.encode() + b"\r\n\r\n"


def test_what_is_not_utf8_stays() -> None:
    header = b"Subject: Gr\xfc\xdfe\r\nTo: a@a.test\r\n\r\n"
    assert in_ascii(header) == header


def test_what_has_no_name_has_no_form_in_ascii() -> None:
    header = "Subject: a\r\n: ü\r\n more\r\nTo: b\r\n\r\n"
    assert in_ascii(header.encode()) == b"Subject: a\r\nTo: b\r\n\r\n"
    assert in_ascii(b": \xfc\r\nTo: b\r\n\r\n") == b": \xfc\r\nTo: b\r\n\r\n"


def test_all_headers_of_a_message_are_in_ascii_and_its_bodies_stay() -> None:
    made = surrogate(NESTED)
    read = email.message_from_bytes(made, policy=email.policy.default)
    assert read["Subject"] == "Grüße"
    text, attachment, inside = read.iter_parts()
    assert text.get_content().strip() == "Schöne Grüße"
    assert attachment.get_filename() == "Grüße.txt"
    assert inside.get_content()["Subject"] == "Früher"
    assert all(made[start:end].isascii() for start, end in headers_of(scan(made)))
    assert "Schöne Grüße\r\n".encode() in made
    assert made.endswith("über\r\n--b--\r\n".encode())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=30))
def test_pieces_make_no_difference(sizes: list[int]) -> None:
    making = Surrogate(headers_of(scan(NESTED)))
    sent, position = b"", 0
    for size in [*sizes, len(NESTED)]:
        sent += making.feed(NESTED[position : position + size])
        position += size
    assert sent + making.end() == surrogate(NESTED)


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=60)


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_text_is_read_as_it_was(text: str) -> None:
    made = in_ascii(b"Subject: " + text.encode() + b"\r\n")
    assert made.isascii()
    assert made.count(b"\n") == made.count(b"\r\n")
    if "=?" not in text and not text.isascii():
        value = decode_words(made.partition(b":")[2].replace(b"\r\n", b"")).strip(" ")
        assert value == text.strip(" ")


@settings(max_examples=200, deadline=None)
@given(TEXT, st.sampled_from(["a@a.test", "ä@a.test", "a@ä.test"]))
def test_addresses_are_ascii_and_those_that_can_be_stay(name: str, spec: str) -> None:
    quoted = name.replace("\\", "").replace('"', "")
    made = in_ascii(f'To: "{quoted}" <{spec}>, z@z.test\r\n'.encode())
    assert made.isascii()
    specs = [address.spec for address in parse_addresses(made.partition(b":")[2])]
    assert "z@z.test" in specs
    assert (spec in specs) == spec.isascii()


@settings(max_examples=100, deadline=None)
@given(TEXT)
def test_a_parameter_is_read_as_it_was(text: str) -> None:
    quoted = text.replace("\\", "").replace('"', "").strip() + "ü"
    made = in_ascii(f'Content-Type: a/b; name="{quoted}"; x=y\r\n'.encode())
    assert made.isascii()
    _, _, parameters = content_type(made.partition(b":")[2])
    assert decoded(parameters, b"name") == quoted


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_whatever_it_is_it_never_raises(octets: bytes) -> None:
    surrogate(octets)
    surrogate("To: ü".encode() + octets + b"\r\n\r\n")
