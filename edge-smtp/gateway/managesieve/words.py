"""The words of a line (RFC 5804 section 4): atoms, quoted strings, announcements of literals."""

import re
from dataclasses import dataclass

from postroom.errors import BadSyntax

LARGEST_NUMBER = 2**32 - 1

# "+" is the grammar's; some clients leave it out, as servers do.
_LITERAL = re.compile(rb"\{([0-9]+)\+?\}\Z")
_WORD = re.compile(
    rb' *(?:"((?:[^"\\\r\n\0]|\\["\\])*)"'  # quoted
    rb'|([^\x00-\x20"(){\\\x7f]+))'  # atom
    rb"(?= |\Z)"
)
_ESCAPED = re.compile(rb"\\(.)")
_NUMBER = re.compile(rb"0|[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class Atom:
    """A command, or a number."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class String:
    """Quoted or literal: the difference is gone."""

    octets: bytes


Word = Atom | String


def split_literal(line: bytes) -> tuple[bytes, bytes | None]:
    """Return the line without the announcement of a literal at its end, and the digits of that.

    The end of a line says that octets follow, whatever else is wrong with the line: who takes
    them for commands lets whoever wrote the script talk to the server.
    """
    match = _LITERAL.search(line)
    return (line, None) if match is None else (line[: match.start()], match[1])


def read_words(line: bytes, *, after_literal: bool) -> list[Word]:
    """Raises BadSyntax. *after_literal*: what comes after one begins with a space, or is empty."""
    if after_literal and line and not line.startswith(b" "):
        raise BadSyntax("space after a string", line[:20], "RFC 5804 section 4")
    words: list[Word] = []
    position = 0
    end = len(line.rstrip(b" "))
    while position < end:
        match = _WORD.match(line, position)
        if match is None:
            raise BadSyntax("word", line[position:].lstrip()[:20], "RFC 5804 section 4")
        quoted, atom = match.groups()
        words.append(Atom(atom) if quoted is None else String(_ESCAPED.sub(rb"\1", quoted)))
        position = match.end()
    return words


def number(word: Word) -> int:
    """Raises BadSyntax."""
    if isinstance(word, Atom) and _NUMBER.fullmatch(word.octets):
        found = int(word.octets)
        if found <= LARGEST_NUMBER:
            return found
    raise BadSyntax("number", word.octets[:20], "RFC 5804 section 4")


def text(word: Word) -> str:
    """A string of UTF-8. Raises BadSyntax."""
    octets = string(word)
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadSyntax("UTF-8 string", octets[:20], "RFC 5804 section 1.6") from error


def string(word: Word) -> bytes:
    """Raises BadSyntax."""
    if isinstance(word, Atom):
        raise BadSyntax("string", word.octets[:20], "RFC 5804 section 4")
    return word.octets
