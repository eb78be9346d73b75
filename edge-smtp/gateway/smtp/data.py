"""The octets between DATA and the final dot (RFC 5321 sections 2.3.8, 4.1.1.4 and 4.5.2)."""

import re

from gateway.smtp.content import BareLineEndings, Content
from gateway.smtp.line_endings import has_bare, normalise

END = b"\r\n.\r\n"
_DOT = re.compile(rb"\r\n\.")  # jumps from CR to CR: twice as fast as bytes.find
_UNFINISHED_ENDS = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")


class DataReader:
    """Give it whatever the socket had, in pieces of any size; it tells what is certain so far.

    Only CRLF.CRLF ends the data. Work is done on whole pieces, never line by line: a message of
    4 KiB costs a few searches. ``bare`` is set when a CR or LF stood alone and is to be refused;
    the reader goes on to the true end, so that what follows is not taken for commands.
    """

    def __init__(self, bare_line_endings: BareLineEndings = "refuse") -> None:
        self._normalise = bare_line_endings == "normalise"
        self._unfinished = _UNFINISHED_ENDS + (b"\n",) * self._normalise  # a dot may follow it
        # The CRLF of the DATA command counts: a dot at once is an empty message.
        self._held = b"\r\n"
        self._skip = 2
        self.bare = False

    def read(self, octets: bytes, start: int = 0) -> tuple[Content, int]:
        """Return what became certain, and where in *octets* the next command begins."""
        held = self._held
        text = held + (octets[start:] if start else octets)
        dot = _DOT.search(text)  # mostly the final one: a second search is rare
        end = text.find(END, dot.start()) if dot is not None else -1
        if dot is not None and end >= 0:
            used = start + end + len(END) - len(held)
            return Content(self._plain(text[: end + 2], dot.start() < end), ended=True), used
        keep = next((len(part) for part in self._unfinished if text.endswith(part)), 0)
        self._held = text[-keep:] if keep else b""
        if keep:
            text = text[:-keep]
        return Content(self._plain(text, dot is not None), ended=False), len(octets)

    def _plain(self, text: bytes, dots: bool) -> bytes:
        """Remove dot-stuffing and look at line endings. *text* does not end inside a CRLF."""
        if dots:
            text = text.replace(b"\r\n.", b"\r\n")
        if self._normalise:
            text = normalise(text, dot_stuffed=True)
        elif not self.bare:
            self.bare = has_bare(text)
        if self._skip and text:
            text = text[self._skip :]
            self._skip = 0
        return text
