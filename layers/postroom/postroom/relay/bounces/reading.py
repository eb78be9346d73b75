"""What a report that came in says: about which message of ours, about whom, and what.

Nothing of it is believed here. DSNs (RFC 3464) and complaints (RFC 5965) are read strictly; for
the many forms that servers had before there were standards, flufl.bounce is asked.
"""

import logging
import re
from dataclasses import dataclass
from typing import Literal

from postroom.journeys.ids import is_queue_id
from postroom.message.delivery_status import RecipientStatus
from postroom.message.feedback import FeedbackReport
from postroom.message.headers import end_of_header, fields
from postroom.message.report import ReceivedReport, read_report
from postroom.message.words import guess
from postroom.relay.notices.causes import guess_status

log = logging.getLogger(__name__)

What = Literal["failed", "delayed", "delivered", "complaint"]

LARGEST = 512 * 1024  # octets read of a report
_LARGEST_ODD = 64 * 1024  # the heuristics were not made for hostile megabytes
MOST_FINDINGS = 1000
MOST_NAMES = 20
# RFC 5965 section 7.3 and later types: others are not about the recipient's wish.
_COMPLAINTS = frozenset(("abuse", "fraud", "opt-out", "opt-out-list"))
_ACTIONS: dict[str, What] = {
    "failed": "failed",
    "delayed": "delayed",
    "delivered": "delivered",
    "relayed": "delivered",
    "expanded": "delivered",
}
_MESSAGE_ID = re.compile(
    rb"^[> \t]*message-id:[ \t]*(?:\r?\n[> \t]+)?(<[^<>\s]{1,250}>)", re.I | re.M
)
_BLANK_LINE = re.compile(r"\n[ \t]*\r?\n")
_RECEIVED_ID = re.compile(rb"\bid[ \t\r\n>]{1,8}([0-9a-z]{22})\b")


@dataclass(frozen=True, slots=True)
class Finding:
    """What happened to one recipient."""

    what: What
    addresses: tuple[str, ...]  # candidates, the likeliest first; () when it was hidden
    status: str = ""  # enhanced code
    said: str = ""
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """``queue_ids`` and ``message_ids`` are what may name the message of ours."""

    findings: tuple[Finding, ...]
    queue_ids: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()


def read_bounce(message: bytes) -> Reading:
    """Read a message that may be a report. Never raises; without findings it is none."""
    message = message[:LARGEST]
    report = read_report(message)
    if report.delivery is not None:
        peer = report.delivery.reporting_mta
        people = report.delivery.recipients[:MOST_FINDINGS]
        findings = tuple(_finding(person, peer) for person in people)
    elif report.feedback is not None:
        findings = _complaint(report.feedback)
    else:
        findings = _heterogeneous(message)
    if not findings:
        return Reading(())
    queue_ids, message_ids = _names(message, report)
    return Reading(findings, queue_ids, message_ids)


def _finding(person: RecipientStatus, reporting_mta: str) -> Finding:
    said = person.diagnostic.value if person.diagnostic else ""
    status = person.status
    if status[1:] in (".0.0", ".1.0", ".5.0") and person.action == "failed":
        status = guess_status(said) or status
    candidates = [person.original, person.final]
    addresses = [one.value for one in candidates if one is not None and "@" in one.value]
    peer = person.remote_mta or reporting_mta
    what = _ACTIONS[person.action]
    return Finding(what, tuple(dict.fromkeys(addresses)), status, said, peer)


def _complaint(feedback: FeedbackReport) -> tuple[Finding, ...]:
    if feedback.kind not in _COMPLAINTS:
        return ()
    said = feedback.kind
    peer = feedback.user_agent
    if not feedback.original_recipients:  # hidden, as RFC 6590 allows
        return (Finding("complaint", (), "", said, peer),)
    return tuple(
        Finding("complaint", (address,), "", said, peer) for address in feedback.original_recipients
    )


def _heterogeneous(message: bytes) -> tuple[Finding, ...]:
    import email

    from flufl.bounce import all_failures

    try:
        temporary, permanent = all_failures(email.message_from_bytes(message[:_LARGEST_ODD]))
    # Heuristics of many hands over the octets of strangers: they may fail in any way, and then
    # the message is one that we do not understand.
    except Exception:
        log.info("bounce not understood", exc_info=True)
        return ()
    found = []
    for what, addresses in (("failed", permanent), ("delayed", temporary)):
        for octets in sorted(addresses)[:MOST_FINDINGS]:
            address = guess(octets)
            if "@" in address:
                said = _said_of(message, octets)
                otherwise = "5.0.0" if what == "failed" else "4.0.0"
                status = guess_status(said) or otherwise
                found.append(Finding(_ACTIONS[what], (address,), status, said))
    return tuple(found)


def _said_of(message: bytes, address: bytes) -> str:
    """The words that follow the address: nearly all forms give the reason there."""
    at = message.find(address, end_of_header(message))
    if at < 0:
        return ""
    after = guess(message[at + len(address) : at + len(address) + 600])
    paragraph = _BLANK_LINE.split(after.lstrip("<>: \t\r\n"))[0]
    return " ".join(paragraph.split())[:300]


def _names(message: bytes, report: ReceivedReport) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Queue ids and Message-IDs that may be of ours, those of certain places first."""
    queue_ids: list[str] = []
    envelope_ids = [
        report.delivery.envelope_id if report.delivery else "",
        report.feedback.original_envelope_id if report.feedback else "",
    ]
    queue_ids += [name for name in envelope_ids if is_queue_id(name)]
    message_ids: list[bytes] = []
    if report.returned:
        queue_ids += _received_ids(report.returned)
        message_ids += _MESSAGE_ID.findall(report.returned)
    else:  # before RFC 1892 the original simply followed the text
        header = message[: end_of_header(message)]
        own = {field.value for field in fields(header) if field.name.lower() == "message-id"}
        queue_ids += _received_ids(message)
        message_ids += [found for found in _MESSAGE_ID.findall(message) if found not in own]
    return (
        tuple(dict.fromkeys(queue_ids))[:MOST_NAMES],
        tuple(guess(name) for name in dict.fromkeys(message_ids))[:MOST_NAMES],
    )


def _received_ids(octets: bytes) -> list[str]:
    names = (found.decode() for found in _RECEIVED_ID.findall(octets))
    return [name for name in names if is_queue_id(name)]
