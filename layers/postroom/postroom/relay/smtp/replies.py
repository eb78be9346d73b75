"""Replies of a server (RFC 5321 section 4.2), read without trust in it.

As Postfix does: a bare LF ends a line, the code of the last line counts. Unlike it: a line
without a code, or over a limit, ends the session.
"""

import re
from collections.abc import Sequence
from typing import Literal

from postroom.errors import BadSyntax, PostroomError
from postroom.relay.smtp.limits import ClientLimits

LONGEST_TEXT = 500  # characters of a reply that we keep
_SHAPE = "RFC 5321 section 4.2"
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
# RFC 2034 section 4; RFC 3463 section 2.
_ENHANCED = re.compile(rb"[ \t]*([245])\.([0-9]{1,3})\.([0-9]{1,3})(?=[ \t:-]|\Z)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_DEFAULTS = {
    421: "4.3.2",
    450: "4.2.0",
    451: "4.3.0",
    452: "4.3.1",
    454: "4.7.0",
    455: "4.5.4",
    500: "5.5.2",
    501: "5.5.4",
    502: "5.5.1",
    503: "5.5.1",
    504: "5.5.4",
    521: "5.3.2",
    530: "5.7.0",
    534: "5.7.9",
    535: "5.7.8",
    538: "5.7.11",
    551: "5.1.6",
    552: "5.2.2",
    553: "5.1.3",
    555: "5.5.4",
    556: "5.1.10",
}


class Reply:
    """One reply, of one or more lines."""

    __slots__ = ("code", "lines")

    def __init__(self, code: int, lines: Sequence[bytes]) -> None:
        self.code = code
        self.lines = lines  # without code and line end

    @property
    def kind(self) -> int:
        """2: done, 3: go on, 4: not now, 5: no."""
        return self.code // 100

    @property
    def status(self) -> str:
        """The enhanced code that the server gave, if it fits the reply; else one that does."""
        match = _ENHANCED.match(self.lines[0])
        if match is None or int(match[1]) != self.kind:
            return _DEFAULTS.get(self.code, f"{self.kind if self.kind != 3 else 5}.0.0")
        # int() takes leading zeros off, which RFC 3463 section 2 forbids.
        return f"{self.kind}.{int(match[2])}.{int(match[3])}"

    @property
    def is_enhanced(self) -> bool:
        match = _ENHANCED.match(self.lines[0])
        return match is not None and int(match[1]) == self.kind

    @property
    def text(self) -> str:
        """Fit for logs and reports: one line, no control characters, of bounded length.

        An enhanced code is repeated on each line (RFC 2034 section 4); it is kept once.
        """
        lines = list(self.lines)
        match = _ENHANCED.match(lines[0])
        if match is not None:
            code = match[0].strip()
            lines[1:] = [line.strip().removeprefix(code) for line in lines[1:]]
        words = b" ".join(line.strip() for line in lines)[: LONGEST_TEXT * 4]
        text = _CONTROL.sub(" ", words.decode("utf-8", "replace"))
        return f"{self.code} {text.strip()}"[:LONGEST_TEXT].rstrip()

    def __repr__(self) -> str:
        return f"Reply({self.text!r})"


class ReplyReader:
    """Give it what the socket had, in pieces of any size; ask for the next whole reply."""

    def __init__(self, limits: ClientLimits) -> None:
        self._limits = limits
        self._buffer = b""
        self._lines: list[bytes] = []  # of a reply that has not ended
        self._octets = 0  # of that reply

    @property
    def is_empty(self) -> bool:
        """Nothing is left, not even a part of a reply."""
        return not self._buffer and not self._lines

    def receive(self, octets: bytes) -> None:
        self._buffer = self._buffer + octets if self._buffer else octets

    def next(self) -> Reply | None:
        """The next reply, or None until more has come. Raises BadSyntax."""
        limits = self._limits
        while True:
            end = self._buffer.find(b"\n", 0, limits.reply_line)
            if end < 0:
                if len(self._buffer) >= limits.reply_line:
                    raise BadSyntax("reply of bearable length", self._buffer, _SHAPE)
                if self._buffer and _LINE.match(self._buffer.ljust(3, b"0")) is None:
                    raise BadSyntax("reply", self._buffer, _SHAPE)  # no need to wait for its end
                return None
            line = self._buffer[:end]
            self._buffer = self._buffer[end + 1 :]
            match = _LINE.fullmatch(line[:-1] if line.endswith(b"\r") else line)
            if match is None:
                raise BadSyntax("reply", line, _SHAPE)
            self._lines.append(match[3] or b"")
            self._octets += end
            if len(self._lines) > limits.reply_lines or self._octets > limits.reply_octets:
                raise BadSyntax("reply of bearable length", line, _SHAPE)
            if match[2] != b"-":
                reply = Reply(int(match[1]), self._lines)
                self._lines, self._octets = [], 0
                return reply


class SessionEnded(PostroomError):
    """The session is of no use any more.

    *why*: "lost": the connection broke; "slow": the peer was silent for too long; "garbled": it
    does not speak SMTP; "busy": it said 421, which is *reply*.
    """

    def __init__(
        self,
        why: Literal["lost", "slow", "garbled", "busy"],
        sentence: str,
        reply: Reply | None = None,
        *,
        sending: bool = False,
    ) -> None:
        self.why = why
        self.reply = reply
        self.sending = sending  # not all octets were handed over
        super().__init__(sentence)
