"""Parts encoded anew for a server that takes no 8-bit content, or no long lines.

RFC 6152 section 3: what is 8bit may be sent to a server without 8BITMIME once it is encoded. RFC
2045 sections 6.2 to 6.8: leaf parts become quoted-printable or base64, whichever is shorter; the
containers then say 7bit. A part that needs nothing keeps every octet. Fields are not encoded:
raw 8-bit text in a header has no 7-bit form that says the same.
"""

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

from postroom.message.decode import decode_transfer
from postroom.message.headers import fields
from postroom.message.scan import scan
from postroom.message.structure import Part

LONGEST_LINE = 998  # octets without CRLF (RFC 5322 section 2.1.1)
_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_NOT_ASCII = bytes(range(128)) + b"?" * 128
_IDENTITY = frozenset(("", "7bit", "8bit", "binary"))
# RFC 2046 sections 5.2.2 and 5.2.3: these are 7bit, and no other encoding is allowed.
_NEVER_ENCODED = frozenset(("message/partial", "message/external-body"))


class Encoded(NamedTuple):
    content: bytes
    # Something within multipart/signed (RFC 1847) was encoded: its signature does not hold now.
    signed: bool


def has_long_line(content: bytes) -> bool:
    """Whether a line is longer than LONGEST_LINE, which servers refuse."""
    position, last = 0, len(content) - LONGEST_LINE
    while position < last:
        # The line end that is furthest on within reach: a step goes over many lines at once.
        found = content.rfind(b"\n", position, position + LONGEST_LINE + 2)
        if found < 0:
            return True
        position = found + 1
    return False


def is_canonical(content: bytes) -> bool:
    """Whether every CR and every LF is one of a CRLF (RFC 5321 section 2.3.8)."""
    ends = content.count(b"\r\n")
    return content.count(b"\n") == ends == content.count(b"\r")


def canonical(content: bytes) -> bytes:
    """Make a CRLF of each bare CR or LF."""
    return content if is_canonical(content) else _BARE.sub(b"\r\n", content)


def encoded_anew(message: bytes, *, seven_bit: bool) -> Encoded:
    """Return the message with its long lines gone and, if so asked, in 7 bits. Never raises.

    *message* has CRLF line ends. Long lines of fields are folded, as Postfix does, where no
    space allows it, too.
    """
    return _Encoder(message, seven_bit).run()


class _Encoder:
    def __init__(self, message: bytes, seven_bit: bool) -> None:
        self._message = message
        self._seven_bit = seven_bit
        self._signed = False

    def run(self) -> Encoded:
        content = b"".join(self._part(scan(self._message), signed=False, top=True))
        return Encoded(content if content.endswith(b"\r\n") else content + b"\r\n", self._signed)

    def _part(self, part: Part, *, signed: bool, top: bool = False) -> Iterator[bytes]:
        message = self._message
        if not self._offends(message[part.header : part.end]):
            yield message[part.header : part.end]
            return
        header = _short_lines(message[part.header : part.body], b"\r\n ")
        kind = f"{part.media_type}/{part.subtype}"
        opaque = kind == "message/global" and self._has_raw_fields(part)
        if part.children and not opaque:
            signed = signed or kind == "multipart/signed"
            if self._seven_bit and part.encoding in ("8bit", "binary"):
                header = _with_field(header, b"Content-Transfer-Encoding", b"7bit")
            yield header
            position = part.body
            for child in part.children:
                yield self._between(message[position : child.header])
                yield from self._part(child, signed=signed, top=child.number == part.number)
                position = child.end
            yield self._between(message[position : part.end])
            return
        body = message[part.body : part.end]
        encoding = part.encoding
        known = encoding in _IDENTITY or encoding in ("base64", "quoted-printable")
        if not self._offends(body) or kind in _NEVER_ENCODED or not known:
            yield header
            yield body
            return
        self._signed = self._signed or signed
        octets = body if encoding in _IDENTITY else decode_transfer(body, encoding)
        name, text = _encode(octets, is_text=part.media_type == "text")
        header = _with_field(header, b"Content-Transfer-Encoding", name)
        yield _as_mime(header, octets) if top else header
        yield text

    def _offends(self, octets: bytes) -> bool:
        return (self._seven_bit and not octets.isascii()) or has_long_line(octets)

    def _has_raw_fields(self, part: Part) -> bool:
        """RFC 6532 section 3.7: message/global may be encoded, which keeps its UTF-8 fields."""
        inner = part.children[0] if part.children else None
        if inner is None or not self._seven_bit:
            return False
        return not self._message[inner.header : inner.body].isascii()

    def _between(self, octets: bytes) -> bytes:
        """Boundaries, preamble and epilogue; no reader shows what is not a boundary."""
        if not self._offends(octets):
            return octets
        if self._seven_bit:
            octets = octets.translate(_NOT_ASCII)
        return _short_lines(octets, b"\r\n")


def _encode(octets: bytes, *, is_text: bool) -> tuple[bytes, bytes]:
    """Return name and text of the shorter encoding. Lines of text stay lines in either."""
    if is_text:
        octets = canonical(octets)
    quoted = binascii.b2a_qp(octets, istext=is_text, header=False)
    if b"\n" in quoted:  # its soft breaks are bare when the first line end is, or there is none
        quoted = quoted.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if len(quoted) <= (len(octets) + 2) // 3 * 4 * 78 // 76:
        return b"quoted-printable", quoted
    coded = binascii.b2a_base64(octets, newline=False)
    return b"base64", b"\r\n".join([coded[at : at + 76] for at in range(0, len(coded), 76)])


def _with_field(header: bytes, name: bytes, value: bytes) -> bytes:
    """Put the field in the place of the first of its name, take the others out."""
    line = b"%b: %b\r\n" % (name, value)
    wanted = name.decode().lower()
    found = [field for field in fields(header) if field.name.lower() == wanted]
    if not found:
        end = header.endswith(b"\r\n\r\n") or header == b"\r\n"
        return header[:-2] + line + b"\r\n" if end else header + line
    pieces, position = [], 0
    for field in found:
        pieces += [header[position : field.start], b"" if position else line]
        position = field.end
    return b"".join([*pieces, header[position:]])


def _as_mime(header: bytes, octets: bytes) -> bytes:
    """A message that is not MIME becomes so, or nobody undoes the encoding (RFC 2045 section 4).

    Its charset is a guess; RFC 1428 section 3 has a name for not knowing.
    """
    present = {field.name.lower() for field in fields(header)}
    if "mime-version" not in present:
        header = _with_field(header, b"MIME-Version", b"1.0")
    if "content-type" not in present:
        charset = b"us-ascii" if octets.isascii() else b"utf-8" if _is_utf8(octets) else b""
        kind = b"text/plain; charset=%b" % (charset or b"unknown-8bit")
        header = _with_field(header, b"Content-Type", kind)
    return header


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def _short_lines(octets: bytes, line_end: bytes) -> bytes:
    """Break lines that are too long: at a space where there is one, else anywhere."""
    if not has_long_line(octets):
        return octets
    short = []
    for line in octets.split(b"\n"):
        while len(line) > LONGEST_LINE:
            # Not in the first octets, which would leave a line of white space only.
            at = max(line.rfind(b" ", 80, LONGEST_LINE), line.rfind(b"\t", 80, LONGEST_LINE))
            if at > 0:
                # The space that is there begins the next line: nothing is added but CRLF.
                short.append(line[:at] + b"\r")
                line = line[at:]
            else:
                cut = LONGEST_LINE - 1
                short.append(line[:cut] + b"\r")
                line = line_end[2:] + line[cut:]
        short.append(line)
    return b"\n".join(short)
