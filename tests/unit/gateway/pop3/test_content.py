import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pop3.content import Stuffer, Top, stuffed

OCTETS = st.lists(
    st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"a", b"\r\n.", b"\r\n\r\n"]), max_size=30
).map(b"".join)


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        pytest.param(b"a\r\n", b"a\r\n.\r\n", id="plain"),
        pytest.param(b"", b".\r\n", id="empty"),
        pytest.param(b"a", b"a\r\n.\r\n", id="no line end at the end"),
        pytest.param(b".", b"..\r\n.\r\n", id="a dot alone"),
        pytest.param(b".\r\n.\r\n", b"..\r\n..\r\n.\r\n", id="dots at every line"),
        pytest.param(b"a\n.b\n", b"a\r\n..b\r\n.\r\n", id="LF alone becomes CRLF"),
        pytest.param(b"a\rb\r\n", b"a\rb\r\n.\r\n", id="CR alone stays"),
        pytest.param(b"a\r", b"a\r\r\n.\r\n", id="CR at the end"),
    ],
)
def test_stuffed(stored: bytes, sent: bytes) -> None:
    assert stuffed(stored) == sent


def unstuffed(sent: bytes) -> bytes:
    """What a client makes of it (RFC 1939 section 3)."""
    assert sent.endswith(b".\r\n")
    lines = sent[:-3].split(b"\r\n")
    assert b"." not in lines  # only the end has a dot alone
    return b"\r\n".join(line.removeprefix(b".") for line in lines)


@given(OCTETS)
def test_a_client_gets_what_is_stored(stored: bytes) -> None:
    received = unstuffed(stuffed(stored))
    expected = stored.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert received in (expected, expected + b"\r\n")


@given(st.lists(OCTETS, max_size=8))
def test_pieces_make_no_difference(pieces: list[bytes]) -> None:
    stuffer = Stuffer()
    fed = b"".join(stuffer.feed(piece) for piece in pieces)
    assert fed + stuffer.end() == stuffed(b"".join(pieces))


def top(message: bytes, lines: int, size: int) -> bytes:
    taker, taken = Top(lines), b""
    for start in range(0, len(message), size):
        taken += taker.feed(message[start : start + size])
        if taker.done:
            break
    return taken


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("lines", "expected"),
    [(0, b"A: b\r\n\r\n"), (1, b"A: b\r\n\r\none\r\n"), (9, b"A: b\r\n\r\none\r\n\r\ntwo")],
)
def test_top(lines: int, expected: bytes, size: int) -> None:
    assert top(b"A: b\r\n\r\none\r\n\r\ntwo", lines, size) == expected


@pytest.mark.parametrize("size", [1, 5])
def test_top_of_a_message_without_a_body(size: int) -> None:
    assert top(b"A: b\r\nC: d", 3, size) == b"A: b\r\nC: d"


def test_top_of_a_message_that_starts_with_the_empty_line() -> None:
    assert top(b"\nbody\nmore\n", 1, 100) == b"\nbody\n"
