import pytest

from gateway.pop3.engine import Command, Engine, Refused, Response, parse, parse_number
from postroom.errors import BadSyntax


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(b"stat", Command("STAT"), id="case does not matter"),
        pytest.param(b"TOP 1 0", Command("TOP", ("1", "0")), id="two arguments"),
        pytest.param(b"PASS a b  c ", Command("PASS", ("a b  c ",)), id="a password has spaces"),
        pytest.param("USER jörg".encode(), Command("USER", ("jörg",)), id="UTF-8"),
        pytest.param(b"AUTH PLAIN =", Command("AUTH", ("PLAIN", "=")), id="initial response"),
    ],
)
def test_commands(line: bytes, expected: Command) -> None:
    assert parse(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" STAT",
        b"STAT 1",
        b"RETR",
        b"RETR 1 2",
        b"PASS ",
        b"XTND",
        b"US\xffER a",
        b"USER a\rb",
    ],
)
def test_what_is_no_command(line: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse(line)


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "٣", "1" * 11])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse_number(text)


def test_a_line_that_never_ends_is_refused_once_and_for_all() -> None:
    engine = Engine()
    events = []
    for _ in range(100):
        engine.receive(b"x" * 100)
        events += list(engine.events())
        if events:
            break
    assert [type(event) for event in events] == [Refused]
    assert isinstance(events[0], Refused)
    assert events[0].fatal
    assert engine.buffered == 0


def test_a_response_may_be_longer_than_a_command() -> None:
    engine = Engine()
    engine.expects_response = True
    engine.receive(b"A" * 5000 + b"\r\nSTAT\r\n")
    events = []
    for event in engine.events():
        engine.expects_response = False
        events.append(event)
    assert events == [Response(b"A" * 5000), Command("STAT")]


def test_passwords_do_not_show() -> None:
    assert "secret" not in repr(parse(b"PASS secret")) + repr(Response(b"secret"))
