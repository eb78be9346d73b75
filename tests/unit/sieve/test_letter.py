"""A letter: what is read of a message, and what edits make of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.sieve.header import LONGEST, Header
from postroom.sieve.letter import Letter
from postroom.sieve.parts import MimePart
from tests.corpus import odd_messages

NESTED = (
    b"From: a@example.test\r\n"
    b"Content-Type: multipart/mixed; boundary=outer\r\n\r\n"
    b"prologue\r\n"
    b"--outer\r\n"
    b"Content-Type: multipart/alternative; boundary=inner\r\n\r\n"
    b"--inner\r\n"
    b"Content-Type: text/plain; charset=iso-8859-15\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"10 =A4\r\n"
    b"--inner\r\n"
    b"Content-Type: text/html\r\n\r\n"
    b"<p>ten <b>euro</b></p>\r\n"
    b"--inner--\r\n"
    b"inner epilogue\r\n"
    b"--outer\r\n"
    b"Content-Type: message/rfc822\r\n\r\n"
    b"Subject: within\r\n\r\n"
    b"forwarded\r\n"
    b"--outer\r\n"
    b"Content-Type: text/plain\r\n\r\n"
    b"--outer--\r\n"
    b"epilogue\r\n"
)


def parts(letter: Letter) -> list[MimePart]:
    return list(letter.within(letter.root))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param(b"Subject: hello\r\n\r\n", ("hello",), id="a value"),
        pytest.param(b"SUBJECT : hello\r\n\r\n", ("hello",), id="case and space before the colon"),
        pytest.param(b"Subject:  a\r\n\tb \r\n\r\n", ("a\tb",), id="unfolded and trimmed"),
        pytest.param(b"Subject:\r\n\r\n", ("",), id="empty"),
        pytest.param(b"Subject: a\r\nSubject: b\r\n\r\n", ("a", "b"), id="each field, in order"),
        pytest.param(b"X: a\r\n\r\nSubject: body\r\n", (), id="not in the body"),
        pytest.param(b"Subject: a", ("a",), id="a header that just ends"),
        pytest.param(b"Subject: \xc3\xa9\r\n\r\n", ("é",), id="raw UTF-8"),
        pytest.param(b"Subject: \xe9\r\n\r\n", ("é",), id="raw Latin-1"),
        pytest.param(
            b"Subject: =?utf-8?q?caf=C3?= =?utf-8?q?=A9_?=\r\n au lait\r\n\r\n",
            ("café  au lait",),
            id="adjacent encoded words may share a character",
        ),
        pytest.param(
            b"Subject: =?no-such?q?x=20y?=\r\n\r\n", ("x y",), id="a charset nobody knows"
        ),
        pytest.param(b"Subject: =?utf-8?q?_x_?=\r\n\r\n", ("x",), id="trimmed after decoding"),
    ],
)
def test_values_are_unfolded_decoded_and_trimmed(text: bytes, values: tuple[str, ...]) -> None:
    assert Letter(text).values("subject") == values


@pytest.mark.parametrize(
    ("text", "body"),
    [
        pytest.param(b"A: b\r\n\r\nhello\r\n", "hello\r\n", id="what follows the empty line"),
        pytest.param(b"A: b\r\n\r\n", "", id="an empty body is one"),
        pytest.param(b"A: b\r\n", None, id="no empty line, no body"),
        pytest.param(b"\r\nhello", "hello", id="no header"),
        pytest.param(b"", None, id="nothing at all"),
        pytest.param(b"A: b\n\nhello", "hello", id="bare line feeds"),
        pytest.param(b"A: b\r\n\r\n\xff\xc3\xa9", "\ufffdé", id="octets that are not UTF-8"),
    ],
)
def test_the_body_is_all_after_the_empty_line(text: bytes, body: str | None) -> None:
    assert Letter(text).body == body


def test_parts_are_walked_depth_first_and_decoded() -> None:
    found = [(part.media_type, part.content, part.text) for part in parts(Letter(NESTED))]
    assert found == [
        ("multipart/mixed", ("prologue", "epilogue\r\n"), None),
        ("multipart/alternative", ("", "inner epilogue"), None),
        ("text/plain", ("10 €",), "10 €"),
        ("text/html", ("<p>ten <b>euro</b></p>",), "ten euro"),
        ("message/rfc822", ("Subject: within\r\n",), None),
        ("text/plain", ("forwarded",), "forwarded"),
        ("text/plain", ("",), ""),
    ]


def test_an_edited_header_leaves_the_letter_it_came_of_alone() -> None:
    letter = Letter(b"A: 1\r\nB: 2\r\nA: 3\r\n\r\nbody")
    first = letter.with_header(letter.header.with_field(b"X: y\r\n", last=False), 6)
    last = first.with_header(first.header.with_field(b"Z: z\r\n", last=True), 6)
    less = last.with_header(last.header.without("a", (1,)))
    assert less.edited == b"X: y\r\nA: 1\r\nB: 2\r\nZ: z\r\n\r\nbody"
    assert less.values("a") == ("1",)
    assert [other.size for other in (letter, first, last, less)] == [24, 30, 36, 30]
    assert letter.edited is None
    assert letter.values("x") == ()
    assert less.added == 12


def test_an_edit_that_was_undone_is_none() -> None:
    letter = Letter(b"A: 1\r\n\r\nbody")
    added = letter.with_header(letter.header.with_field(b"X: y\r\n", last=True))
    assert added.with_header(added.header.without("x", (0,))).edited is None


def test_a_field_after_a_header_without_an_end_begins_a_line() -> None:
    letter = Letter(b"A: 1")
    assert letter.with_header(letter.header.with_field(b"X: y\r\n", last=True)).edited == (
        b"A: 1\r\nX: y\r\n"
    )


def test_a_part_is_replaced_within_its_parents() -> None:
    letter = Letter(NESTED)
    plain, empty = parts(letter)[2], parts(letter)[6]
    new = letter.with_part(plain, MimePart.read(b"X: y\r\n\r\nnew", plain.parent))
    new = new.with_part(empty, MimePart.read(b"X: z\r\n\r\nend", empty.parent))
    start = NESTED.index(b"Content-Type: text/plain; charset")
    end = NESTED.index(b"\r\n--inner\r\nContent-Type: text/html")
    expected = NESTED[:start] + b"X: y\r\n\r\nnew" + NESTED[end:]
    expected = expected.replace(
        b"Content-Type: text/plain\r\n\r\n--outer--", b"X: z\r\n\r\nend\r\n--outer--"
    )
    assert new.text == expected
    assert new.size == len(expected)
    assert new.header_of(plain).values("x") == ("y",)
    assert [part.text for part in parts(new) if part.text] == [
        "new",
        "ten euro",
        "forwarded",
        "end",
    ]
    assert letter.edited is None


def test_what_a_part_was_replaced_by_may_be_replaced() -> None:
    letter = Letter(NESTED)
    inner = parts(letter)[1]
    new = letter.with_part(inner, MimePart.read(b"A: 1\r\n\r\none", inner.parent))
    new = new.with_part(inner, MimePart.read(b"A: 2\r\n\r\ntwo", inner.parent))
    assert b"one" not in new.text
    assert new.header_of(inner).values("a") == ("2",)


def test_enclosing_is_not_seen_by_who_redirects() -> None:
    letter = Letter(b"A: 1\r\n\r\nbody")
    edited = letter.with_header(letter.header.with_field(b"X: y\r\n", last=True))
    outer = edited.within_text(b"B: 2\r\n\r\n" + edited.text, 8)
    assert outer.redirected == edited.text
    assert outer.edited == b"B: 2\r\n\r\nA: 1\r\nX: y\r\n\r\nbody"
    assert outer.values("b") == ("2",)


def test_of_a_header_without_end_only_the_beginning_is_read() -> None:
    text = b"A: b\r\n" + b"X: y\r\n" * (LONGEST // 6 + 10) + b"Z: z\r\n\r\nbody"
    letter = Letter(text)
    assert letter.values("a") == ("b",)
    assert letter.values("z") == ()
    assert len(letter.header.octets) <= LONGEST
    assert letter.body == "body"
    assert letter.with_header(letter.header.without("a", (0,))).text == text[6:]


def test_thousands_of_parts_and_deep_nesting_are_read() -> None:
    many = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\nhi\r\n" * 20_000
    assert len(parts(Letter(many))) == 10_000
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%04d\r\n\r\n--b%04d\r\n" % (n, n)
        for n in range(1_000)
    )
    assert len(parts(Letter(deep))) == 100


@given(st.lists(st.sampled_from([b"A", b":", b" ", b"\r\n", b"\n", b"\xff", b"b: c\r\n"])))
def test_any_octets_are_a_letter_that_edits_leave_whole(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    letter = Letter(text)
    assert letter.size == len(text)
    header = letter.header.octets
    assert text.startswith(header)
    for part in parts(letter):
        assert isinstance(part.content, tuple)
    added = letter.with_header(letter.header.with_field(b"N: v\r\n", last=False))
    assert added.values("n") == ("v",)
    again = added.with_header(added.header.without("n", (0,))).text
    assert again == added.text.replace(b"N: v\r\n", b"", 1)
    assert again in (text, text + b"\r\n")
    assert Header.of(text).octets == header


ODD = list(odd_messages(large=False))


@pytest.mark.parametrize("text", [text for _, text in ODD], ids=[name for name, _ in ODD])
def test_odd_messages_are_read_and_put_together_again(text: bytes) -> None:
    letter = Letter(text)
    rewritten = letter
    for part in parts(letter):
        assert part.content
        "".join([*part.content, part.text or ""]).encode()  # no half pairs of surrogates
        letter.header_of(part).addresses("from")
        if part is not letter.root and not part.children:
            own = part.source[part.part.header : part.part.end]
            rewritten = rewritten.with_part(part, MimePart.read(own, part.parent))
    assert letter.text == text
    assert rewritten.text.replace(b"\r", b"").replace(b"\n", b"") == (
        text.replace(b"\r", b"").replace(b"\n", b"")
    )
