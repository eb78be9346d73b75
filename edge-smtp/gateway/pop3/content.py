"""A message on its way to a POP3 client: line ends, byte-stuffing, and the start of it for TOP.

Sans-IO, in pieces of any size. RFC 1939 section 3: lines end in CRLF, a line that starts with a
dot gets another one, a dot alone is the end.
"""

import re

_BARE_LF = re.compile(rb"(?<!\r)\n")


class Stuffer:
    """Turns a stored message into what goes over the wire.

    A stored message is octets as they came. Where lines end in LF alone (an APPEND by IMAP, or
    an SMTP setting that lets it in), clients would lose the line ends, so they become CRLF here;
    LIST then tells a few octets less than RETR sends. All else is sent as it is.
    """

    def __init__(self) -> None:
        self._last = b"\r\n"  # the two octets before the next piece

    def feed(self, octets: bytes) -> bytes:
        if not octets:
            return b""
        last, self._last = self._last, (self._last + octets[-2:])[-2:]
        if octets.startswith(b"\n") and last.endswith(b"\r"):
            # The piece begins in the middle of a line end.
            return b"\n" + self._inside(octets[1:], at_line_start=True)
        return self._inside(octets, at_line_start=last.endswith(b"\n"))

    def end(self) -> bytes:
        """The rest: a line end where the message lacks one, and the final dot."""
        return b".\r\n" if self._last.endswith(b"\n") else b"\r\n.\r\n"

    @staticmethod
    def _inside(octets: bytes, *, at_line_start: bool) -> bytes:
        if octets.count(b"\n") != octets.count(b"\r\n"):
            octets = _BARE_LF.sub(b"\r\n", octets)
        if b"\n." in octets:
            octets = octets.replace(b"\n.", b"\n..")
        return b"." + octets if at_line_start and octets.startswith(b".") else octets


def stuffed(octets: bytes) -> bytes:
    """A whole message with its final dot."""
    stuffer = Stuffer()
    body = stuffer.feed(octets)
    return body + stuffer.end()


class Top:
    """Lets the header, the empty line and the first *lines* of the body pass (RFC 1939 section 7).

    ``feed`` returns what passes of a piece; ``done`` says that no more will.
    """

    def __init__(self, lines: int) -> None:
        self._left = lines
        self._in_header = True
        self._line_is_empty = True  # so far
        self.done = False

    def feed(self, octets: bytes) -> bytes:
        position = 0
        while not self.done and position < len(octets):
            end = octets.find(b"\n", position)
            if end < 0:
                self._line_is_empty = self._line_is_empty and octets[position:] in (b"", b"\r")
                return octets
            empty = self._line_is_empty and octets[position:end] in (b"", b"\r")
            self._line_is_empty = True
            position = end + 1
            if self._in_header:
                self._in_header = not empty
                self.done = empty and self._left == 0
            else:
                self._left -= 1
                self.done = self._left == 0
        return octets[:position] if self.done else octets
