"""Header fields, parameters, encoded words and dates, one table each."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.errors import BadSyntax
from postroom.message.compose import header
from postroom.message.dates import parse_date
from postroom.message.headers import end_of_header, fields, header_fields
from postroom.message.parameters import content_type, decoded, disposition, languages
from postroom.message.words import charset_to_str, decode_words

HEADER = b"To: a\r\nSubject: x\r\n y\r\nto : b\r\nX-Empty:\r\n\r\n"


def test_fields_know_where_they_lie_and_what_they_say() -> None:
    found = fields(HEADER)
    assert [(f.name, f.value) for f in found] == [
        ("To", b"a"),
        ("Subject", b"x y"),
        ("to", b"b"),
        ("X-Empty", b""),
    ]
    assert b"".join(HEADER[f.start : f.end] for f in found) + b"\r\n" == HEADER


@pytest.mark.parametrize(
    ("names", "exclude", "expected"),
    [
        (["TO"], False, b"To: a\r\nto : b\r\n\r\n"),
        (["subject"], False, b"Subject: x\r\n y\r\n\r\n"),
        (["to", "x-empty"], True, b"Subject: x\r\n y\r\n\r\n"),
        (["absent"], False, b"\r\n"),
        (["absent"], True, HEADER),
    ],
)
def test_header_fields_are_exact_octets(names: list[str], exclude: bool, expected: bytes) -> None:
    assert header_fields(HEADER, names, exclude) == expected


def test_header_fields_of_a_header_cut_short_and_of_bare_lf() -> None:
    assert header_fields(b"A: b", ["a"]) == b"A: b\r\n\r\n"
    assert header_fields(b"A: b\nB: c\n\n", ["a"]) == b"A: b\n\n"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([b"A", b":", b"\r\n", b"\n", b" ", b"x", b"\r", b"\xff"])).map(
        b"".join
    )
)
def test_every_named_field_is_in_exactly_one_of_the_two_selections(octets: bytes) -> None:
    names = [field.name for field in fields(octets)]
    chosen = header_fields(octets, ["A"])
    others = header_fields(octets, ["A"], exclude=True)
    assert len(fields(chosen)) + len(fields(others)) == len(names)
    assert chosen.endswith(b"\n")


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (b"A: b\r\n\r\nx", 8),
        (b"A: b\n\nx", 6),
        (b"\r\nx", 2),
        (b"\nx", 1),
        (b"A: b\r\n", 6),
        (b"", 0),
    ],
)
def test_end_of_header(message: bytes, body: int) -> None:
    assert end_of_header(message) == body


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/plain", (b"text", b"plain", [])),
        (b" TEXT / html ; a = b", (b"TEXT", b"html", [(b"a", b"b")])),
        (b'a/b; c="d \\"e\\""; f=g', (b"a", b"b", [(b"c", b'd "e"'), (b"f", b"g")])),
        (b"a/b (x;y=z); c=d", (b"a", b"b", [(b"c", b"d")])),
        (b"a/b; n*1=y; n*0=x; c=d", (b"a", b"b", [(b"c", b"d"), (b"n", b"xy")])),
        (b"a/b; n*0=x; n*2=y", (b"a", b"b", [(b"n*0", b"x"), (b"n*2", b"y")])),
        (b"a/b; n*0*=u''%41; n*1=5%", (b"a", b"b", [(b"n*", b"u''%415%25")])),
        (b"nonsense here", (b"", b"", [])),
        (b"multipart", (b"multipart", b"", [])),
    ],
)
def test_content_type(value: bytes, expected: object) -> None:
    assert content_type(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"attachment; filename=a.txt", "a.txt"),
        (b"attachment; filename*=utf-8'en'caf%C3%A9", "café"),
        (b"attachment; filename*0*=iso-8859-1''caf%E9; filename*1=\" x\"", "café x"),
        (b'attachment; filename="=?utf-8?q?caf=C3=A9?="', "café"),
        (b"attachment; filename=x; filename*=utf-8''y", "y"),
        (b"attachment; filename*=nonsense''%41", "A"),
        ("attachment; filename=é".encode(), "é"),
    ],
)
def test_filenames(value: bytes, expected: str) -> None:
    assert decoded(disposition(value)[1], b"filename") == expected


def test_languages() -> None:
    assert languages(b"en, (c) de-CH") == [b"en", b"de-CH"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"plain", "plain"),
        ("café".encode(), "café"),
        (b"caf\xe9", "café"),
        (b"=?utf-8?q?caf=C3=A9_x?=", "café x"),
        (b"=?UTF-8?B?Y2Fmw6k=?=", "café"),
        (b"=?utf-8?q?a?= \r\n =?utf-8?q?b?= c", "ab c"),
        (b"=?utf-8?b?w6?= =?utf-8?b?qQ==?=", "é"),
        (b"=?utf-8*en?q?x?=", "x"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        (b"=?nonsense?q?x=E9?=", "xé"),
        (b"=?zip?q?x?=", "x"),
        (b"=?unicode-escape?q?=5Cx41?=", "\\x41"),
        (b"=?gb2312?b?xOO6ww==?=", "你好"),
        (b"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?utf-8?q?unterminated", "=?utf-8?q?unterminated"),
        (b"a=?utf-8?q?b?=c", "abc"),
        pytest.param(b"=?utf-7?q?a+2AA-b?=", "a?b", id="half a pair of surrogates is no text"),
    ],
)
def test_encoded_words(value: bytes, expected: str) -> None:
    assert decode_words(value) == expected


@pytest.mark.parametrize(
    "charset", ["", "utf-8", "undefined", "idna", "base64", "hex", "\0", "x" * 999]
)
def test_no_charset_raises(charset: str) -> None:
    assert charset_to_str(b"abc", charset) == "abc"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"=?", b"?=", b"?q?", b"?B?", b"hz", b" ", b"=", b"x", b"\xff"]))
       .map(b"".join))  # fmt: skip
def test_no_words_raise(value: bytes) -> None:
    assert isinstance(decode_words(value), str)


DAY = 1795478400  # 24 November 2026, 00:00 UTC


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Tue, 24 Nov 2026 12:58:53 +0000", DAY + 46733),
        ("Tue, 24 Nov 2026 12:58:53 +0130 (CET)", DAY + 46733 - 5400),
        ("24 Nov 26 12:58 EST", DAY + 46680 + 5 * 3600),
        ("Tue, 24 Nov 2026 12:58:53 Z", DAY + 46733),
        ("tue,24 nov 2026 12:58:53 -0000", DAY + 46733),
        ("24 November 2026", DAY),
        ("Tue Nov 24 12:58:53 2026", DAY + 46733),
        ("24 Nov 99 00:00:00 GMT", 943401600),
        ("24 Nov 126 00:00:00 GMT", DAY),
        ("31 Feb 2026 00:00:00 GMT", None),
        ("24 Foo 2026", None),
        ("24 Nov 2026 24:00:00 GMT", None),
        ("24 Nov 0000 00:00:00 GMT", None),
        ("", None),
        ("yesterday", None),
    ],
)
def test_dates(value: str, expected: int | None) -> None:
    assert parse_date(value.encode()) == expected


def test_a_header_we_write_is_one_field() -> None:
    assert header("Delivered-To", "a@b") == b"Delivered-To: a@b\r\n"
    assert header("X", b"a\r\nBcc: evil@x\r\n\r\nbody") == b"X: a Bcc: evil@x body\r\n"
    with pytest.raises(BadSyntax):
        header("X: y\r\nZ", "a")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_a_header_we_write_says_what_was_asked(value: str) -> None:
    written = header("X-Long", value)
    (field,) = fields(written)
    shown = " ".join(
        "".join(c if c >= " " and c != "\x7f" else " " for c in value).split(" ")
    ).strip(" ")
    if "=?" not in value and "\n " not in value:
        assert "".join(decode_words(field.value).split(" ")) == "".join(
            shown.encode("utf-8", "replace").decode().split(" ")
        )
    assert written.isascii()
    assert all(len(line) <= 998 for line in written.split(b"\r\n"))
