"""An answer becomes a message (RFC 3834 section 3, RFC 5230 section 5).

The same answer gives the same octets, so that a repeat stores what was stored before.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from postroom.autoreply.entity import given_entity, text_entity
from postroom.autoreply.original import Original
from postroom.message.addresses import parse_addresses
from postroom.message.compose import header
from postroom.message.words import decode_words
from postroom.sieve.actions import Vacation
from postroom.sieve.commands.outbound import parse_mailbox_list

_FIXED_SUBJECT = "Automated reply"  # RFC 5230 section 5.3
_LONGEST_SUBJECT = 200  # characters of an original that are repeated
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # RFC 5322 section 3.2.3
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
CRLF = "\r\n"


def vacation(
    action: Vacation, original: Original, *, sender: str, hostname: str
) -> tuple[str, bytes]:
    """Message-ID and text of a person's answer. *sender*: what stands in From."""
    message_id = answer_id(f"{sender} {original.queue_id}", hostname)
    entity = given_entity(action.reason) if action.mime else text_entity(action.reason)
    subject = action.subject or usual_subject(original)
    return message_id, message(original, sender, subject, message_id, entity)


def message(original: Original, sender: str, subject: str, message_id: str, entity: bytes) -> bytes:
    """The header fields of an answer, and below them its *entity*. The date is that of the arrival
    of the original, within seconds of now: a repeat must not be another message."""
    found = [
        # Above all others, as a trace field (RFC 3834 section 5).
        header("Auto-Submitted", "auto-replied"),
        # Exchange heeds only this; it may answer what comes from elsewhere all the same.
        header("X-Auto-Response-Suppress", "All"),
        date_field(original),
        from_field(sender),
        address_field("To", [original.reverse_path]),  # RFC 3834 section 4
        header("Subject", subject),
        header("Message-ID", message_id),
    ]
    if original.message_id:
        found.append(header("In-Reply-To", original.message_id))
        found.append(header("References", " ".join(original.references)))
    return b"".join(found) + b"MIME-Version: 1.0\r\n" + entity


def usual_subject(original: Original) -> str:
    subject = original.subject
    if len(subject) > _LONGEST_SUBJECT:
        subject = subject[: _LONGEST_SUBJECT - 1].rstrip() + "…"
    return f"Auto: {subject}" if subject else _FIXED_SUBJECT


def answer_id(name: str, hostname: str, kind: str = "answer") -> str:
    """A Message-ID that follows from *name*."""
    digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=12).hexdigest()
    return f"<{digest}.{kind}@{hostname}>"


def date_field(original: Original) -> bytes:
    when = datetime.fromtimestamp(original.received // 1000, UTC)
    return header("Date", format_datetime(when))


def address_field(name: str, addresses: Iterable[str]) -> bytes:
    """A field of addresses as the envelope has them, one a line.

    A local part beyond ASCII stays as it is (RFC 6532 section 3.2): no encoded word may do it.
    """
    return _field(name, [f"<{_CONTROLS.sub('', address)}>" for address in addresses])


def from_field(mailboxes: str) -> bytes:
    """The From field of a mailbox-list (RFC 5322 section 3.4) that Sieve has checked."""
    specs = parse_mailbox_list(mailboxes) or ()
    found = parse_addresses(mailboxes.encode("utf-8", "replace"))
    names = [decode_words(address.name or b"").strip() for address in found]
    if len(names) != len(specs):  # one of the two was led astray: the addresses are what counts
        names = [""] * len(specs)
    return _field(
        "From", [f"{_phrase(name)}<{spec}>" for name, spec in zip(names, specs, strict=True)]
    )


def _field(name: str, written: Sequence[str]) -> bytes:
    return f"{name}: {f',{CRLF} '.join(written)}{CRLF}".encode("utf-8", "replace")


def _phrase(name: str) -> str:
    """A display name with the space behind it, such that it cannot end early."""
    name = _CONTROLS.sub(" ", name)
    if not name or (name.isascii() and _ATOMS.fullmatch(name)):
        return name and f"{name} "
    if name.isascii():
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" '
    encoded = header("X", name).decode().removeprefix("X: ").removesuffix(CRLF)
    return f"{encoded} "
