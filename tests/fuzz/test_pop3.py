"""Whatever a client sends, the POP3 engine answers with events, and its parser with BadSyntax."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.pop3.engine import LONGEST_RESPONSE, Command, Engine, Refused, Response, parse
from postroom.errors import BadSyntax

WORDS = [b"USER", b"pass ", b"RETR 1", b"AUTH PLAIN", b" ", b"\r\n", b"\n", b"\r", b"\0", b"\xff"]
OCTETS = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=20)), max_size=40)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_the_parser_knows_one_error(line: bytes) -> None:
    with suppress(BadSyntax):
        parse(line)


@settings(max_examples=300, deadline=None)
@given(OCTETS, st.booleans())
def test_the_engine_never_raises_and_pieces_make_no_difference(
    pieces: list[bytes], expects_response: bool
) -> None:
    whole = b"".join(pieces)
    assert answers([whole], expects_response) == answers(pieces, expects_response)
    single = [bytes([octet]) for octet in whole]
    assert answers(single, expects_response) == answers([whole], expects_response)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 40))
def test_memory_is_bounded(size: int, count: int) -> None:
    engine = Engine()
    engine.expects_response = True
    for _ in range(count):
        engine.receive(b"x" * size)
        list(engine.events())
        assert engine.buffered < LONGEST_RESPONSE + size


def answers(pieces: list[bytes], expects_response: bool) -> list[str]:
    engine = Engine()
    engine.expects_response = expects_response
    found = []
    for piece in pieces:
        engine.receive(piece)
        for event in engine.events():
            match event:
                case Command(verb, arguments):
                    found.append(f"{verb} {arguments}")
                case Response(text):
                    engine.expects_response = False
                    found.append(f"response {text!r}")
                case Refused(error, fatal):
                    assert isinstance(error, BadSyntax)
                    found.append(f"refused {error} {fatal}")
    return found
