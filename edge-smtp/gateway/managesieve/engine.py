"""Octets from a ManageSieve client become commands. No I/O, no state but what is unfinished."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gateway.managesieve.words import (
    Atom,
    String,
    Word,
    number,
    read_words,
    split_literal,
    string,
    text,
)
from gateway.sasl import LONGEST_RESPONSE
from postroom.errors import BadSyntax

# A quoted string has 1,024 octets at most (RFC 5804 section 4), but clients send an initial
# response of any length so.
LONGEST_LINE = LONGEST_RESPONSE + 4096
# A literal that we do not want is read all the same: it is sent without asking, and what comes
# after it is the next command. Up to so many octets.
MOST_SKIPPED = 16 * 1024 * 1024
_MOST_WORDS = 8  # of a command; no command has more than three

Argument = str | bytes | int
_Kinds = tuple[Callable[[Word], Argument], ...]

# The arguments of each command, and how many of them may be left out (the last).
_COMMANDS: Mapping[str, tuple[_Kinds, int]] = {
    "AUTHENTICATE": ((text, string), 1),
    "CAPABILITY": ((), 0),
    "CHECKSCRIPT": ((string,), 0),
    "DELETESCRIPT": ((text,), 0),
    "GETSCRIPT": ((text,), 0),
    "HAVESPACE": ((text, number), 0),
    "LISTSCRIPTS": ((), 0),
    "LOGOUT": ((), 0),
    "NOOP": ((text,), 1),
    "PUTSCRIPT": ((text, string), 0),
    "RENAMESCRIPT": ((text, text), 0),
    "SETACTIVE": ((text,), 0),
    "STARTTLS": ((), 0),
    "UNAUTHENTICATE": ((), 0),
}


@dataclass(frozen=True, slots=True)
class Command:
    verb: str  # upper case, one of the commands above
    arguments: tuple[Argument, ...] = ()

    def __repr__(self) -> str:  # the initial response of AUTHENTICATE must not reach a log
        return f"Command({self.verb!r}, ...)"


@dataclass(frozen=True, slots=True)
class Response:
    """A client's part of a SASL exchange, still in base64."""

    octets: bytes

    def __repr__(self) -> str:
        return "Response(...)"


@dataclass(frozen=True, slots=True)
class Refused:
    """What is no command. ``fatal``: where the next command begins is not known."""

    error: BadSyntax
    code: str = ""  # response code that tells more (RFC 5804 section 1.3)
    fatal: bool = False


Event = Command | Response | Refused


class Engine:
    """Give it whatever the socket had, in pieces of any size; ask it for events."""

    def __init__(self) -> None:
        self.expects_response = False  # the next string belongs to a SASL exchange
        self.longest_string = LONGEST_RESPONSE  # octets; more for who may send scripts
        self._buffer = bytearray()
        self._start = 0  # of what has not been taken
        self._searched = 0  # there is no line end before this octet
        self._literal: int | None = None  # octets of a literal that are to come
        self._begin()

    @property
    def buffered(self) -> int:
        return len(self._buffer) - self._start

    def receive(self, octets: bytes) -> None:
        if self._start:
            del self._buffer[: self._start]
            self._searched -= self._start
            self._start = 0
        self._buffer += octets

    def forget(self) -> None:
        """Drop what came before TLS began: nobody knows who sent it (RFC 5804 section 2.2)."""
        self._buffer.clear()
        self._start = self._searched = 0
        self._literal = None
        self._begin()

    def _begin(self) -> None:
        """A command."""
        self._words: list[Word] = []
        self._octets = 0  # in the words
        self._after_literal = False
        self._refused: Refused | None = None  # what is wrong with the command under way

    def events(self) -> Iterator[Event]:
        """Yield what is complete. ``expects_response`` may be set between two events."""
        while True:
            if self._literal is not None and not self._take_literal(self._literal):
                return
            end = self._buffer.find(b"\n", max(self._searched, self._start))
            if end < 0:
                self._searched = len(self._buffer)
                if self.buffered > LONGEST_LINE:
                    yield self._lost(f"line of {LONGEST_LINE} octets")
                return
            if end - self._start > LONGEST_LINE:
                yield self._lost(f"line of {LONGEST_LINE} octets")
                return
            # Line ends of telnet users: LF alone separates nothing dangerous here.
            line = bytes(self._buffer[self._start : end]).removesuffix(b"\r")
            self._start = self._searched = end + 1
            line, digits = split_literal(line)
            self._read(line, announces=digits is not None)
            if digits is None:
                event = self._finish()
                if event is not None:
                    yield event
            elif len(digits) > 10 or int(digits) > MOST_SKIPPED:
                yield self._lost(f"literal of {MOST_SKIPPED} octets")
                return
            else:
                self._announce(int(digits))

    def _lost(self, what: str) -> Refused:
        self.forget()
        return Refused(BadSyntax(what, b"...", "RFC 5804 section 4"), fatal=True)

    def _read(self, line: bytes, *, announces: bool) -> None:
        """A line, or what stands before the announcement of a literal."""
        if self._refused is not None:
            return
        try:
            self._words += read_words(line, after_literal=self._after_literal)
            if announces and self._words and not line.endswith(b" "):
                raise BadSyntax("space before a string", line[-20:], "RFC 5804 section 4")
            if len(self._words) > _MOST_WORDS:
                raise BadSyntax("list of arguments", b"...", "RFC 5804 section 4")
        except BadSyntax as error:
            self._refused = Refused(error)
            self._words.clear()
        self._octets += len(line)

    def _announce(self, size: int) -> None:
        """A literal of that many octets comes next."""
        self._literal = size
        # All strings of a command count together, or many small ones would fill the memory.
        room = min(self.longest_string, self.longest_string + LONGEST_LINE - self._octets)
        if self._refused is None and size > room:
            self._refuse_literal()

    def _refuse_literal(self) -> None:
        puts = bool(self._words) and self._words[0].octets.upper() == b"PUTSCRIPT"
        wanted = f"string of at most {self.longest_string} octets"
        self._refused = Refused(
            BadSyntax(wanted, b"...", "RFC 5804 section 1.5"), "QUOTA/MAXSIZE" if puts else ""
        )

    def _take_literal(self, size: int) -> bool:
        """Return whether it is complete. One that is refused is dropped as it comes."""
        if self._refused is not None:
            dropped = min(size, self.buffered)
            self._start += dropped
            self._searched = self._start
            self._literal = size - dropped
            if self._literal:
                return False
        elif self.buffered < size:
            return False
        else:
            self._words.append(String(bytes(self._buffer[self._start : self._start + size])))
            self._octets += size
            self._start += size
            self._searched = self._start
        self._literal = None
        self._after_literal = True
        return True

    def _finish(self) -> Event | None:
        words, refused = self._words, self._refused
        self._begin()
        if refused is not None:
            return refused
        if not words and not self.expects_response:
            return None  # an empty line asks for nothing, and an answer to it would confuse
        try:
            return _response(words) if self.expects_response else _command(words)
        except BadSyntax as error:
            return Refused(error)


def _response(words: list[Word]) -> Response:
    """Some clients cancel with ``*`` as it is, without quotes."""
    if len(words) != 1:
        raise BadSyntax("string", b"...", "RFC 5804 section 2.1")
    return Response(words[0].octets)


def _command(words: list[Word]) -> Command:
    verb = words[0].octets.decode("latin-1").upper() if isinstance(words[0], Atom) else ""
    if verb not in _COMMANDS:
        raise BadSyntax("ManageSieve command", words[0].octets[:20], "RFC 5804 section 2")
    kinds, optional = _COMMANDS[verb]
    given = words[1:]
    if not len(kinds) - optional <= len(given) <= len(kinds):
        raise BadSyntax(f"list of arguments of {verb}", b"...", "RFC 5804 section 4")
    return Command(verb, tuple(kind(word) for kind, word in zip(kinds, given, strict=False)))
