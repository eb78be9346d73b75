"""Octets become commands whatever the pieces they come in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.imap.literals import (
    CommandReader,
    Continue,
    Event,
    Line,
    MessageChunk,
    MessageEnd,
    MessageLiteral,
    Ready,
    Reason,
    Refused,
)


def read(octets: bytes, piece: int = 10**9, accept: bool = True, limit: int = 1000) -> list[Event]:
    """All events, with the chunks of one message joined."""
    reader = CommandReader()
    reader.longest_command = limit
    found: list[Event] = []
    for start in range(0, len(octets), piece):
        reader.receive(octets[start : start + piece])
        for event in reader.events():
            if isinstance(event, MessageLiteral):
                reader.accept() if accept else reader.refuse()
            if isinstance(event, MessageChunk) and found and isinstance(found[-1], MessageChunk):
                found[-1] = MessageChunk(found[-1].octets + event.octets)
            else:
                found.append(event)
            if isinstance(event, Ready) and event.command == b"a IDLE":
                reader.next_line_is_text()
    return found


CASES = [
    pytest.param(b"a NOOP\r\nb NOOP\r\n", [Ready(b"a NOOP"), Ready(b"b NOOP")], id="pipelined"),
    pytest.param(b"a NOOP\r", [], id="half a line end"),
    pytest.param(b"\r\n", [Ready(b"")], id="an empty line"),
    pytest.param(
        b"a LOGIN {5}\r\nalice {3+}\r\np\r\n\r\n",
        [Continue(), Ready(b"a LOGIN {5}\r\nalice {3+}\r\np\r\n")],
        id="both kinds of literal, one with a line end in it",
    ),
    pytest.param(b"a X {0+}\r\n\r\n", [Ready(b"a X {0+}\r\n")], id="an empty literal"),
    pytest.param(
        b"a IDLE\r\nDONE {3}\r\n", [Ready(b"a IDLE"), Line(b"DONE {3}")], id="a text line"
    ),
    pytest.param(
        b"a APPEND INBOX (\\Seen) {4+}\r\na\r\nb\r\nb NOOP\r\n",
        [
            MessageLiteral(b"a APPEND INBOX (\\Seen) {4+}\r\n", 4, waits=False),
            MessageChunk(b"a\r\nb"),
            MessageEnd(b""),
            Ready(b"b NOOP"),
        ],
        id="a message is passed through",
    ),
    pytest.param(
        b"a append {5}\r\nINBOX UTF8 (~{2}\r\nhi)\r\nb NOOP\r\n",
        [
            Continue(),
            MessageLiteral(b"a append {5}\r\nINBOX UTF8 (~{2}\r\n", 2, waits=True),
            MessageChunk(b"hi"),
            MessageEnd(b")"),
            Ready(b"b NOOP"),
        ],
        id="the mailbox of an append may be a literal",
    ),
    pytest.param(
        b"a APPEND x {0}\r\n\r\n",
        [MessageLiteral(b"a APPEND x {0}\r\n", 0, waits=True), MessageEnd(b"")],
        id="an empty message",
    ),
    pytest.param(
        b"a APPEND x {1+}\r\nm (\\Seen) {3+}\r\nsec {0}\r\n \r\nb NOOP\r\n",
        [
            MessageLiteral(b"a APPEND x {1+}\r\n", 1, waits=False),
            MessageChunk(b"m"),
            MessageLiteral(b" (\\Seen) {3+}\r\n", 3, waits=False),
            MessageChunk(b"sec"),
            MessageLiteral(b" {0}\r\n", 0, waits=True),
            MessageEnd(b" "),
            Ready(b"b NOOP"),
        ],
        id="many messages",
    ),
    pytest.param(
        b"a APPEND x CATENATE (URL {2+}\r\n/a url {2}\r\n/b TEXT {1+}\r\nm URL {2}\r\n/c)\r\n",
        [
            Continue(),
            MessageLiteral(
                b"a APPEND x CATENATE (URL {2+}\r\n/a url {2}\r\n/b TEXT {1+}\r\n", 1, False
            ),
            MessageChunk(b"m"),
            Continue(),
            MessageEnd(b" URL {2}\r\n/c)"),
        ],
        id="a URL is no message",
    ),
    pytest.param(
        b"a APPEND x CATENATE (URL /a)\r\n", [Ready(b"a APPEND x CATENATE (URL /a)")], id="no text"
    ),
    pytest.param(
        b"a UID REPLACE 4 {1}\r\nx {1+}\r\nm\r\n",
        [
            Continue(),
            MessageLiteral(b"a UID REPLACE 4 {1}\r\nx {1+}\r\n", 1, waits=False),
            MessageChunk(b"m"),
            MessageEnd(b""),
        ],
        id="a replacement",
    ),
    pytest.param(
        b"a APPEND x CATENATE (TEXT {1+}\r\nm URL {1001+}\r\n" + b"y" * 1001 + b")\r\nb NOOP\r\n",
        [
            MessageLiteral(b"a APPEND x CATENATE (TEXT {1+}\r\n", 1, waits=False),
            MessageChunk(b"m"),
            Refused(b" URL {1001+}\r\n", Reason.LARGE_LITERAL),
            Ready(b"b NOOP"),
        ],
        id="a URL that is too long",
    ),
    pytest.param(
        b"a X {1001+}\r\n" + b"y" * 1001 + b" {2+}\r\nzz\r\nb NOOP\r\n",
        [Refused(b"a X {1001+}\r\n", Reason.LARGE_LITERAL), Ready(b"b NOOP")],
        id="a large literal that comes anyway is skipped with its command",
    ),
    pytest.param(
        b"a X {9999999999999999999}\r\nb NOOP\r\n",
        [Refused(b"a X {9999999999999999999}\r\n", Reason.LARGE_LITERAL), Ready(b"b NOOP")],
        id="a large literal that waits is never sent",
    ),
    pytest.param(
        b"a NOOP\nb NOOP\r\n",
        [Refused(b"a NOOP\n", Reason.BARE_LINE_END), Ready(b"b NOOP")],
        id="a bare LF",
    ),
    pytest.param(
        b"a NO\rOP\r\nb NOOP\r\n",
        [Refused(b"a NO\rOP\r\n", Reason.BARE_LINE_END), Ready(b"b NOOP")],
        id="a bare CR",
    ),
    pytest.param(
        b"a APPEND x {1+}\r\nm\nb NOOP\r\n",
        [
            MessageLiteral(b"a APPEND x {1+}\r\n", 1, waits=False),
            MessageChunk(b"m"),
            Refused(b"\n", Reason.BARE_LINE_END),
            Ready(b"b NOOP"),
        ],
        id="a bare LF after a message",
    ),
]


@pytest.mark.parametrize("piece", [10**9, 1, 7])
@pytest.mark.parametrize(("octets", "expected"), CASES)
def test_octets_become_events(octets: bytes, expected: list[Event], piece: int) -> None:
    assert read(octets, piece) == expected


@pytest.mark.parametrize("piece", [10**9, 1])
def test_a_refused_message_that_comes_anyway_is_skipped(piece: int) -> None:
    octets = b"a APPEND x {5000+}\r\n" + b"m" * 5000 + b"\r\nb NOOP\r\n"
    expected = [MessageLiteral(b"a APPEND x {5000+}\r\n", 5000, False), Ready(b"b NOOP")]
    assert read(octets, piece, accept=False) == expected


def test_with_a_refused_message_go_those_after_it() -> None:
    octets = b"a APPEND x {2+}\r\nmm (\\Seen) {3+}\r\nsec\r\nb NOOP\r\n"
    expected = [MessageLiteral(b"a APPEND x {2+}\r\n", 2, False), Ready(b"b NOOP")]
    assert read(octets, accept=False) == expected


def test_a_refused_message_that_waits_is_not_sent() -> None:
    octets = b"a APPEND x {5000}\r\nb NOOP\r\n"
    expected = [MessageLiteral(b"a APPEND x {5000}\r\n", 5000, True), Ready(b"b NOOP")]
    assert read(octets, accept=False) == expected


def test_a_line_over_the_limit_ends_the_reading() -> None:
    reader = CommandReader()
    for _ in range(5000):
        reader.receive(b"x" * 100)
        events = list(reader.events())
        if events:
            break
    assert events == [Refused(b"x" * 100, Reason.LONG_LINE)]
    reader.receive(b"y" * 10**6)
    assert list(reader.events()) == []
    assert reader.buffered < reader.longest_command + 200


def test_the_limit_counts_the_whole_command() -> None:
    octets = b"a X" + b" {300+}\r\n" + b"y" * 300 + b" {300+}\r\n" + b"y" * 300
    found = read(octets + b" {400+}\r\n" + b"z" * 400 + b"\r\nb NOOP\r\n")
    assert [type(event) for event in found] == [Refused, Ready]


def test_a_message_is_never_held_whole() -> None:
    reader = CommandReader()
    reader.receive(b"a APPEND x {100000000}\r\n")
    assert [type(event) for event in reader.events()] == [MessageLiteral]
    reader.accept()
    passed = 0
    for _ in range(1000):
        reader.receive(b"m" * 100_000)
        for event in reader.events():
            assert isinstance(event, MessageChunk)
            assert len(event.octets) <= 64 * 1024
            passed += len(event.octets)
        assert reader.buffered == 0
    assert passed == 100_000_000


def test_nothing_sent_before_tls_survives_it() -> None:
    reader = CommandReader()
    reader.receive(b"a STARTTLS\r\nb LOGIN eve x\r\n")
    events = reader.events()
    assert next(events) == Ready(b"a STARTTLS")
    reader.discard()
    assert list(events) == []
    reader.receive(b"c NOOP\r\n")
    assert list(reader.events()) == [Ready(b"c NOOP")]


PIECES = st.sampled_from(
    [b"a NOOP", b"\r\n", b"\r", b"\n", b" APPEND x ", b"{3}", b"{3+}", b"abc", b"~{2+}", b" "]
)


@settings(max_examples=150)
@given(st.lists(PIECES, max_size=40).map(b"".join), st.integers(1, 9), st.booleans())
def test_pieces_make_no_difference(octets: bytes, piece: int, accept: bool) -> None:
    assert read(octets, piece, accept, limit=30) == read(octets, accept=accept, limit=30)
