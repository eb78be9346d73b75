"""The octets after BDAT (RFC 3030): counted, not ended by a dot, not dot-stuffed.

BINARYMIME is not offered, so the text is lines and the same rule holds for a bare CR or LF as
in DATA: the next server may get it by DATA, and could be smuggled to.
"""

import re
from typing import NamedTuple

from gateway.smtp.content import BareLineEndings, Content
from gateway.smtp.line_endings import has_bare, normalise
from postroom.errors import BadSyntax

_ARGUMENTS = re.compile(rb"([0-9]{1,20})(?:[ \t]+(LAST))?[ \t]*", re.IGNORECASE)


class Chunk(NamedTuple):
    size: int
    last: bool


def parse_bdat(arguments: bytes) -> Chunk:
    """``86`` or ``0 LAST`` (RFC 3030 section 2). Raises BadSyntax."""
    match = _ARGUMENTS.fullmatch(arguments)
    if match is None:
        raise BadSyntax("bdat-cmd", arguments, "RFC 3030 section 2")
    return Chunk(int(match[1]), match[2] is not None)


class ChunkReader:
    """Reads the chunks of one message. ``bare`` as in DataReader."""

    def __init__(self, bare_line_endings: BareLineEndings = "refuse") -> None:
        self._normalise = bare_line_endings == "normalise"
        self._left = 0
        self._last = False
        self._held = b""  # a CR whose LF may come in the next piece
        self.bare = False

    def start(self, chunk: Chunk) -> None:
        self._left, self._last = chunk

    def read(self, octets: bytes, start: int = 0) -> tuple[Content, int]:
        """Return the octets of this chunk, and where in *octets* the next command begins."""
        text = octets[start : start + self._left]
        used = start + len(text)
        self._left -= len(text)
        ended = self._left == 0
        text = self._held + text
        self._held = b""
        if text.endswith(b"\r") and not (ended and self._last):
            text, self._held = text[:-1], b"\r"
        if self._normalise:
            text = normalise(text)
        elif not self.bare:
            self.bare = has_bare(text)
        return Content(text, ended), used
