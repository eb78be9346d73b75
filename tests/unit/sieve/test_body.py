"""body (RFC 5173): raw, by content type, as text."""

import pytest

from postroom.sieve.engine import compile_script
from postroom.sieve.parts import LONGEST
from tests.unit.sieve.asking import crlf, holds
from tests.unit.sieve.worlds import outcome

# The example of RFC 5173 section 5.2.
NESTED = crlf(
    "From: Whomever\nTo: Someone\nDate: Whenever\nSubject: whatever\n"
    "Content-Type: multipart/mixed; boundary=outer\n\n"
    "This is a multi-part message in MIME format.\n\n"
    "--outer\nContent-Type: multipart/alternative; boundary=inner\n\n"
    "This is a nested multi-part message in MIME format.\n\n"
    '--inner\nContent-Type: text/plain; charset="us-ascii"\n\nHello\n\n'
    '--inner\nContent-Type: text/html; charset="us-ascii"\n\n'
    "<html><body>Hello</body></html>\n\n"
    "--inner--\n\nThis is the end of the inner MIME multipart.\n\n"
    "--outer\nContent-Type: message/rfc822\n\n"
    "From: Someone Else\nSubject: hello request\n\nPlease say Hello\n\n"
    "--outer--\n\nThis is the end of the outer MIME multipart.\n"
)
PLAIN = crlf("From: a@example.test\nSubject: Test message.\n\nTest!\n\n")
ENCODED = crlf(
    "Content-Type: multipart/mixed; boundary=x\n\n"
    "--x\nContent-Type: text/plain; charset=iso-8859-1\n"
    "Content-Transfer-Encoding: quoted-printable\n\ncaf=E9 au =\nlait\n"
    "--x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
    "ZWlucyDigqw=\n"
    "--x\nContent-Type: text/plain/odd\n\nnever text\n"
    "--x\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: strange\n\nhidden\n"
    "--x\nContent-Type: application/xhtml+xml\n\n<p>XHTML <b>Hello</b></p>\n"
    "--x\nContent-Type: audio/mp3\nContent-Transfer-Encoding: base64\n\n/wD+\n"
    "--x--\n"
)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param(':content "multipart" :contains "multi-part message"', True, id="prologue"),
        pytest.param(':content "multipart" :contains "nested multi-part"', True, id="inner one"),
        pytest.param(':content "multipart" :contains "end of the inner"', True, id="epilogue"),
        pytest.param(':content "multipart" :contains "end of the outer"', True, id="outer one"),
        pytest.param(':content "multipart" :contains "--inner"', False, id="no boundary"),
        pytest.param(':content "multipart" :contains "--outer"', False, id="no outer boundary"),
        pytest.param(':content "multipart" :contains "hello"', False, id="no content"),
        pytest.param(':content "text/plain" :matches "Hello*"', True, id="a type"),
        pytest.param(':content "TEXT/Plain" :contains "html"', False, id="and no other"),
        pytest.param(':content "text/plain" :contains "please say"', True, id="within a message"),
        pytest.param(':content "text/html" :contains "<body>hello"', True, id="HTML as it is"),
        pytest.param(':content "text" :count "eq" "3"', True, id="each text is one"),
        pytest.param(':content "message/rfc822" :contains "Hello req"', True, id="a header"),
        pytest.param(':content "message/rfc822" :contains "please"', False, id="no body"),
        pytest.param(
            ':content "message/rfc822" :is "From: Someone Else${hex:0d 0a}'
            'Subject: hello request${hex: 0D 0A}"',
            True,
            id="the whole header is one string",
        ),
        pytest.param(':content "" :contains "end of the outer"', True, id="all types"),
        pytest.param(':content "" :contains "please say"', True, id="all types within"),
        pytest.param(':content "/plain" :contains ""', False, id="begins with a slash"),
        pytest.param(':content "text/" :contains ""', False, id="ends with a slash"),
        pytest.param(':content "text/plain/x" :contains ""', False, id="two slashes"),
        pytest.param(':content ["image", "text/html"] :contains ""', True, id="one of several"),
        pytest.param(':content "image" :contains ""', False, id="no such part"),
        pytest.param(':raw :contains "boundary=inner"', True, id="raw holds MIME headers"),
        pytest.param(':raw :contains "boundary=outer"', False, id="but not the header"),
        pytest.param(':text :contains "please say hello"', True, id="text within a message"),
        pytest.param(':contains "Hello"', True, id="text is the default"),
        pytest.param(':text :contains ["<html>", "body"]', False, id="text has no mark-up"),
        pytest.param(':text :contains "MIME"', False, id="text has no prologue"),
    ],
)
def test_parts_are_looked_at_by_their_type(test: str, expected: bool) -> None:
    assert holds(f"body {test}", NESTED) is expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param(':is "café au lait"', True, id="quoted-printable and Latin-1"),
        pytest.param(':is "eins €"', True, id="base64 and UTF-8"),
        pytest.param(':contains "XHTML Hello"', True, id="XHTML is text"),
        pytest.param(':contains "never text"', False, id="an unreadable type is none"),
        pytest.param(':contains "hidden"', False, id="an unknown encoding is left out"),
        pytest.param(':content "audio/mp3" :contains ""', True, id="a part of any type is there"),
        pytest.param(':content "audio/mp3" :is "ÿ${hex:00}þ"', True, id="a NUL ends nothing"),
        pytest.param(':raw :contains "ZWlucyDigqw"', True, id="raw is not decoded"),
        pytest.param(':raw :contains "café"', False, id="raw is not decoded at all"),
    ],
)
def test_content_is_decoded(test: str, expected: bool) -> None:
    assert holds(f"body {test}", ENCODED) is expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param(':raw :is "Test!${hex:0d 0a 0d 0a}"', True, id="without the empty line"),
        pytest.param(':raw "Test"', False, id="the default match is the whole"),
        pytest.param(':raw :contains "tesT"', True, id="whatever the case"),
        pytest.param(':raw :matches "*Test!*"', True, id="line ends are characters"),
    ],
)
def test_raw_is_all_after_the_empty_line(test: str, expected: bool) -> None:
    assert holds(f"body {test}", PLAIN) is expected


@pytest.mark.parametrize("test", [':raw :contains ""', ':raw ""', ':text :matches "*"'])
def test_a_message_without_an_empty_line_matches_nothing(test: str) -> None:
    assert not holds(f"body {test}", crlf("From: a@example.test\n"))
    assert holds(f"body {test}", crlf("From: a@example.test\n\n"))


def test_a_body_sets_no_match_variables() -> None:
    before = 'if header :matches "from" "*@*" {} if not body :raw :matches "T*!*" { stop; }'
    assert holds('string "${1}/${2}" "a/example.test"', PLAIN, before=before)


def test_a_body_is_seen_as_it_was_rewritten() -> None:
    assert holds('body :text :contains "other"', PLAIN, before='replace "The other text";')
    assert not holds('body :text :contains "test!"', PLAIN, before='replace "The other text";')


def test_a_content_type_that_matches_nothing_is_warned_of() -> None:
    program = compile_script(b'require "body"; if body :content "text/" "x" { stop; }')
    assert "no content type" in program.warnings[0].message


def test_looking_at_much_text_is_counted_as_work() -> None:
    rules = 'if body :raw :contains "x" { stop; }\n' * 60
    message = b"A: b\r\n\r\n" + b"y" * 20_000_000
    found = outcome('require "body";\n' + rules, letter=message)
    assert found.error is not None
    assert "too much" in found.error.problem.message


@pytest.mark.parametrize("kind", ["plain", "html"])
@pytest.mark.parametrize("transform", ["raw", "text", 'content "text"'])
def test_of_a_very_long_text_the_beginning_is_seen(kind: str, transform: str) -> None:
    filling = b"<p>of no interest \xf0\x9f\x93\xac\r\n"
    header = b"Content-Type: text/%b; charset=utf-8\r\n\r\nfirst\r\n" % kind.encode()
    message = header + filling * (LONGEST // len(filling) + 1) + b"last\r\n"
    assert holds(f'body :{transform} :contains "first"', message)
    assert not holds(f'body :{transform} :contains "last"', message)


def test_of_many_long_parts_the_first_are_seen() -> None:
    part = b"--x\r\n\r\n" + b"of no interest\r\n" * (LONGEST // 16)
    head = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    word = b"--x\r\n\r\nword\r\n"
    assert holds('body :contains "word"', head + part + word)
    assert not holds('body :contains "word"', head + part * 3 + word)
