"""Lines and literals become commands; what is none leaves the next command where it is."""

import pytest

from gateway.managesieve.engine import (
    LONGEST_LINE,
    MOST_SKIPPED,
    Command,
    Engine,
    Event,
    Refused,
    Response,
)

NEXT = b"LOGOUT\r\n"


def events(octets: bytes, engine: Engine | None = None) -> list[Event]:
    engine = engine or Engine()
    engine.receive(octets)
    return list(engine.events())


@pytest.mark.parametrize(
    ("line", "verb", "arguments"),
    [
        pytest.param(b"LISTSCRIPTS", "LISTSCRIPTS", (), id="alone"),
        pytest.param(b"listScripts", "LISTSCRIPTS", (), id="in any case"),
        pytest.param(b"  NOOP  ", "NOOP", (), id="spaces around"),
        pytest.param(b'NOOP "a"', "NOOP", ("a",), id="with what may be left out"),
        pytest.param(b'SETACTIVE ""', "SETACTIVE", ("",), id="an empty string"),
        pytest.param(b'GETSCRIPT "a \\"b\\" \\\\"', "GETSCRIPT", ('a "b" \\',), id="escapes"),
        pytest.param(b'GETSCRIPT "\xc3\xa9"', "GETSCRIPT", ("é",), id="UTF-8"),
        pytest.param(b"GETSCRIPT {2+}\r\n\xc3\xa9", "GETSCRIPT", ("é",), id="a name as literal"),
        pytest.param(b'HAVESPACE "a" 0', "HAVESPACE", ("a", 0), id="nothing"),
        pytest.param(b'HAVESPACE "a" 4294967295', "HAVESPACE", ("a", 2**32 - 1), id="32 bits"),
        pytest.param(b'PUTSCRIPT "a" {5+}\r\nkeep;', "PUTSCRIPT", ("a", b"keep;"), id="a script"),
        pytest.param(
            b"PUTSCRIPT {1+}\r\na {5+}\r\nkeep;", "PUTSCRIPT", ("a", b"keep;"), id="two literals"
        ),
        pytest.param(
            b'PUTSCRIPT "a" {5}\r\nkeep;', "PUTSCRIPT", ("a", b"keep;"), id="without the plus"
        ),
        pytest.param(b'CHECKSCRIPT "keep;"', "CHECKSCRIPT", (b"keep;",), id="a quoted script"),
        pytest.param(
            b"CHECKSCRIPT {8+}\r\nkeep;\r\n\0", "CHECKSCRIPT", (b"keep;\r\n\0",), id="any octets"
        ),
        pytest.param(b"CHECKSCRIPT {0+}\r\n", "CHECKSCRIPT", (b"",), id="an empty literal"),
        pytest.param(
            b'AUTHENTICATE "PLAIN" {4+}\r\nAAAA', "AUTHENTICATE", ("PLAIN", b"AAAA"), id="a login"
        ),
        pytest.param(
            b'RENAMESCRIPT "a" {3+}\r\nb"c', "RENAMESCRIPT", ("a", 'b"c'), id="quoted and literal"
        ),
        pytest.param(b'NOOP "{5+}"', "NOOP", ("{5+}",), id="a literal in quotes is none"),
    ],
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
def test_a_command(line: bytes, verb: str, arguments: tuple[object, ...], end: bytes) -> None:
    assert events(line + end + NEXT) == [Command(verb, arguments), Command("LOGOUT")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"XYZZY\r\n", id="unknown"),
        pytest.param(b"XYZZY {8+}\r\nLOGOUT\r\n\r\n", id="unknown with a literal"),
        pytest.param(b'"LISTSCRIPTS"\r\n', id="a string first"),
        pytest.param(b"{4+}\r\nNOOP\r\n", id="a literal first"),
        pytest.param(b"\xc0\r\n", id="not ASCII"),
        pytest.param(b"SETACTIVE\r\n", id="an argument missing"),
        pytest.param(b'LISTSCRIPTS "a"\r\n', id="an argument too many"),
        pytest.param(b"SETACTIVE a\r\n", id="an atom where a string is wanted"),
        pytest.param(b'HAVESPACE "a" "5"\r\n', id="a string where a number is wanted"),
        pytest.param(b'HAVESPACE "a" 05\r\n', id="a leading zero"),
        pytest.param(b'HAVESPACE "a" -5\r\n', id="a negative number"),
        pytest.param(b'HAVESPACE "a" 4294967296\r\n', id="a number of 33 bits"),
        pytest.param(b'SETACTIVE "a\r\n', id="an open quote"),
        pytest.param(b'SETACTIVE "a\\n"\r\n', id="an escape of something else"),
        pytest.param(b'SETACTIVE "a"b\r\n', id="no space after a string"),
        pytest.param(b'SETACTIVE "\xff"\r\n', id="not UTF-8"),
        pytest.param(b'SETACTIVE "a\0"\r\n', id="NUL in quotes"),
        pytest.param(b'SETACTIVE "a\rb"\r\n', id="CR in quotes"),
        pytest.param(b"SETACTIVE (a)\r\n", id="parentheses"),
        pytest.param(b"SETACTIVE {x+}\r\n", id="no literal"),
        pytest.param(b'PUTSCRIPT "a {8+}\r\nLOGOUT\r\n\r\n', id="a literal after an open quote"),
        pytest.param(b"CHECKSCRIPT {5+}\r\nkeep;x\r\n", id="something right after a literal"),
        pytest.param(b"CHECKSCRIPT{5+}\r\nkeep;\r\n", id="no space before a literal"),
        pytest.param(b"PUTSCRIPT {1+}\r\na{5+}\r\nkeep;\r\n", id="no space between literals"),
        pytest.param(b"NOOP" + b" {0+}\r\n" * 1000 + b"\r\n", id="many empty strings"),
        pytest.param(b"NOOP" + b" a" * 1000 + b"\r\n", id="many words"),
        pytest.param(b"XYZZY {3+}\r\nabc {3+}\r\nabc\r\n", id="two literals of a bad command"),
    ],
)
def test_what_is_no_command_is_refused_and_the_next_one_is_heard(octets: bytes) -> None:
    refused, following = events(octets + NEXT)
    assert isinstance(refused, Refused)
    assert not refused.fatal
    assert following == Command("LOGOUT")


def test_empty_lines_ask_for_nothing() -> None:
    assert events(b"\r\n\r\n  \r\n" + NEXT) == [Command("LOGOUT")]


@pytest.mark.parametrize(
    ("octets", "response"),
    [
        pytest.param(b'"AAAA"\r\n', b"AAAA", id="quoted"),
        pytest.param(b"{4+}\r\nAAAA\r\n", b"AAAA", id="literal"),
        pytest.param(b'""\r\n', b"", id="empty"),
        pytest.param(b"{0+}\r\n\r\n", b"", id="an empty literal"),
        pytest.param(b'"*"\r\n', b"*", id="cancelled"),
        pytest.param(b"*\r\n", b"*", id="cancelled without quotes"),
    ],
)
def test_a_response(octets: bytes, response: bytes) -> None:
    engine = Engine()
    engine.expects_response = True
    assert events(octets, engine) == [Response(response)]


@pytest.mark.parametrize("octets", [b"\r\n", b'"AAAA" "AAAA"\r\n', b'"AAAA\r\n'])
def test_what_is_no_response(octets: bytes) -> None:
    engine = Engine()
    engine.expects_response = True
    [refused] = events(octets, engine)
    assert isinstance(refused, Refused)


def test_a_string_that_is_too_long_is_read_and_forgotten() -> None:
    engine = Engine()
    engine.longest_string = 100
    script = b"LOGOUT\r\n" * 100
    octets = b'PUTSCRIPT "a" {%d+}\r\n%b\r\n' % (len(script), script)
    refused, following = events(octets + NEXT, engine)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.fatal) == ("QUOTA/MAXSIZE", False)
    assert following == Command("LOGOUT")
    refused, _ = events(octets.replace(b'PUTSCRIPT "a"', b"CHECKSCRIPT") + NEXT, engine)
    assert isinstance(refused, Refused)
    assert refused.code == ""  # this is about no quota (RFC 5804 section 2.12)


def test_it_is_not_kept_while_it_comes() -> None:
    engine = Engine()
    engine.receive(b"CHECKSCRIPT {%d+}\r\n" % MOST_SKIPPED)
    for _ in range(MOST_SKIPPED // 2**20):
        assert events(bytes(2**20), engine) == []
        assert engine.buffered == 0
    assert len(events(b"\r\n" + NEXT, engine)) == 2


def test_many_strings_of_one_command_count_together() -> None:
    engine = Engine()
    engine.longest_string = 10_000
    octets = b"XYZZY" + b" {10000+}\r\n" + b"x" * 10_000
    for _ in range(100):
        assert events(octets, engine) == []
        octets = b" {10000+}\r\n" + b"x" * 10_000
        assert sum(len(word.octets) for word in engine._words) <= 10_000 + LONGEST_LINE
    refused, _ = events(b"\r\n" + NEXT, engine)
    assert isinstance(refused, Refused)


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"x" * (LONGEST_LINE + 1), id="a line without end"),
        pytest.param(b"x" * (LONGEST_LINE + 1) + b"\r\n", id="a line"),
        pytest.param(b"CHECKSCRIPT {%d+}\r\n" % (MOST_SKIPPED + 1), id="a literal"),
        pytest.param(b"CHECKSCRIPT {" + b"9" * 5000 + b"+}\r\n", id="a literal's number"),
    ],
)
def test_what_is_far_too_long_ends_it(octets: bytes) -> None:
    engine = Engine()
    [refused] = events(octets + NEXT, engine)
    assert isinstance(refused, Refused)
    assert refused.fatal
    assert engine.buffered == 0


def test_what_came_before_tls_is_forgotten() -> None:
    engine = Engine()
    engine.receive(b'STARTTLS\r\nLISTSCRIPTS\r\nPUTSCRIPT "a" {100+}\r\nhalf a scr')
    seen = []
    for event in engine.events():
        seen.append(event)
        engine.forget()
    assert seen == [Command("STARTTLS")]
    assert events(b"NOOP\r\n", engine) == [Command("NOOP")]


def test_passwords_are_not_shown() -> None:
    [command] = events(b'AUTHENTICATE "PLAIN" "c2VjcmV0"\r\n')
    assert "c2VjcmV0" not in repr(command)
    assert "c2VjcmV0" not in repr(Response(b"c2VjcmV0"))
