"""What Amazon SES tells through SNS: bounces, complaints, deliveries.

Both forms are read: notifications of an identity ("notificationType") and published events
("eventType"), in the envelope of SNS or raw. They come through a topic that only SES may publish
to, so they are believed; SES need not send the header of the message along, so the message is
found by recipient, sender and time when it does not.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from postroom.errors import BadSyntax
from postroom.relay.bounces.reading import MOST_FINDINGS, Finding, Reading, What
from postroom.relay.notices.causes import guess_status

_REFERENCE = "Amazon SES Developer Guide, contents of notifications"
_MOST_HEADERS = 200
# Where SES had no status to pass on (its page of bounce types).
_STATUS_OF_SUBTYPE = {
    ("Permanent", "General"): "5.1.1",
    ("Permanent", "NoEmail"): "5.1.1",
    ("Permanent", "Suppressed"): "5.1.1",
    ("Permanent", "OnAccountSuppressionList"): "5.1.1",
    ("Permanent", "EmailAddressInvalid"): "5.1.3",
    ("Transient", "MailboxFull"): "4.2.2",
    ("Transient", "MessageTooLarge"): "5.3.4",
    ("Transient", "ContentRejected"): "5.6.0",
    ("Transient", "AttachmentRejected"): "5.6.0",
}
_STATUS_OF_TYPE = {"Permanent": "5.0.0", "Transient": "4.0.0", "Undetermined": "5.0.0"}


@dataclass(frozen=True, slots=True)
class SesNotice:
    """What happened, and how to find the message that it happened to."""

    reading: Reading
    source: str = ""  # reverse-path that SES was given
    sent: int = 0  # milliseconds since 1970


def parse_ses(body: str) -> SesNotice:
    """Read a letter that SNS put into the queue. Raises BadSyntax.

    What tells of nothing that we keep (an event of opening a message, the greeting of a new
    topic) has no findings.
    """
    notice = _decoded(body)
    if isinstance(notice.get("Message"), str):  # the envelope of SNS
        try:
            notice = _decoded(_text(notice, "Message"))
        except BadSyntax:  # "Successfully validated SNS topic …"
            return SesNotice(Reading(()))
    event = _text(notice, "notificationType") or _text(notice, "eventType")
    if not event:
        raise BadSyntax("notification of SES", body.encode("utf-8", "replace"), _REFERENCE)
    mail = _object(notice, "mail")
    headers = [_header(one) for one in _list(mail, "headers")[:_MOST_HEADERS]]
    names = [value for name, value in headers if name == "message-id"]
    names.append(_text(_object(mail, "commonHeaders"), "messageId"))
    findings = _FINDINGS.get(event, _nothing)(notice)
    message_ids = tuple(dict.fromkeys(name.strip() for name in names if "<" in name))
    reading = Reading(tuple(findings[:MOST_FINDINGS]), (), message_ids)
    return SesNotice(reading, _address(_text(mail, "source")), _time(_text(mail, "timestamp")))


def _bounced(notice: dict[str, Any]) -> list[Finding]:
    bounce = _object(notice, "bounce")
    kind, subtype = _text(bounce, "bounceType"), _text(bounce, "bounceSubType")
    otherwise = _STATUS_OF_SUBTYPE.get((kind, subtype)) or _STATUS_OF_TYPE.get(kind, "5.0.0")
    peer = _text(bounce, "reportingMTA").partition(";")[2].strip()
    found = []
    for person in _list(bounce, "bouncedRecipients"):
        said = _text(person, "diagnosticCode")
        status = _text(person, "status") or guess_status(said) or otherwise
        words = said or f"{kind} {subtype}".strip()
        found.append(_finding("failed", _text(person, "emailAddress"), status, words, peer))
    return found


def _complained(notice: dict[str, Any]) -> list[Finding]:
    complaint = _object(notice, "complaint")
    kind = _text(complaint, "complaintFeedbackType") or "abuse"
    people = [_text(person, "emailAddress") for person in _list(complaint, "complainedRecipients")]
    # Of several, SES does not know who it was: nobody is silenced for a neighbour's word.
    if kind == "not-spam" or len(people) != 1:
        return []
    agent = _text(complaint, "userAgent")
    return [_finding("complaint", people[0], "", kind, agent)]


def _delivered(notice: dict[str, Any]) -> list[Finding]:
    delivery = _object(notice, "delivery")
    said, peer = _text(delivery, "smtpResponse"), _text(delivery, "reportingMTA")
    people = [person for person in delivery.get("recipients") or () if isinstance(person, str)]
    return [_finding("delivered", person, "2.0.0", said, peer) for person in people]


def _delayed(notice: dict[str, Any]) -> list[Finding]:
    found = []
    delay = _object(notice, "deliveryDelay")
    for person in _list(delay, "delayedRecipients"):
        said = _text(person, "diagnosticCode") or _text(delay, "delayType")
        status = _text(person, "status") or "4.0.0"
        found.append(_finding("delayed", _text(person, "emailAddress"), status, said, ""))
    return found


def _nothing(notice: dict[str, Any]) -> list[Finding]:
    return []


_FINDINGS = {
    "Bounce": _bounced,
    "Complaint": _complained,
    "Delivery": _delivered,
    "DeliveryDelay": _delayed,
}


def _finding(what: What, address: str, status: str, said: str, peer: str) -> Finding:
    return Finding(what, (_address(address),), status, said, peer)


def _decoded(body: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError) as error:
        octets = body.encode("utf-8", "replace")
        raise BadSyntax("JSON object", octets, "RFC 8259") from error
    if not isinstance(found, dict):
        raise BadSyntax("JSON object", body.encode("utf-8", "replace"), "RFC 8259")
    return found


def _object(of: dict[str, Any], name: str) -> dict[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _list(of: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = of.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _text(of: dict[str, Any], name: str) -> str:
    found = of.get(name)
    return found[:200_000] if isinstance(found, str) else ""


def _header(field: dict[str, Any]) -> tuple[str, str]:
    return _text(field, "name").lower(), _text(field, "value")[:1000]


def _address(text: str) -> str:
    """``Name <a@b>`` or ``a@b``."""
    inside = text.rpartition("<")[2].partition(">")[0] if "<" in text else text
    return inside.strip()[:400]


def _time(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return 0
