"""The content of a part as octets and as text, for search, previews and BINARY. Never raises."""

import binascii
import re

from postroom.message.html import html_to_text
from postroom.message.structure import Part
from postroom.message.words import charset_to_str, guess

_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
_SOFT_BREAK = re.compile(rb"=[ \t]*\r?\n")
_PADDING = re.compile(rb"=+")
ENCODINGS = frozenset(
    (
        "7bit",
        "8bit",
        "binary",
        "",
        "base64",
        "quoted-printable",
        "x-uuencode",
        "uuencode",
        "x-uue",
        "uue",
    )
)


def decoded_octets(message: bytes, part: Part, limit: int | None = None) -> bytes:
    """Return the body of a part without its Content-Transfer-Encoding (RFC 2045 section 6).

    An encoding we do not know leaves the octets as they are (``part.encoding in ENCODINGS``
    tells). With *limit*, about as many encoded octets are read, for a look at the beginning.
    """
    end = part.end if limit is None else min(part.end, part.body + limit)
    return decode_transfer(message[part.body : end], part.encoding)


def decoded_text(message: bytes, part: Part, limit: int | None = None) -> str:
    """Return the body of a text part as text, HTML without its tags."""
    octets = decoded_octets(message, part, limit)
    text = charset_to_str(octets, part.charset) if part.charset else guess(octets)
    return html_to_text(text) if part.subtype == "html" else text


def decode_transfer(octets: bytes, encoding: str) -> bytes:
    """Undo a Content-Transfer-Encoding as far as the octets allow."""
    if encoding == "base64":
        return decode_base64(octets)
    if encoding == "quoted-printable":
        # White space at the end of a line was added on the way (RFC 2045 section 6.7, rule 3).
        return binascii.a2b_qp(_SOFT_BREAK.sub(b"", _strip_line_ends(octets)))
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return _decode_uu(octets)
    return octets


def decode_base64(octets: bytes) -> bytes:
    """Decode base64, ignoring other octets (RFC 2045 section 6.8) and a broken end.

    Padding in the middle ends one piece; another begins after it, as when parts were joined.
    """
    kept = octets.translate(None, _NOT_BASE64).rstrip(b"=")
    if b"=" not in kept:
        return _decode_piece(kept)
    return b"".join([_decode_piece(piece) for piece in _PADDING.split(kept)])


def _decode_piece(piece: bytes) -> bytes:
    if len(piece) % 4 == 1:
        piece = piece[:-1]
    return binascii.a2b_base64(piece + b"=" * (-len(piece) % 4))


def _strip_line_ends(octets: bytes) -> bytes:
    if b" \r\n" in octets or b"\t\r\n" in octets or b" \n" in octets or b"\t\n" in octets:
        return b"\n".join(
            [
                line[:-1].rstrip(b" \t") + b"\r" if line.endswith(b"\r") else line.rstrip(b" \t")
                for line in octets.split(b"\n")
            ]
        )
    return octets


def _decode_uu(octets: bytes) -> bytes:
    decoded = []
    inside = False
    for line in octets.split(b"\n"):
        line = line.rstrip(b"\r")
        if not inside:
            inside = line.startswith(b"begin ")
        elif line == b"end":
            break
        elif line:
            length = (line[0] - 32) & 63
            quads = bytes([(octet - 32) & 63 for octet in line[1 : 1 + (length + 2) // 3 * 4]])
            quads += bytes(-len(quads) % 4)
            joined = bytearray()
            for at in range(0, len(quads), 4):
                a, b, c, d = quads[at : at + 4]
                joined += (a << 18 | b << 12 | c << 6 | d).to_bytes(3, "big")
            decoded.append(bytes(joined[:length]))
    return b"".join(decoded)
