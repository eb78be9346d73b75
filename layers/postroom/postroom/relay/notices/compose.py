"""One report becomes one message: a delivery status notification (RFC 3461 section 6, RFC 3464).

It is sent with the null reverse-path, and `Auto-Submitted` keeps other machines from answering it
(RFC 3834). Where the sender used SMTPUTF8, the forms of RFC 6533 are used; without it all is ASCII
but for the body of a returned message.
"""

import hashlib
import re
from datetime import datetime
from email.utils import format_datetime

from postroom.errors import BadSyntax
from postroom.message.compose import header
from postroom.message.delivery_status import (
    DeliveryStatus,
    RecipientStatus,
    format_delivery_status,
)
from postroom.message.headers import end_of_header
from postroom.message.report import ReportPart, build_report, returned_part, text_part
from postroom.message.xtext import Typed, decode_xtext, parse_original_recipient
from postroom.relay.notices.words import gravest, human_text, printable, subject_line
from postroom.relay.reports import Report, Told

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,240}>")
_STATUS = re.compile(r"[245]\.(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2})")
# RFC 3461 section 6.3 (g): when no code fits.
_OTHERWISE = {"failed": "5.0.0", "delayed": "4.0.0"}


def message_id_of(report: Report, hostname: str) -> str:
    """The Message-ID of the notification, the same however often it is composed."""
    digest = hashlib.blake2b(report.ticket.waiting.encode(), digest_size=10).hexdigest()
    return f"<{digest}.report@{hostname}>"


def compose(
    report: Report, original: bytes | None, *, hostname: str, language: str, now: datetime
) -> bytes:
    """Return the notification, CRLF line ends. *original*: the message, None when it is gone.

    *language*: one of words.LANGUAGES. There must be somebody to tell: a report to the null
    reverse-path would be a bounce of a bounce.
    """
    assert report.reverse_path, "nobody is told of the fate of a bounce"  # noqa: S101
    utf8 = report.smtputf8 or not report.reverse_path.isascii()
    original = original or b""
    top = original[: min(end_of_header(original), 200_000)]
    parts = [
        ReportPart("", b""),  # the text comes last: it says what is attached
        _machine_part(report, hostname, utf8),
    ]
    full = False
    if original:
        returned = returned_part(original, _wants_full(report), utf8)
        full = returned.content_type in ("message/rfc822", "message/global")
        parts.append(returned)
    text = human_text(report, top, hostname=hostname, language=language, full=full)
    parts[0] = text_part(text, language, "Notification")
    return build_report(_fields(report, top, hostname, language, now), "delivery-status", parts)


def _wants_full(report: Report) -> bool:
    """RFC 3461 section 6.2: the text comes back with failures only, unless RET=HDRS.

    Never with REQUIRETLS, whatever RET says (RFC 8689 section 5).
    """
    if report.requiretls:
        return False
    return report.ret.upper() != "HDRS" and gravest(report.told) == "failed"


def _fields(report: Report, original: bytes, hostname: str, language: str, now: datetime) -> bytes:
    found = [
        b"Date: " + format_datetime(now).encode() + b"\r\n",
        header("From", f"Mail Delivery System <postmaster@{hostname}>"),
        _to(report.reverse_path),
        header("Subject", subject_line(report, original, language)),
        header("Message-ID", message_id_of(report, hostname)),
    ]
    if _MESSAGE_ID.fullmatch(report.message_id):
        found.append(header("In-Reply-To", report.message_id))
        found.append(header("References", report.message_id))
    found.append(b"Auto-Submitted: auto-replied\r\n")  # RFC 3834 section 5
    return b"".join(found)


def _to(address: str) -> bytes:
    """An address beyond ASCII stays as it is (RFC 6532 section 3.2): no encoded word may do it."""
    if address.isascii():
        return header("To", f"<{address}>")
    return f"To: <{printable(address)}>\r\n".encode("utf-8", "replace")


def _machine_part(report: Report, hostname: str, utf8: bool) -> ReportPart:
    status = DeliveryStatus(
        hostname,
        tuple(_recipient(told) for told in report.told),
        _envelope_id(report.envid),
        report.received // 1000,
        report.deliver_by // 1000 or None,
    )
    content = format_delivery_status(status, utf8)
    if content.isascii():  # RFC 6533 section 4.4: then the older type will do
        return ReportPart("message/delivery-status", content, "7bit", "Delivery report")
    return ReportPart("message/global-delivery-status", content, "8bit", "Delivery report")


def _recipient(told: Told) -> RecipientStatus:
    status = told.status if _STATUS.fullmatch(told.status) else _OTHERWISE.get(told.action, "2.0.0")
    return RecipientStatus(
        final=Typed("rfc822", told.address),
        action=told.action,
        status=status,
        original=_original_recipient(told.original),
        remote_mta=_remote_mta(told.peer),
        diagnostic=Typed("smtp", told.reply) if told.reply else _our_words(told),
        last_attempt=None if told.suppressed else told.at // 1000,  # there was none
        retry_until=told.until // 1000 if told.until else None,
    )


def _remote_mta(peer: str) -> str:
    """``mx.example.org [192.0.2.1]``: the address becomes a comment, as Postfix has it."""
    name, _, address = peer.partition(" [")
    return f"{name} ({address.rstrip(']')})" if address else name


def _our_words(told: Told) -> Typed | None:
    """No peer said anything: what we found is of a type of our own (RFC 3464 section 2.1.2)."""
    if told.action in ("failed", "delayed") and told.reason:
        return Typed("x-postroom", told.reason)
    return None


def _original_recipient(value: str) -> Typed | None:
    if not value:
        return None
    try:
        return parse_original_recipient(value)
    except BadSyntax:  # the edge lets none of these in
        return None


def _envelope_id(value: str) -> str:
    try:
        return decode_xtext(value)
    except BadSyntax:
        return ""
