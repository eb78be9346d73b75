"""Whatever a client sends, the ManageSieve engine answers with events, and it stays small."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.managesieve import replies
from gateway.managesieve.engine import (
    LONGEST_LINE,
    Command,
    Engine,
    Refused,
    Response,
)
from gateway.managesieve.words import String, read_words
from postroom.errors import BadSyntax

WORDS = [
    b"NOOP", b"PUTSCRIPT ", b"authenticate ", b'"a"', b'"', b"\\", b" ", b"{3+}\r\n", b"{0}\r\n",
    b"{99999999999+}\r\n", b"{", b"+}", b"abc", b"\r\n", b"\n", b"\r", b"\0", b"\xff", b"(", b"7",
]  # fmt: skip
OCTETS = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=20)), max_size=40)


@settings(max_examples=500, deadline=None)
@given(OCTETS, st.booleans())
def test_the_engine_never_raises_and_pieces_make_no_difference(
    pieces: list[bytes], expects_response: bool
) -> None:
    whole = b"".join(pieces)
    single = [bytes([octet]) for octet in whole]
    assert answers([whole], expects_response) == answers(pieces, expects_response)
    assert answers(single, expects_response) == answers([whole], expects_response)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(
        [b"x", b'"', b" ", b" a", b"NOOP {9999+}\r\n", b"{5+}\r\nabcde ", b" {0+}\r\n", b"{0+}\r\n"]
    ),
    st.integers(1, 40),
)
def test_memory_is_bounded(piece: bytes, count: int) -> None:
    engine = Engine()
    octets = piece * (5000 // len(piece))
    for _ in range(count):
        engine.receive(octets)
        list(engine.events())
        held = engine.buffered + sum(len(word.octets) + 100 for word in engine._words)
        assert held <= engine.longest_string + 2 * LONGEST_LINE + len(octets)


@given(st.binary(max_size=1200))
def test_a_string_of_ours_is_read_as_it_was(octets: bytes) -> None:
    said = replies.string(octets)
    if said.startswith(b'"'):
        assert read_words(said, after_literal=False) == [String(octets)]
    else:
        head, _, rest = said.partition(b"\r\n")
        assert (head, rest) == (b"{%d}" % len(octets), octets)


def answers(pieces: list[bytes], expects_response: bool) -> list[str]:
    engine = Engine()
    engine.expects_response = expects_response
    engine.longest_string = 50
    found = []
    for piece in pieces:
        engine.receive(piece)
        for event in engine.events():
            match event:
                case Command(verb, arguments):
                    found.append(f"{verb} {arguments}")
                case Response(octets):
                    engine.expects_response = False
                    found.append(f"response {octets!r}")
                case Refused(error, code, fatal):
                    assert isinstance(error, BadSyntax)
                    found.append(f"refused {error} {code} {fatal}")
                    if fatal:  # the connection ends here
                        return found
    return found
