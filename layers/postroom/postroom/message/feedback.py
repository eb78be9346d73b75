"""Complaints of recipients, as their providers pass them on (ARF, RFC 5965)."""

import re
from dataclasses import dataclass

from postroom.errors import BadSyntax
from postroom.message.dates import parse_date
from postroom.message.headers import fields
from postroom.message.words import guess

MOST_RECIPIENTS = 100  # read of one complaint
LARGEST = 256 * 1024  # octets read
_LONGEST_VALUE = 1000
_TYPE = re.compile(rb"[A-Za-z0-9_.-]{1,60}")
_ANGLE = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """The fields of message/feedback-report that lead to our message (RFC 5965 section 3)."""

    kind: str  # "abuse", "fraud", "not-spam", "opt-out", … in lower case
    user_agent: str = ""
    original_mail_from: str = ""
    original_recipients: tuple[str, ...] = ()  # often left out, or hidden (RFC 6590)
    original_envelope_id: str = ""
    arrival: int | None = None  # seconds since 1970
    source_ip: str = ""
    reported_domains: tuple[str, ...] = ()


def parse_feedback_report(content: bytes) -> FeedbackReport:
    """Read the decoded content of message/feedback-report. Raises BadSyntax.

    Feedback-Type is the one field without which it is none (section 3.1).
    """
    found: dict[str, list[bytes]] = {}
    for field in fields(content[:LARGEST]):
        found.setdefault(field.name.lower(), []).append(field.value)
    kind = _TYPE.match(_first(found, "feedback-type"))
    if kind is None:
        raise BadSyntax("feedback-report", content, "RFC 5965 section 3.1")
    dates = _first(found, "arrival-date") or _first(found, "received-date")
    recipients = [_address(value) for value in found.get("original-rcpt-to", [])]
    return FeedbackReport(
        kind[0].decode().lower(),
        _text(_first(found, "user-agent")),
        _address(_first(found, "original-mail-from")),
        tuple(address for address in recipients if "@" in address)[:MOST_RECIPIENTS],
        _text(_first(found, "original-envelope-id")),
        parse_date(dates),
        _text(_first(found, "source-ip")),
        tuple(map(_text, found.get("reported-domain", [])))[:MOST_RECIPIENTS],
    )


def _first(found: dict[str, list[bytes]], name: str) -> bytes:
    return found.get(name, [b""])[0]


def _text(value: bytes) -> str:
    return guess(value[:_LONGEST_VALUE])


def _address(value: bytes) -> str:
    """RFC 5965 section 3.2: an address in angle brackets; some leave them away."""
    text = _text(value).strip()
    angle = _ANGLE.search(text)
    return (angle[1] if angle else text).strip()
