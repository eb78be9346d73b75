"""What must not be answered (RFC 3834 section 2, RFC 5230 sections 4.5 and 4.6).

Pure: the pipeline, which has the message in its hands, asks before it queues an answer.
"""

import re
from collections.abc import Collection, Iterator

from postroom.autoreply.correspondents import correspondent, spelled, without_detail
from postroom.autoreply.machines import is_machine
from postroom.autoreply.original import Header
from postroom.message.addresses import parse_addresses
from postroom.message.parameters import without_comments
from postroom.message.words import guess

_SRS = re.compile(r"srs[01][=+-]", re.IGNORECASE)
_WORDS = re.compile(rb"[a-z0-9_-]+")
_LONGEST_VALUE = 1000  # octets of a field that one word decides
_RECIPIENTS = (b"to", b"cc", b"bcc", b"resent-to", b"resent-cc", b"resent-bcc")
_BULK = {b"bulk", b"list", b"junk", b"auto_reply"}  # RFC 3834 section 3.1.8
_SUPPRESSED = {b"all", b"oof", b"autoreply"}  # Exchange's X-Auto-Response-Suppress
# Fields that only lists, mailing services and other answering machines write.
_TELLING = {
    b"x-list": "a list",
    b"x-listname": "a list",
    b"x-mailing-list": "a list",
    b"mailing-list": "a list",
    b"x-mailman-version": "a list",
    b"x-beenthere": "a list",
    b"feedback-id": "a mailing service",
    b"x-autoreply": "an automatic answer",
    b"x-autorespond": "an automatic answer",
    b"x-autoreply-from": "an automatic answer",
    b"x-mail-autoreply": "an automatic answer",
    b"x-vacation": "an automatic answer",
    b"x-loop": "an automatic answer",
    b"x-ms-exchange-inbox-rules-loop": "an automatic answer",
    b"x-failed-recipients": "a report",
}


def why_silent(header: Header, reverse_path: str, own: Collection[str]) -> str:
    """Why this message must not be answered, in words for its journey; "" when it may be.

    *own*: addresses of whoever would answer, and those that the message came through.
    """
    names = {spelled(address) for address in own}
    return (
        _by_sender(reverse_path, names)
        or _by_author(header)
        or _by_kind(header)
        or ("" if _is_addressed(header, names) else "not addressed to whom it reached")
    )


def _by_sender(reverse_path: str, own: Collection[str]) -> str:
    local, at, domain = reverse_path.rpartition("@")
    if not reverse_path:
        return "its reverse-path is null"  # RFC 3834 section 2: never
    if not at or not local or not domain:
        return "its reverse-path is no address"
    if is_machine(local):
        return f"nobody reads answers at {reverse_path}"
    if correspondent(reverse_path) in own:
        return "it is from the same address"
    domains = {address.rpartition("@")[2] for address in own}
    if _SRS.match(local) and spelled(reverse_path).rpartition("@")[2] in domains:
        return "it was forwarded by ourselves"
    return ""


def _by_author(header: Header) -> str:
    """A From or Sender that says that it wants no reply."""
    for name in (b"from", b"sender"):
        for value in header.get(name, [])[:1]:
            for address in parse_addresses(value)[:20]:
                if address.host and address.mailbox and is_machine(guess(address.mailbox)):
                    return f"nobody reads answers at {address.spec}"
    return ""


def _by_kind(header: Header) -> str:
    """Why mail of this kind is not answered, whoever sent it to whomever; "" when it may be."""
    return next(_kinds(header), "")


def by_submission(header: Header) -> str:
    """Why a message is a machine's by its own words (RFC 3834 section 5); "" when it says none.

    Of all the rules this one alone holds for notifications, too (RFC 5436 section 2.7).
    """
    for value in header.get(b"auto-submitted", []):
        keyword = without_comments(value[:_LONGEST_VALUE]).partition(b";")[0].strip().lower()
        if keyword != b"no":  # what we cannot read is no "no"
            return f"Auto-Submitted: {guess(keyword)[:40]}"
    return ""


def _kinds(header: Header) -> Iterator[str]:
    if said := by_submission(header):
        yield said
    for name in header:
        if name.startswith(b"list-"):  # RFC 2919, RFC 2369
            yield f"it is from a list ({guess(name)[:40]})"
    for value in header.get(b"precedence", []):
        if without_comments(value[:_LONGEST_VALUE]).strip().lower() in _BULK:
            yield f"Precedence: {guess(value)[:40]}"
    for value in header.get(b"x-auto-response-suppress", []):
        if _SUPPRESSED & {*_WORDS.findall(value.lower())}:
            yield f"X-Auto-Response-Suppress: {guess(value)[:40]}"
    for name, what in _TELLING.items():
        if any(value.strip().lower() != b"no" for value in header.get(name, [])):
            yield f"it is from {what} ({guess(name)})"
    for value in header.get(b"content-type", [])[:1]:
        if value.strip().lower().startswith(b"multipart/report"):
            yield "it is a report"
    for name in (b"x-spam-flag", b"x-spam-status", b"x-spam"):
        if any(value.strip().lower().startswith(b"yes") for value in header.get(name, [])):
            yield "it is spam"


def _is_addressed(header: Header, own: Collection[str]) -> bool:
    """Whether one of the addresses is a visible recipient: else it is somebody else's Bcc."""
    bare = {without_detail(address) for address in own}
    for name in _RECIPIENTS:
        for value in header.get(name, []):
            for address in parse_addresses(value):
                if not address.host:
                    continue
                found = spelled(address.spec)
                if found in own or without_detail(found) in bare:
                    return True
    return False
