"""From the octets of a connection to whole commands (RFC 9051 sections 2.2.1 and 4.3; RFC 7888).

A command is a line, or several with literals between them. ``CommandReader`` puts it together,
says when the client waits for ``+``, and lets the messages of an APPEND through in pieces, so that
none lies in memory whole.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

LONGEST_COMMAND = 64 * 1024  # octets, literals other than messages included
LONGEST_BEFORE_LOGIN = 16 * 1024  # little is kept for a stranger
_CHUNK = 64 * 1024
_LONGEST_HEAD = 24  # of a literal: ``~{`` 19 digits ``+}``

_LITERAL = re.compile(rb"~?\{([0-9]{1,19})(\+?)\}\Z")
_APPEND = re.compile(rb"[^ ]+ (?:APPEND|(?:UID )?REPLACE (?:[0-9]+|\*)) ", re.IGNORECASE)
_MAILBOX_LITERAL = re.compile(_APPEND.pattern + rb"\{[0-9]+\+?\}\r\n\Z", re.IGNORECASE)
_URL_LITERAL = re.compile(rb"[ (]URL ~?\{[0-9]+\+?\}\Z", re.IGNORECASE)  # RFC 4469 section 5
_LONGEST_URL_HEAD = _LONGEST_HEAD + 6


@dataclass(frozen=True, slots=True)
class Ready:
    """A whole command, for ``parser.parse``: without its final CRLF, literals where they stood."""

    command: bytes


@dataclass(frozen=True, slots=True)
class Continue:
    """The client waits for a continuation request, ``+ OK``, before it sends a literal."""


@dataclass(frozen=True, slots=True)
class MessageLiteral:
    """An APPEND or REPLACE has come as far as octets of a message, *size* of them; *command* ends
    with that literal's head and can be parsed. When it is not the first of the command, *command*
    begins where the last one ended. The reader stands still until ``accept`` or ``refuse`` is
    called.

    ``waits``: the client waits for a continuation request (which the session sends once it has
    called ``accept``); after ``refuse`` its command is over and a tagged NO or BAD is the answer.
    """

    command: bytes
    size: int
    waits: bool


@dataclass(frozen=True, slots=True)
class MessageChunk:
    """The next octets of an accepted message."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class MessageEnd:
    """The command is complete; *rest* is what came after the last MessageLiteral's octets."""

    rest: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One line, CRLF removed, asked for with ``next_line_is_text``: DONE, a SASL response."""

    text: bytes


class Reason(Enum):
    LONG_LINE = auto()  # where the next command begins cannot be known: say BYE and close
    LARGE_LITERAL = auto()  # it is not sent, or it is skipped: answer BAD [TOOBIG]
    BARE_LINE_END = auto()  # a CR or LF on its own; the line is gone, the connection may live on


@dataclass(frozen=True, slots=True)
class Refused:
    """The command begun as *command* was dropped; answer it with a tagged BAD."""

    command: bytes
    reason: Reason


Event = Ready | Continue | MessageLiteral | MessageChunk | MessageEnd | Line | Refused


class _State(Enum):
    LINE = auto()  # at the start of a command, or in it after a literal
    LITERAL = auto()  # waiting for all octets of a literal that is kept
    ASKING = auto()  # a MessageLiteral was given out, nothing decided yet
    MESSAGE = auto()  # passing a message through
    AFTER_MESSAGE = auto()  # the words after a message, or between two
    SKIPPING = auto()  # passing over a literal that nobody wants
    REST = auto()  # the line after it
    CLOSED = auto()


class CommandReader:
    """Give it whatever the socket had, in pieces of any size; take the events one by one.

    Act on each event before taking the next: what a session decides (``accept``, ``refuse``,
    ``next_line_is_text``, STARTTLS's ``discard``) holds from the next octet on.
    """

    def __init__(self) -> None:
        self.longest_command = LONGEST_BEFORE_LOGIN  # raise it to LONGEST_COMMAND after login
        self._buffer = bytearray()
        self._taken = 0  # octets of the buffer that are dealt with
        self._searched = 0  # octets of the buffer known to hold no line end
        self._command = b""  # what came before, when the command has literals
        self._state = _State.LINE
        self._words = _State.LINE  # where the words go on after a literal that is kept
        self._left = 0  # octets of the literal still to come
        self._waits = False  # its sender waits for a continuation request
        self._line_is_text = False

    def receive(self, octets: bytes) -> None:
        if self._taken:
            del self._buffer[: self._taken]
            self._searched = max(0, self._searched - self._taken)
            self._taken = 0
        if self._state is not _State.CLOSED:
            self._buffer += octets

    @property
    def buffered(self) -> int:
        """Octets received and not dealt with: stop reading the socket while there are many."""
        return len(self._buffer) - self._taken

    def accept(self) -> None:
        """Let the message of the last MessageLiteral through."""
        self._state = _State.MESSAGE

    def refuse(self) -> None:
        """Do not take the message of the last MessageLiteral; answer with a tagged NO or BAD.

        A client that waits sends nothing of it; what another one sends is skipped, with the rest
        of its command.
        """
        self._drop()

    def next_line_is_text(self) -> None:
        """The next line is no command but an event of its own (IDLE's DONE, SASL)."""
        self._line_is_text = True

    def discard(self) -> None:
        """Forget what was received: nothing sent in clear before TLS may run after it
        (RFC 9051 section 6.2.1)."""
        self._buffer.clear()
        self._taken = self._searched = 0

    def events(self) -> Iterator[Event]:
        """Yield what is certain so far. Stops at a MessageLiteral until it is decided."""
        while (event := self._next()) is not None:
            yield event

    def _next(self) -> Event | None:
        while True:
            state = self._state
            if state is _State.LINE or state is _State.AFTER_MESSAGE or state is _State.REST:
                line = self._line()
                if not isinstance(line, bytes):
                    return line
                event = self._after_line(line)
                if event is not None:
                    return event
            elif state is _State.LITERAL:
                if self.buffered < self._left:
                    return None
                self._command += self._take(self._left)
                self._state, self._words = self._words, _State.LINE
            elif state is _State.MESSAGE:
                if self._left == 0:
                    self._state = _State.AFTER_MESSAGE
                elif self.buffered:
                    chunk = self._take(min(self._left, self.buffered, _CHUNK))
                    self._left -= len(chunk)
                    return MessageChunk(chunk)
                else:
                    return None
            elif state is _State.SKIPPING:
                skipped = min(self._left, self.buffered)
                self._taken += skipped
                self._left -= skipped
                if self._left:
                    return None
                self._state = _State.REST
            else:
                return None

    def _line(self) -> bytes | Refused | None:
        """Take the next line, without its CRLF; None when it has not come whole."""
        end = self._buffer.find(b"\n", max(self._taken, self._searched))
        length = (len(self._buffer) if end < 0 else end) - self._taken
        if length + len(self._command) > self.longest_command:
            self._state = _State.CLOSED
            return Refused(
                self._command or self._take(min(100, self.longest_command)), Reason.LONG_LINE
            )
        if end < 0:
            self._searched = len(self._buffer)
            return None
        line = self._take(length + 1)
        if line[-2:-1] == b"\r" and line.find(b"\r", 0, -2) < 0:
            return line[:-2]
        return self._bare_line_end(line)

    def _bare_line_end(self, line: bytes) -> Refused:
        # Two readers that disagree on where a line ends see two different commands.
        command, self._command = self._command + line, b""
        self._line_is_text = False
        self._state = _State.LINE
        return Refused(command, Reason.BARE_LINE_END)

    def _after_line(self, line: bytes) -> Event | None:
        if self._line_is_text:
            self._line_is_text = False
            return Line(line)
        # RFC 7888 section 3: the end of every line is looked at, whatever the line says.
        literal = _LITERAL.search(line, len(line) - _LONGEST_HEAD) if line[-1:] == b"}" else None
        if literal is not None:
            self._left = int(literal[1])
            self._waits = not literal[2]
        state, self._state = self._state, _State.LINE
        if state is _State.REST:
            if literal is not None:
                self._drop()
            return None
        if literal is not None:
            return self._literal(line, state)
        command, self._command = self._command + line, b""
        return Ready(command) if state is _State.LINE else MessageEnd(command)

    def _literal(self, line: bytes, words: _State) -> Event | None:
        command = self._command = self._command + line + b"\r\n"
        if self._is_of_message(command, line, words):
            self._command = b""
            self._state = _State.ASKING
            return MessageLiteral(command, self._left, self._waits)
        if len(command) + self._left > self.longest_command:
            self._drop()
            return Refused(command, Reason.LARGE_LITERAL)
        self._state, self._words = _State.LITERAL, words
        return Continue() if self._waits else None

    @staticmethod
    def _is_of_message(command: bytes, line: bytes, words: _State) -> bool:
        if words is _State.LINE and (not _APPEND.match(command) or _MAILBOX_LITERAL.match(command)):
            return False
        return not _URL_LITERAL.search(line, max(len(line) - _LONGEST_URL_HEAD, 0))

    def _drop(self) -> None:
        # Once its command is answered, a client that waits does not send the literal.
        self._command = b""
        self._state = _State.LINE if self._waits else _State.SKIPPING

    def _take(self, count: int) -> bytes:
        octets = bytes(self._buffer[self._taken : self._taken + count])
        self._taken += count
        return octets
