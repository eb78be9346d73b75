"""A notification by mail (RFC 5436 section 2.7): a message about a message."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from postroom.autoreply.answers import Notification
from postroom.autoreply.composing import address_field, answer_id, date_field, from_field
from postroom.autoreply.entity import text_entity
from postroom.autoreply.original import Original, plain
from postroom.message.compose import header
from postroom.sieve.commands.mailto import Mailto, parse_mailto

_LONGEST_SUBJECT = 500  # characters
_IMPORTANCE = {1: ("1", "high"), 3: ("5", "low")}  # X-Priority, Importance
# Ours; what a URI says of these is used in another place, or not at all.
_TAKEN = frozenset(
    {"to", "cc", "subject", "body", "in-reply-to", "references", "importance", "x-priority"}
)


@dataclass(frozen=True, slots=True)
class Message:
    message_id: str
    text: bytes
    sender: str  # the reverse-path
    recipients: tuple[str, ...]


def compose(asked: Notification, *, sender: str, hostname: str) -> Message | None:
    """The notification, or None when its URI names nobody.

    *sender*: ``:from``, if the account may send as that, or its own address. The reverse-path is
    null when that of the original is, so that no loop can be. Raises BadMailto.
    """
    mailto = _without(parse_mailto(asked.action.method), asked.action.told)
    recipients = tuple(dict.fromkeys((*mailto.to, *mailto.cc)))
    if not recipients:
        return None
    original = asked.original
    name = f"{asked.account} {original.queue_id} {asked.action.method}"
    message_id = answer_id(name, hostname, "notice")
    text = _header(asked, mailto, sender, message_id) + text_entity(
        mailto.body or _excerpt(original, asked.recipients)
    )
    return Message(message_id, text, sender if original.reverse_path else "", recipients)


def _without(mailto: Mailto, told: Collection[str]) -> Mailto:
    """For those only who are not told already, by another notification."""
    to, cc = (
        tuple(address for address in addresses if address.lower() not in told)
        for addresses in (mailto.to, mailto.cc)
    )
    return replace(mailto, to=to, cc=cc)


def _header(asked: Notification, mailto: Mailto, sender: str, message_id: str) -> bytes:
    action, original = asked.action, asked.original
    owner = asked.address.replace("\\", "\\\\").replace('"', '\\"')
    subject = action.message or mailto.subject or original.subject or "New message"
    found = [
        header("Auto-Submitted", f'auto-notified; owner-email="{owner}"'),
        date_field(original),
        from_field(sender),
        address_field("To", mailto.to) if mailto.to else b"",
        address_field("Cc", mailto.cc) if mailto.cc else b"",
        header("Subject", plain(subject, _LONGEST_SUBJECT)),
        header("Message-ID", message_id),
    ]
    if original.references:
        found.append(header("References", " ".join(original.references)))
    if action.importance in _IMPORTANCE:
        priority, importance = _IMPORTANCE[action.importance]
        found.append(header("X-Priority", priority))
        found.append(header("Importance", importance))
    for name, value in mailto.fields:
        if name.lower() not in _TAKEN:
            found.append(header(name[:1].upper() + name[1:], value))
    return b"".join(found) + b"MIME-Version: 1.0\r\n"


def _excerpt(original: Original, recipients: tuple[str, ...]) -> str:
    return (
        f"From: {original.author or original.reverse_path}\n"
        f"To: {', '.join(recipients)}\n"
        f"Subject: {original.subject}\n"
    )
