"""multipart/report (RFC 6522): built so that nothing inside can break it, read from anyone."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from postroom.errors import BadSyntax
from postroom.message.decode import decoded_octets
from postroom.message.delivery_status import DeliveryStatus, parse_delivery_status
from postroom.message.feedback import FeedbackReport, parse_feedback_report
from postroom.message.headers import end_of_header
from postroom.message.scan import scan
from postroom.message.structure import Part

# Postfix's bounce_size_limit: a larger message comes back as its header only.
LARGEST_RETURNED = 50_000  # octets
LARGEST_HEADER = 50_000  # octets of a header that is returned; the rest is cut off
_LONGEST_LINE = 998  # without its CRLF (RFC 5322 section 2.1.1)
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")


@dataclass(frozen=True, slots=True)
class ReportPart:
    """A body part to be written: ``body`` is encoded already and ends with CRLF."""

    content_type: str
    body: bytes
    encoding: str = "7bit"
    description: str = ""
    language: str = ""


def text_part(text: str, language: str, description: str) -> ReportPart:
    """Words for people. *text* has LF line ends; it is encoded in the shorter way when need be."""
    lines = text.replace("\n", "\r\n").encode("utf-8", "replace")
    if lines.isascii():
        return ReportPart("text/plain; charset=us-ascii", lines, "7bit", description, language)
    quoted = _quoted_printable(lines)
    encoded = base64.encodebytes(lines).replace(b"\n", b"\r\n")
    body, encoding = min(
        (quoted, "quoted-printable"), (encoded, "base64"), key=lambda way: len(way[0])
    )
    return ReportPart("text/plain; charset=utf-8", body, encoding, description, language)


def returned_part(original: bytes, full: bool, utf8: bool) -> ReportPart:
    """The original message, or its header when that is all that was asked for or will do.

    *utf8*: the way back speaks SMTPUTF8, so that header fields in UTF-8 may go as they are (RFC
    6533 section 4.5). A message that SMTP cannot carry is returned as its header.
    """
    header = original[: end_of_header(original)]
    if full and len(original) <= LARGEST_RETURNED and not _unfit(original):
        if header.isascii():
            encoding = "7bit" if original.isascii() else "8bit"
            return ReportPart("message/rfc822", _ended(original), encoding, "Original message")
        if _is_utf8(header):
            if utf8:
                return ReportPart("message/global", _ended(original), "8bit", "Original message")
            # RFC 6532 section 3.7 allows an encoding, which message/rfc822 forbids.
            encoded = base64.encodebytes(original).replace(b"\n", b"\r\n")
            return ReportPart("message/global", encoded, "base64", "Original message")
    return _returned_header(header, utf8)


def _returned_header(header: bytes, utf8: bool) -> ReportPart:
    if len(header) > LARGEST_HEADER:
        header = header[: header.rfind(b"\n", 0, LARGEST_HEADER) + 1] or header[:LARGEST_HEADER]
    header = header.rstrip(b"\r\n") + b"\r\n"  # the empty line is not part of it
    what = "Header of the original message"
    if not _unfit(header):
        if header.isascii():
            return ReportPart("text/rfc822-headers; charset=us-ascii", header, "7bit", what)
        if utf8 and _is_utf8(header):
            return ReportPart("message/global-headers", header, "8bit", what)
    charset = "utf-8" if _is_utf8(header) else "iso-8859-1"
    body = _quoted_printable(header)
    return ReportPart(f"text/rfc822-headers; charset={charset}", body, "quoted-printable", what)


def _unfit(octets: bytes) -> bool:
    """NUL, a bare CR or LF, or a line too long for SMTP (RFC 5321 sections 2.3.8, 4.5.3.1.6)."""
    longest = max(map(len, octets.split(b"\n")))  # its CR is counted
    return longest > _LONGEST_LINE + 1 or _BARE.search(octets) is not None


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _ended(octets: bytes) -> bytes:
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def _quoted_printable(octets: bytes) -> bytes:
    """RFC 2045 section 6.7. Line ends are CRLF; a bare CR or LF is encoded like any octet."""
    lines = [
        binascii.b2a_qp(line, istext=False).replace(b"=\n", b"=\r\n")
        for line in octets.split(b"\r\n")
    ]
    return _ended(b"\r\n".join(lines))


def build_report(fields: bytes, report_type: str, parts: Sequence[ReportPart]) -> bytes:
    """Return a message: *fields* above, then multipart/report with the parts."""
    bodies = [_with_header(part) for part in parts]
    boundary = _boundary(bodies)
    is_8bit = any(part.encoding == "8bit" for part in parts)  # RFC 2045 section 6.4
    delimiter = b"--" + boundary.encode()
    return b"".join(
        (
            fields,
            b"MIME-Version: 1.0\r\n",
            f"Content-Type: multipart/report; report-type={report_type};\r\n"
            f'\tboundary="{boundary}"\r\n'.encode(),
            b"Content-Transfer-Encoding: 8bit\r\n" if is_8bit else b"",
            b"\r\n",
            *(delimiter + b"\r\n" + body + b"\r\n" for body in bodies),
            delimiter + b"--\r\n",
        )
    )


def _with_header(part: ReportPart) -> bytes:
    language = f"Content-Language: {part.language}\r\n" if part.language else ""
    description = f"Content-Description: {part.description}\r\n" if part.description else ""
    return (
        f"Content-Type: {part.content_type}\r\n"
        f"Content-Transfer-Encoding: {part.encoding}\r\n{language}{description}\r\n"
    ).encode() + part.body


def _boundary(bodies: Sequence[bytes]) -> str:
    """One that occurs nowhere inside (RFC 2046 section 5.1.1), the same for the same parts."""
    digest = hashlib.blake2b(b"\0".join(bodies), digest_size=15)
    while True:
        boundary = "=_" + base64.b32encode(digest.digest()).decode().lower()
        if not any(boundary.encode() in body for body in bodies):
            return boundary
        digest.update(b"another")


@dataclass(frozen=True, slots=True)
class ReceivedReport:
    """What a message from elsewhere holds of the parts of a report."""

    delivery: DeliveryStatus | None = None
    feedback: FeedbackReport | None = None
    returned: bytes = b""  # header of the message that it is about


def read_report(message: bytes) -> ReceivedReport:
    """Find the parts of a report wherever they lie. Never raises; what is broken is not there."""
    delivery, feedback, returned = None, None, b""
    parts = [scan(message)]
    while parts:
        part = parts.pop(0)
        kind = f"{part.media_type}/{part.subtype}"
        if kind in ("message/delivery-status", "message/global-delivery-status"):
            delivery = delivery or _parsed_delivery(message, part)
        elif kind == "message/feedback-report":
            feedback = feedback or _parsed_feedback(message, part)
        elif kind in ("message/rfc822", "message/global"):
            # Not looked into: a report in a returned message is not ours to act on.
            returned = returned or _header_inside(message, part)
        elif kind in ("text/rfc822-headers", "message/global-headers"):
            returned = returned or decoded_octets(message, part, LARGEST_HEADER)
        else:
            parts += part.children
    return ReceivedReport(delivery, feedback, returned[:LARGEST_HEADER])


def _parsed_delivery(message: bytes, part: Part) -> DeliveryStatus | None:
    try:
        return parse_delivery_status(decoded_octets(message, part))
    except BadSyntax:
        return None


def _parsed_feedback(message: bytes, part: Part) -> FeedbackReport | None:
    try:
        return parse_feedback_report(decoded_octets(message, part))
    except BadSyntax:
        return None


def _header_inside(message: bytes, part: Part) -> bytes:
    inside = decoded_octets(message, part, LARGEST_HEADER)
    return inside[: end_of_header(inside)]
