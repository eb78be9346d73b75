"""SMTP without I/O: octets in, events out. What the octets mean is the dialogue's business."""

from typing import NamedTuple

from gateway.smtp.bdat import ChunkReader
from gateway.smtp.content import Content
from gateway.smtp.data import DataReader


class Line(NamedTuple):
    """One command, without its CRLF."""

    text: bytes


class BadLine(NamedTuple):
    """A line that cannot be a command. After a bare LF nobody knows where the next one begins."""

    reason: str  # "too long", "bare CR", "bare LF", "NUL"


Event = Line | BadLine | Content


class Engine:
    """Commands by default; after ``read_with`` the octets of a message, until its end.

    Nothing but what the socket gave last is held back, and of a line that is too long nothing.
    """

    def __init__(self, longest_line: int) -> None:
        self._longest_line = longest_line  # CRLF included
        self._input = b""
        self._at = 0
        self._reader: DataReader | ChunkReader | None = None
        self._discarding = False  # until the end of a line that was too long

    @property
    def waiting(self) -> int:
        """Octets received and not yet told of."""
        return len(self._input) - self._at

    def receive(self, octets: bytes) -> None:
        self._input = self._input[self._at :] + octets if self.waiting else octets
        self._at = 0

    def read_with(self, reader: DataReader | ChunkReader) -> None:
        """What follows is text of a message, until the reader says that it ended."""
        self._reader = reader

    def next_event(self) -> Event | None:
        """Return what came next, or None when more octets are needed."""
        reader = self._reader
        if reader is None:
            return self._next_line() if self._at < len(self._input) else None
        content, self._at = reader.read(self._input, self._at)
        if content.ended:
            self._reader = None
        elif not content.octets:
            return None
        return content

    def _next_line(self) -> Line | BadLine | None:
        octets, start = self._input, self._at
        end = octets.find(b"\n", start)
        if self._discarding:
            return self._end_of_long_line(end)
        if (end if end >= 0 else len(octets)) - start >= self._longest_line:
            self._discarding = True
            return self._end_of_long_line(end)
        if end < 0:
            return None
        self._at = end + 1
        if end == start or octets[end - 1] != 13:
            return BadLine("bare LF")
        text = octets[start : end - 1]
        if b"\r" in text:
            return BadLine("bare CR")
        if b"\0" in text:
            return BadLine("NUL")
        return Line(text)

    def _end_of_long_line(self, end: int) -> BadLine | None:
        """Throw away what is there of the line; tell of it once, at its end."""
        if end < 0:
            self._at = len(self._input)
            return None
        self._at = end + 1
        self._discarding = False
        return BadLine("too long")
