"""The body of an answer as a MIME entity (RFC 2045 section 2.4): content fields and content."""

import base64
import binascii
import hashlib
import re

from postroom.message.headers import end_of_header, fields

_LONGEST_LINE = 78  # RFC 5322 section 2.1.1; longer ones are encoded, so that none is broken up
_LIMIT = 998  # octets of a line, without its CRLF (RFC 5322 section 2.1.1)
_LINE_END = re.compile(r"\r\n|\r|\n")
_FIELD_NAME = re.compile(r"Content-[!-9;-~]{1,60}", re.IGNORECASE)


def text_entity(text: str, html: str = "") -> bytes:
    """Text for people, with an HTML twin when there is one. ASCII, CRLF; the same for the same."""
    plain = _leaf("plain", text)
    if not html:
        return plain
    parts = [plain, _leaf("html", html)]  # the best one last (RFC 2046 section 5.1.4)
    boundary = _boundary(parts)
    head = f'Content-Type: multipart/alternative;\r\n\tboundary="{boundary}"\r\n\r\n'.encode()
    mark = b"--" + boundary.encode()
    return head + b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"


def given_entity(text: str) -> bytes:
    """An entity that a user wrote (RFC 5230 section 4.4), made fit for a message.

    Only its Content fields count. Line ends become CRLF, and what is said to be plain but is not
    ASCII, or has lines too long for SMTP, is encoded.
    """
    octets = _lines(text).encode("utf-8", "replace")
    body = octets[end_of_header(octets) :]
    kept = [
        octets[field.start : field.end].rstrip(b"\r\n") + b"\r\n"
        for field in fields(octets[: end_of_header(octets)])
        if _FIELD_NAME.fullmatch(field.name) and octets[field.start : field.end].isascii()
    ]
    names = {field.partition(b":")[0].strip().lower() for field in kept}
    if b"content-type" not in names:
        kept.append(b"Content-Type: text/plain; charset=utf-8\r\n")
    is_text = not any(
        field.lower().startswith(b"content-type:") and b"text/" not in field.lower()
        for field in kept
    )
    if b"content-transfer-encoding" not in names and (not body.isascii() or _has_long_line(body)):
        # Of a multipart only the name of what is in it may stand here (RFC 2045 section 6.4).
        encoding = "quoted-printable" if is_text else "8bit"
        body = _quoted_printable(body) if is_text else body
        kept.append(f"Content-Transfer-Encoding: {encoding}\r\n".encode())
    return b"".join(kept) + b"\r\n" + _ended(body)


def _leaf(subtype: str, text: str) -> bytes:
    octets = _ended(_lines(text).encode("utf-8", "replace"))
    encoding, body = "7bit", octets
    if not octets.isascii() or max(map(len, octets.split(b"\r\n"))) > _LONGEST_LINE:
        encoded = base64.encodebytes(octets).replace(b"\n", b"\r\n")
        ways = (("quoted-printable", _quoted_printable(octets)), ("base64", encoded))
        encoding, body = min(ways, key=lambda way: len(way[1]))
    return (
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    ).encode() + body


def _lines(text: str) -> str:
    return _LINE_END.sub("\r\n", text.replace("\0", ""))


def _ended(octets: bytes) -> bytes:
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def _has_long_line(octets: bytes) -> bool:
    return max(map(len, octets.split(b"\r\n"))) > _LIMIT


def _quoted_printable(octets: bytes) -> bytes:
    """RFC 2045 section 6.7, line by line."""
    lines = [
        binascii.b2a_qp(line, istext=False).replace(b"=\n", b"=\r\n")
        for line in octets.split(b"\r\n")
    ]
    return b"\r\n".join(lines)


def _boundary(parts: list[bytes]) -> str:
    """One that occurs in no part: "=_" is in neither base64 nor quoted-printable, and a part as it
    is cannot hold its own hash."""
    digest = hashlib.blake2b(b"\0".join(parts), digest_size=15).digest()
    return "=_" + base64.b32encode(digest).decode().lower()
