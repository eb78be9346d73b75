import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.errors import BadSyntax
from postroom.relay.smtp.limits import ClientLimits
from postroom.relay.smtp.replies import LONGEST_TEXT, Reply, ReplyReader

_LIMITS = ClientLimits(reply_line=60, reply_lines=4, reply_octets=150)


def _read(octets: bytes, piece: int = 0) -> list[tuple[int, list[bytes]]]:
    reader = ReplyReader(_LIMITS)
    found = []
    step = piece or len(octets)
    for start in range(0, len(octets), step):
        reader.receive(octets[start : start + step])
        while (reply := reader.next()) is not None:
            found.append((reply.code, list(reply.lines)))
    return found


@pytest.mark.parametrize("piece", [0, 1, 3])
@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        pytest.param(b"250 Ok\r\n", [(250, [b"Ok"])], id="one line"),
        pytest.param(b"250\r\n", [(250, [b""])], id="a code alone"),
        pytest.param(b"250 Ok\n", [(250, [b"Ok"])], id="a bare LF"),
        pytest.param(b"250-a\r\n250-\r\n250 c\r\n", [(250, [b"a", b"", b"c"])], id="many lines"),
        pytest.param(b"250-a\r\n451 c\r\n", [(451, [b"a", b"c"])], id="the last code counts"),
        pytest.param(b"250 a\r\n550 b\r\n354 c\r\n", [(250, [b"a"]), (550, [b"b"]), (354, [b"c"])],
                     id="several at once"),
        pytest.param(b"250 \xff\x00\r\n", [(250, [b"\xff\x00"])], id="binary text"),
        pytest.param(b"250 a", [], id="no end yet"),
    ],
)  # fmt: skip
def test_replies_are_read(
    octets: bytes, expected: list[tuple[int, list[bytes]]], piece: int
) -> None:
    assert _read(octets, piece) == expected


@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"Hello\r\n", id="no code"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", id="another protocol"),
        pytest.param(b"\x16\x03\x01\x02\x00", id="TLS where none is expected"),
        pytest.param(b"\r\n", id="an empty line"),
        pytest.param(b"25 Ok\r\n", id="two digits"),
        pytest.param(b"2500 Ok\r\n", id="four digits"),
        pytest.param(b"150 Ok\r\n", id="no such class"),
        pytest.param(b"250 " + b"x" * 100, id="a line without end"),
        pytest.param(b"250-a\r\n" * 6, id="too many lines"),
        pytest.param((b"250-" + b"x" * 50 + b"\r\n") * 4, id="too many octets"),
    ],
)
def test_what_is_no_reply_is_refused_at_once(octets: bytes, piece: int) -> None:
    with pytest.raises(BadSyntax):
        _read(octets, piece)


@given(st.binary(max_size=400), st.integers(1, 50))
def test_anything_is_a_reply_or_bad_syntax(octets: bytes, piece: int) -> None:
    def outcome(step: int) -> object:
        reader = ReplyReader(_LIMITS)
        found = []
        try:
            for start in range(0, len(octets), step):
                reader.receive(octets[start : start + step])
                while (reply := reader.next()) is not None:
                    found.append((reply.code, reply.text, reply.status))
                    assert len(reply.text) <= LONGEST_TEXT
                    assert reply.text.isprintable()
        except BadSyntax:
            found.append((0, "", ""))
        return found

    assert outcome(piece) == outcome(len(octets) or 1)


@pytest.mark.parametrize(
    ("reply", "status", "text"),
    [
        (Reply(550, [b"5.1.1 No such user"]), "5.1.1", "550 5.1.1 No such user"),
        (Reply(550, [b"No such user"]), "5.0.0", "550 No such user"),
        (Reply(550, [b"4.1.1 No such user"]), "5.0.0", "550 4.1.1 No such user"),
        (Reply(250, [b"2.0.0 Ok"]), "2.0.0", "250 2.0.0 Ok"),
        (Reply(250, [b"Ok"]), "2.0.0", "250 Ok"),
        (Reply(421, [b"Bye"]), "4.3.2", "421 Bye"),
        (Reply(552, [b"5.02.002 Full"]), "5.2.2", "552 5.02.002 Full"),
        (Reply(550, [b"5.7.1 a", b"5.7.1 b"]), "5.7.1", "550 5.7.1 a b"),
        (Reply(550, [b"5.7.1234 a"]), "5.0.0", "550 5.7.1234 a"),
        (Reply(451, [b"\x1b[31mred\x07\xe2\x80\xae"]), "4.3.0", "451 [31mred"),
        (Reply(550, [b"\xc3\xa9\xff"]), "5.0.0", "550 é\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_enhanced_codes_and_texts(reply: Reply, status: str, text: str) -> None:
    assert (reply.status, reply.text) == (status, text)


def test_texts_are_bounded() -> None:
    assert len(Reply(550, [b"x" * 5000] * 40).text) == LONGEST_TEXT
