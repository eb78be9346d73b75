"""Whether a message that came in may be a report about mail of ours, and the letter that says so.

Pure and cheap: the inbound function asks it of every message.
"""

import re

import msgspec

from postroom.message.headers import pairs
from postroom.platform.blobs import BlobKey

_LONGEST_HEADER = 64 * 1024  # octets looked at
_LONGEST_VALUE = 1000
_REPORT = re.compile(rb"multipart/report\b.*\b(?:delivery-status|feedback-report)\b", re.DOTALL)
_MDN = re.compile(rb"multipart/report\b.*\bdisposition-notification\b", re.DOTALL)
_SENDER = re.compile(rb"mailer-?daemon|postmaster|mail ?delivery|bounce|complaints?@|fbl@")
_SUBJECT = re.compile(
    rb"undeliver|returned mail|failure notice|mail delivery|delivery (?:status|failure|report)"
    rb"|delivery has failed|non.?remis|unzustellbar|could not be delivered|mail system error"
)


class Incoming(msgspec.Struct, frozen=True):
    """A message delivered here that looks like a report."""

    queue_id: str
    blob: BlobKey
    recipients: tuple[str, ...]  # forward-paths: a later VERP address tells of a list member
    reverse_path: str = ""

    def to_json(self) -> str:
        return msgspec.json.encode({"credit": self}).decode()


def looks_like_report(header: bytes, reverse_path: str) -> bool:
    """Whether reading the whole message is worth while. *header*: of the message itself.

    Reports come with the null reverse-path (RFC 5321 section 4.5.5), but so do vacation replies,
    and complaints come from an address like any other. A wrong yes costs a look at the message.
    """
    found: dict[bytes, bytes] = {}
    for name, value in pairs(header[:_LONGEST_HEADER]):
        found.setdefault(name, value[:_LONGEST_VALUE].lower())
    content_type = found.get(b"content-type", b"")
    if _REPORT.search(content_type):
        return True
    if _MDN.search(content_type):  # somebody has read a message (RFC 8098)
        return False
    if not reverse_path:
        return True
    return bool(
        _SENDER.search(found.get(b"from", b"")) and _SUBJECT.search(found.get(b"subject", b""))
    )
