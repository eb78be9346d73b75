"""Where a message ends, and what it holds: DATA and BDAT, in pieces of every size."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.smtp.bdat import Chunk, ChunkReader, parse_bdat
from gateway.smtp.content import BareLineEndings, Content
from gateway.smtp.data import DataReader
from gateway.smtp.engine import BadLine, Engine, Line
from postroom.errors import BadSyntax

NOT_THE_END = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r\r\n",
    b"\n.\r",
    b"\r.\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\x85\r\n",
    b"\r\r\n.\r\r\n",
    b"\x0b.\x0c\r\n",
    b"\r\n. \r\n",
    b"\r\n .\r\n",
]


def read(
    octets: bytes, piece: int, bare: BareLineEndings = "refuse"
) -> tuple[bytes, bytes | None, bool]:
    """Return the text, what follows its end (None: there was none), whether bare ones were seen."""
    reader, text = DataReader(bare), b""
    for start in range(0, len(octets), piece):
        given_now = octets[start : start + piece]
        content, used = reader.read(given_now)
        text += content.octets
        if content.ended:
            return text, given_now[used:] + octets[start + piece :], reader.bare
    return text, None, reader.bare


@pytest.mark.parametrize("piece", [1, 2, 3, 4, 5, 1000])
@pytest.mark.parametrize("bare", ["refuse", "normalise"])
@pytest.mark.parametrize("trick", NOT_THE_END)
def test_only_crlf_dot_crlf_ends_the_data(trick: bytes, bare: BareLineEndings, piece: int) -> None:
    sent = b"one" + trick + b"MAIL FROM:<smuggled@example.org>\r\n.\r\nQUIT\r\n"
    text, rest, was_bare = read(sent, piece, bare)
    assert rest == b"QUIT\r\n"
    assert b"MAIL FROM:<smuggled@example.org>" in text
    stays = trick.replace(b"\r\n", b"")
    if bare == "refuse":
        assert was_bare == (b"\r" in stays or b"\n" in stays)
    else:
        plain = text.replace(b"\r\n", b"")
        assert b"\r" not in plain
        assert b"\n" not in plain


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"a\r\n.b\r\n..c\r\n...\r\n.\r\n", b"a\r\nb\r\n.c\r\n..\r\n"),
        (b"a.\r\nb\r\n.\r\n", b"a.\r\nb\r\n"),
    ],
)
@pytest.mark.parametrize("piece", [1, 2, 3, 1000])
def test_dots(sent: bytes, stored: bytes, piece: int) -> None:
    assert read(sent, piece) == (stored, b"", False)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (b"a\nb\r\n.\r\n", b"a\r\nb\r\n"),
        (b"a\rb\r\n.\r\n", b"a b\r\n"),
        (b"a\n..b\r\n.\r\n", b"a\r\n.b\r\n"),
        (b"a\n.\nb\r\n.\r\n", b"a\r\n\r\nb\r\n"),
        (b"a\r\r\n.\r\n", b"a \r\n"),
    ],
)
@pytest.mark.parametrize("piece", [1, 2, 3, 1000])
def test_normalise(sent: bytes, stored: bytes, piece: int) -> None:
    assert read(sent, piece, "normalise") == (stored, b"", False)


texts = st.lists(
    st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"..", b"a", b"\r\n.", b"\0", b"\xff"]),
    max_size=12,
).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(sent=texts, piece=st.integers(1, 4), bare=st.sampled_from(["refuse", "normalise"]))
def test_pieces_make_no_difference(sent: bytes, piece: int, bare: BareLineEndings) -> None:
    sent += b"\r\n.\r\nNOOP\r\n"
    assert read(sent, piece, bare) == read(sent, len(sent), bare)


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(st.binary(max_size=6).filter(lambda o: not set(o) & set(b"\r\n"))))
def test_what_is_stuffed_comes_back(lines: list[bytes]) -> None:
    text = b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    assert read(stuffed + b".\r\n", 3) == (text, b"", False)


@settings(max_examples=100, deadline=None)
@given(
    text=texts,
    cuts=st.lists(st.integers(0, 30), max_size=3),
    bare=st.sampled_from(["refuse", "normalise"]),
)
def test_chunks_make_no_difference(text: bytes, cuts: list[int], bare: BareLineEndings) -> None:
    def through(chunks: list[bytes]) -> tuple[bytes, bool]:
        reader, found = ChunkReader(bare), b""
        for number, chunk in enumerate(chunks, 1):
            reader.start(Chunk(len(chunk), number == len(chunks)))
            for start in range(0, max(len(chunk), 1), 2):
                content, _ = reader.read(chunk[start : start + 2])
                found += content.octets
            assert content.ended
        return found, reader.bare

    ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    cut = [text[a:b] for a, b in pairwise(ends)]
    whole, was_bare = through([text])
    assert through(cut) == (whole, was_bare)
    if bare == "refuse":
        stays = text.replace(b"\r\n", b"")
        assert was_bare == bool(set(stays) & set(b"\r\n"))
        assert whole == text


@pytest.mark.parametrize("text", [b"", b"x", b"-1", b"1 FIRST", b"1LAST", b"1 2", b"9" * 21])
def test_bad_bdat(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_bdat(text)


@pytest.mark.parametrize(
    ("sent", "events"),
    [
        (b"NOOP\r\nQUIT\r\n", [Line(b"NOOP"), Line(b"QUIT")]),
        (b"NOOP\nQUIT\r\n", [BadLine("bare LF"), Line(b"QUIT")]),
        (b"\n", [BadLine("bare LF")]),
        (b"NO\rOP\r\nQUIT\r\n", [BadLine("bare CR"), Line(b"QUIT")]),
        (b"NOOP\r\r\n", [BadLine("bare CR")]),
        (b"NO\0OP\r\n", [BadLine("NUL")]),
        (b"N" * 100 + b"\r\nQUIT\r\n", [BadLine("too long"), Line(b"QUIT")]),
        (b"NOOP", []),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_command_lines(sent: bytes, events: list[object], piece: int) -> None:
    engine, found = Engine(longest_line=40), []
    for start in range(0, len(sent), piece):
        engine.receive(sent[start : start + piece])
        while (event := engine.next_event()) is not None:
            found.append(event)
    assert found == events
    assert engine.waiting <= 40


def test_a_message_and_what_follows_it_in_one_piece() -> None:
    engine = Engine(longest_line=100)
    engine.receive(b"DATA\r\nhello\r\n.\r\nQUIT\r\n")
    assert engine.next_event() == Line(b"DATA")
    engine.read_with(DataReader())
    assert engine.next_event() == Content(b"hello\r\n", ended=True)
    assert engine.next_event() == Line(b"QUIT")
    assert engine.next_event() is None
