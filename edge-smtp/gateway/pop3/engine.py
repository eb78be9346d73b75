"""Octets from a POP3 client become commands. No I/O, no state but the unfinished line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from postroom.errors import BadSyntax

# RFC 2449 section 4 asks for 255; names and passwords in base64 and UTF-8 get more room.
LONGEST_LINE = 2048
LONGEST_RESPONSE = 12288  # RFC 5034 section 4, of a line in a SASL exchange

_NUMBER = re.compile(r"[0-9]{1,10}")
# How many arguments each command takes. USER and PASS take the rest of the line: a password
# may have spaces (RFC 1939 section 7).
_ARGUMENTS = {
    "APOP": (2, 2),
    "AUTH": (0, 2),
    "CAPA": (0, 0),
    "DELE": (1, 1),
    "LANG": (0, 1),
    "LIST": (0, 1),
    "NOOP": (0, 0),
    "PASS": (1, 1),
    "QUIT": (0, 0),
    "RETR": (1, 1),
    "RSET": (0, 0),
    "STAT": (0, 0),
    "STLS": (0, 0),
    "TOP": (2, 2),
    "UIDL": (0, 1),
    "USER": (1, 1),
    "UTF8": (0, 0),
}
_REST_OF_LINE = frozenset({"USER", "PASS"})


@dataclass(frozen=True, slots=True)
class Command:
    verb: str  # upper case, one of the commands above
    arguments: tuple[str, ...] = ()

    def __repr__(self) -> str:  # the argument of PASS must not reach a log
        return f"Command({self.verb!r}, ...)"


@dataclass(frozen=True, slots=True)
class Response:
    """A line of a SASL exchange, without its line end."""

    text: bytes

    def __repr__(self) -> str:
        return "Response(...)"


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is no command. ``fatal``: it was too long, and where it ends is not known."""

    error: BadSyntax
    fatal: bool = False


Event = Command | Response | Refused


class Engine:
    """Give it whatever the socket had, in pieces of any size; ask it for events."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0  # of the first line that has not been taken
        self._searched = 0  # there is no line end before this octet
        self.expects_response = False  # the next line belongs to a SASL exchange

    @property
    def buffered(self) -> int:
        return len(self._buffer) - self._start

    def receive(self, octets: bytes) -> None:
        if self._start == len(self._buffer):
            self._buffer.clear()
            self._start = self._searched = 0
        elif self._start > 64 * 1024:
            del self._buffer[: self._start]
            self._searched -= self._start
            self._start = 0
        self._buffer += octets

    def forget(self) -> None:
        """Drop what came before TLS began: nobody knows who sent it (RFC 2595 section 2.1)."""
        self._buffer.clear()
        self._start = self._searched = 0

    def events(self) -> Iterator[Event]:
        """Yield what is complete. ``expects_response`` may be set between two events."""
        while True:
            limit = LONGEST_RESPONSE if self.expects_response else LONGEST_LINE
            end = self._buffer.find(b"\n", max(self._searched, self._start))
            if end < 0:
                self._searched = len(self._buffer)
                if self.buffered >= limit:
                    self.forget()
                    yield _too_long(limit)
                return
            line = bytes(self._buffer[self._start : end])
            self._start = self._searched = end + 1
            if len(line) > limit:
                self.forget()
                yield _too_long(limit)
                return
            # Line ends of telnet users: LF alone separates nothing dangerous in POP3.
            line = line.removesuffix(b"\r")
            if self.expects_response:
                yield Response(line)
                continue
            try:
                yield parse(line)
            except BadSyntax as error:
                yield Refused(error)


def parse(line: bytes) -> Command:
    """Return the command on a line without its line end (RFC 1939 section 3). Raises BadSyntax."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadSyntax("UTF-8 command", line[:4], "RFC 6856 section 2.2") from error
    if "\r" in text or "\0" in text:
        raise BadSyntax("command", line[:4], "RFC 2449 section 4")
    word, _, rest = text.partition(" ")
    verb = word.upper()
    bounds = _ARGUMENTS.get(verb)
    if bounds is None:
        raise BadSyntax("POP3 command", word[:20].encode(), "RFC 1939 section 3")
    arguments = tuple(rest.split() if verb not in _REST_OF_LINE else [rest] if rest else [])
    if not bounds[0] <= len(arguments) <= bounds[1]:
        raise BadSyntax(f"list of arguments of {verb}", b"...", "RFC 1939 section 3")
    return Command(verb, arguments)


def parse_number(text: str) -> int:
    """A message number, or a number of lines. Raises BadSyntax."""
    if _NUMBER.fullmatch(text) is None:
        raise BadSyntax("number", text[:20].encode(), "RFC 1939 section 3")
    return int(text)


def _too_long(limit: int) -> Refused:
    return Refused(BadSyntax(f"line of {limit} octets", b"...", "RFC 2449 section 4"), fatal=True)
