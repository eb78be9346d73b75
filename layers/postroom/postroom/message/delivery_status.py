"""The machine's part of a delivery status notification (RFC 3464 section 2, RFC 6533 section 4.1).

Written strictly, read as others write it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate

from postroom.errors import BadSyntax
from postroom.message.dates import parse_date
from postroom.message.headers import fields
from postroom.message.words import guess
from postroom.message.xtext import Typed, decode_unitext, encode_unitext

ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")  # RFC 3464 section 2.3.3
MOST_RECIPIENTS = 10_000  # read of one report
LARGEST = 4 * 1024 * 1024  # octets read
_LINE = 78
_LONGEST_VALUE = 2000  # characters written of one field
_LONGEST_WORD = 900  # of a line with 998 (RFC 5322 section 2.1.1)

_GROUP_END = re.compile(rb"\n[ \t]*\r?\n")
_STATUS = re.compile(r"(?<![0-9.])[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_COMMENT = re.compile(r"\s*\([^()]*\)\s*$")
_ANGLE = re.compile(r"<([^<>]*)>")
# What some servers write for an action: OpenSMTPD says "error".
_ALIASES = {"error": "failed", "fail": "failed", "failure": "failed", "delay": "delayed"}
_CLASS_OF_ACTION = {"failed": "5.0.0", "delayed": "4.0.0"}


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """One group of per-recipient fields (RFC 3464 section 2.3). Times in seconds since 1970."""

    final: Typed
    action: str  # one of ACTIONS
    status: str  # "5.1.1"
    original: Typed | None = None
    remote_mta: str = ""
    diagnostic: Typed | None = None
    last_attempt: int | None = None
    retry_until: int | None = None


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """What one report says of one message (RFC 3464 section 2.2)."""

    reporting_mta: str
    recipients: tuple[RecipientStatus, ...]
    envelope_id: str = ""
    arrival: int | None = None  # seconds since 1970
    deliver_by: int | None = None  # likewise; what was asked for by DELIVERBY (RFC 2852)


def format_delivery_status(status: DeliveryStatus, utf8: bool = False) -> bytes:
    """Return the content of message/delivery-status, or with *utf8* of its global form.

    Without *utf8* it is pure ASCII: addresses keep their meaning as ``utf-8; j\\x{FC}@…`` (RFC
    6533 section 3), other text beyond ASCII becomes question marks.
    """
    groups = [list(_message_fields(status))]
    groups += [list(_recipient_fields(recipient)) for recipient in status.recipients]
    return b"\r\n".join(
        b"".join(_field(name, value, utf8) for name, value in group) for group in groups
    )


def _message_fields(status: DeliveryStatus) -> Iterator[tuple[str, Typed | str]]:
    if status.envelope_id:
        yield "Original-Envelope-Id", status.envelope_id
    yield "Reporting-MTA", Typed("dns", status.reporting_mta)
    if status.arrival is not None:
        yield "Arrival-Date", _date(status.arrival)
    if status.deliver_by is not None:
        yield "Deliver-By-Date", _date(status.deliver_by)


def _recipient_fields(recipient: RecipientStatus) -> Iterator[tuple[str, Typed | str]]:
    if recipient.original is not None:
        yield "Original-Recipient", recipient.original
    yield "Final-Recipient", recipient.final
    yield "Action", recipient.action
    yield "Status", recipient.status
    if recipient.remote_mta:
        yield "Remote-MTA", Typed("dns", recipient.remote_mta)
    if recipient.diagnostic is not None:
        yield "Diagnostic-Code", recipient.diagnostic
    if recipient.last_attempt is not None:
        yield "Last-Attempt-Date", _date(recipient.last_attempt)
    if recipient.retry_until is not None and recipient.action == "delayed":  # section 2.3.9
        yield "Will-Retry-Until", _date(recipient.retry_until)


def _date(seconds: int) -> str:
    return formatdate(seconds).replace("-0000", "+0000")  # a numeric zone that is known: UTC


def _field(name: str, value: Typed | str, utf8: bool) -> bytes:
    if isinstance(value, Typed):
        kind, text = value
        if not text.isascii() and kind in ("rfc822", "utf-8"):
            kind = "utf-8"
            text = text if utf8 else encode_unitext(text)
        text = f"{kind}; {text}"
    else:
        text = value
    text = _CONTROLS.sub(" ", text).strip()[:_LONGEST_VALUE]
    octets = text.encode("utf-8" if utf8 else "ascii", "replace")
    return _fold(f"{name}:".encode(), octets.split(b" "))


def _fold(line: bytes, words: list[bytes]) -> bytes:
    lines = []
    for word in words:
        if len(line) + 1 + len(word) > _LINE and line.strip():
            lines.append(line)
            line = b""
        for start in range(0, len(word), _LONGEST_WORD):
            if start:
                lines.append(line)
                line = b""
            line += b" " + word[start : start + _LONGEST_WORD]
    lines.append(line)
    return b"\r\n".join(lines) + b"\r\n"


def parse_delivery_status(content: bytes) -> DeliveryStatus:
    """Read the decoded content of message/delivery-status. Raises BadSyntax.

    A group that names no recipient, or no action that can be told from it, is passed over;
    BadSyntax when no group is left.
    """
    about_message: dict[str, bytes] = {}
    recipients: list[RecipientStatus] = []
    for group in _groups(content[:LARGEST]):
        recipient = _recipient(group)
        if recipient is not None:
            recipients.append(recipient)
        elif not recipients:
            about_message.update(group)
        if len(recipients) >= MOST_RECIPIENTS:
            break
    if not recipients:
        raise BadSyntax("delivery-status-content", content, "RFC 3464 section 2.1")
    return DeliveryStatus(
        _typed(about_message.get("reporting-mta", b""), "dns").value,
        tuple(recipients),
        guess(about_message.get("original-envelope-id", b""))[:_LONGEST_VALUE],
        parse_date(about_message.get("arrival-date", b"")),
    )


def _groups(content: bytes) -> Iterator[dict[str, bytes]]:
    for block in _GROUP_END.split(content.lstrip(b"\r\n")):
        group: dict[str, bytes] = {}
        for field in fields(block):
            group.setdefault(field.name.lower(), field.value)
        if group:
            yield group


def _recipient(group: dict[str, bytes]) -> RecipientStatus | None:
    final, original = _address(group, "final-recipient"), _address(group, "original-recipient")
    if final is None:
        final = original
    status = _STATUS.search(guess(group.get("status", b"")[:200]))
    action = _action(group.get("action", b""), status[0] if status else "")
    if final is None or not action:
        return None
    diagnostic = group.get("diagnostic-code", b"")
    status = status or _STATUS.search(guess(diagnostic[:_LONGEST_VALUE]))
    return RecipientStatus(
        final,
        action,
        status[0] if status else _CLASS_OF_ACTION.get(action, "2.0.0"),
        original,
        _typed(group.get("remote-mta", b""), "dns").value,
        _typed(diagnostic, "smtp") if diagnostic else None,
        parse_date(group.get("last-attempt-date", b"")),
        parse_date(group.get("will-retry-until", b"")),
    )


def _action(value: bytes, status: str) -> str:
    word = guess(value[:100]).strip().lower().partition(" ")[0].partition("(")[0].rstrip(";.")
    if not word:  # gateways that forget it still give a status
        return {"5": "failed", "4": "delayed"}.get(status[:1], "")
    word = _ALIASES.get(word, word)
    return word if word in ACTIONS else ""


def _address(group: dict[str, bytes], name: str) -> Typed | None:
    value = group.get(name)
    if value is None:
        return None
    kind, address = _typed(value, "rfc822")
    if (angle := _ANGLE.search(address)) is not None:
        address = angle[1]
    elif not address.startswith('"'):
        address = _COMMENT.sub("", address)
    if kind == "utf-8":
        address = decode_unitext(address)
    address = _CONTROLS.sub("", address).strip()
    return Typed(kind, address) if address else None


def _typed(value: bytes, otherwise: str) -> Typed:
    """``dns; mx.example.test``. Some leave the type out: it is what is usual then."""
    text = _CONTROLS.sub(" ", guess(value[:_LONGEST_VALUE])).strip()
    kind, semicolon, rest = text.partition(";")
    if not semicolon or " " in kind.strip():
        return Typed(otherwise, text)
    return Typed(kind.strip().lower(), rest.strip())
