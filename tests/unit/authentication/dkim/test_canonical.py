"""Canonical forms: the RFC's own examples, the definition line by line, and dkimpy's reading."""

import base64
import hashlib
import re
from itertools import pairwise

import dkim.canonicalization
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from postroom.authentication.dkim.canonical import (
    BodyHash,
    Form,
    canonical_fields,
    parse_canonicalization,
)
from postroom.errors import BadSyntax

FORMS: tuple[Form, ...] = ("simple", "relaxed")
# RFC 6376 section 3.4.5.
BODY = b" C \r\nD \t E\r\n\r\n\r\n"


def body_hash(form: Form, *pieces: bytes) -> bytes:
    hashed = BodyHash(form)
    for piece in pieces:
        hashed.update(piece)
    return hashed.digest()


def by_definition(form: Form, body: bytes) -> bytes:
    """Sections 3.4.3 and 3.4.4, word by word."""
    lines = body.split(b"\r\n")
    if form == "relaxed":
        lines = [re.sub(rb"[ \t]+", b" ", re.sub(rb"[ \t]+\Z", b"", line)) for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        return b"\r\n" if form == "simple" else b""
    return b"".join(line + b"\r\n" for line in lines)


@pytest.mark.parametrize(
    ("form", "body", "canonical"),
    [
        pytest.param("relaxed", BODY, b" C\r\nD E\r\n", id="example 1"),
        pytest.param("simple", BODY, b" C \r\nD \t E\r\n", id="example 2"),
        pytest.param("relaxed", b"", b"", id="no body"),
        pytest.param("simple", b"", b"\r\n", id="no body is one line"),
        pytest.param("relaxed", b"\r\n\r\n", b"", id="empty lines only"),
        pytest.param("simple", b"\r\n\r\n", b"\r\n", id="empty lines only are one"),
        pytest.param("relaxed", b" \t\r\n \r\n", b"", id="white lines only"),
        pytest.param("simple", b" \r\n", b" \r\n", id="a white line is not empty"),
        pytest.param("relaxed", b"a", b"a\r\n", id="no CRLF at the end"),
        pytest.param("simple", b"a", b"a\r\n", id="no CRLF at the end, simple"),
        pytest.param("relaxed", b"a \t", b"a\r\n", id="white space at the very end"),
        pytest.param("relaxed", b"a\n\r\n", b"a\n\r\n", id="a bare LF is an octet"),
        pytest.param("relaxed", b"a\r\r\n", b"a\r\r\n", id="a bare CR is an octet"),
        pytest.param("relaxed", b"a\r\n\r", b"a\r\n\r\r\n", id="a bare CR at the end"),
        pytest.param("relaxed", b"a \r", b"a \r\r\n", id="white space before a bare CR"),
        pytest.param("relaxed", b"a\n\r\n\r\n", b"a\n\r\n", id="LF, then empty lines"),
        pytest.param("relaxed", b"\n\r\n\r\n", b"\n\r\n", id="LF alone, then empty lines"),
        pytest.param("relaxed", b"\x0b\x0c\x00\r\n", b"\x0b\x0c\x00\r\n", id="no white space"),
    ],
)
def test_bodies(form: Form, body: bytes, canonical: bytes) -> None:
    assert body_hash(form, body) == hashlib.sha256(canonical).digest()
    assert by_definition(form, body) == canonical


def test_the_hashes_of_no_body() -> None:
    """Sections 3.4.3 and 3.4.4 give them."""
    simple = base64.b64encode(body_hash("simple", b"")).decode()
    relaxed = base64.b64encode(body_hash("relaxed", b"")).decode()
    assert simple == "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="
    assert relaxed == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


# The octets that matter, and all others now and then.
_BODIES = st.lists(
    st.sampled_from(
        [b" ", b"\t", b"\r", b"\n", b"\r\n", b"\r\n", b"a", b".", b"  ", b" \r\n", b"\r\n\r\n"]
    )
    | st.binary(max_size=3),
    max_size=40,
).map(b"".join)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=600, deadline=None)
@given(body=_BODIES, cuts=st.lists(st.integers(0, 60), max_size=12))
@example(body=b"a \r\n", cuts=[2, 3])
@example(body=b"a \t \r\n\r\n", cuts=[2, 3, 4, 5, 6])
@example(body=b"\r\r\n\n\r\n", cuts=[1, 2])
def test_pieces_make_no_difference(form: Form, body: bytes, cuts: list[int]) -> None:
    expected = hashlib.sha256(by_definition(form, body)).digest()
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(places)]
    assert body_hash(form, body) == expected
    assert body_hash(form, *pieces) == expected
    assert body_hash(form, *(body[place : place + 1] for place in range(len(body)))) == expected


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=300, deadline=None)
@given(body=_BODIES)
def test_bodies_as_dkimpy_reads_them(form: Form, body: bytes) -> None:
    body = re.sub(rb"\r\n|\r|\n", b"\r\n", body) + b"\r\n"  # as they come over SMTP
    theirs = {"simple": dkim.canonicalization.Simple, "relaxed": dkim.canonicalization.Relaxed}
    canonical = theirs[form].canonicalize_body(body)
    assert body_hash(form, body) == hashlib.sha256(canonical).digest()


def test_runs_without_end_take_no_room() -> None:
    """Each piece is looked at once: white space and empty lines are counted, not kept."""
    for piece in (b" " * 65_536, b"\t" * 65_536, b"\r\n" * 32_768, b" \r\n" * 20_000):
        hashed = BodyHash("relaxed")
        for _ in range(500):
            hashed.update(piece)
            assert len(hashed._held) <= 2
        hashed.update(b"x")
        hashed.digest()
    lines = 500 * 32_768
    assert (
        body_hash("relaxed", *[b"\r\n" * 32_768] * 500, b"x")
        == hashlib.sha256(b"\r\n" * lines + b"x\r\n").digest()
    )


@pytest.mark.parametrize(
    ("form", "field", "canonical"),
    [
        pytest.param("relaxed", b"A: X\r\n", b"a:X\r\n", id="example 1, A"),
        pytest.param("relaxed", b"B : Y\t\r\n\tZ  \r\n", b"b:Y Z\r\n", id="example 1, B"),
        pytest.param("simple", b"B : Y\t\r\n\tZ  \r\n", b"B : Y\t\r\n\tZ  \r\n", id="example 2"),
        pytest.param("relaxed", b"Subject:\r\n", b"subject:\r\n", id="nothing"),
        pytest.param("relaxed", b"Subject: \t\r\n \r\n", b"subject:\r\n", id="white space only"),
        pytest.param("relaxed", b"X:a:b : c", b"x:a:b : c\r\n", id="further colons"),
        pytest.param("relaxed", b"X:\x0ba\x0c", b"x:\x0ba\x0c\r\n", id="other control characters"),
    ],
)
def test_fields(form: Form, field: bytes, canonical: bytes) -> None:
    assert canonical_fields([field.removesuffix(b"\r\n")], form) == canonical


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([b" ", b"\t", b"\r\n ", b"\r\n\t", b"a", b":", b"\xc3\xbc"]),
        max_size=15,
    ).map(b"".join)
)
def test_fields_as_dkimpy_reads_them(value: bytes) -> None:
    [(name, canonical)] = dkim.canonicalization.Relaxed.canonicalize_headers(
        [(b"Subject", value + b"\r\n")]
    )
    assert canonical_fields([b"Subject:" + value], "relaxed") == name + b":" + canonical


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "simple/simple"),
        ("simple", "simple/simple"),
        ("relaxed", "relaxed/simple"),
        ("simple/relaxed", "simple/relaxed"),
        ("relaxed/relaxed", "relaxed/relaxed"),
    ],
)
def test_the_tag_c(text: str, expected: str) -> None:
    assert str(parse_canonicalization(text)) == expected


@pytest.mark.parametrize("text", ["/", "relaxed/", "/relaxed", "Relaxed", "nofws", "a/b/c"])
def test_what_is_no_tag_c(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse_canonicalization(text)
