"""What a submission server mends in a header (RFC 6409 section 8), and who the header says wrote
the message. Pure; nothing but what is named here alters an octet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate

from postroom.message.addresses import MISSING_DOMAIN, parse_addresses
from postroom.message.headers import Field

MOST_AUTHORS = 50  # mailboxes in From; each is looked up
_SECRET = frozenset({"bcc", "resent-bcc"})


@dataclass(frozen=True, slots=True)
class Writers:
    """The addresses in From and Sender (RFC 5322 section 3.6.2), each once, as written."""

    authors: tuple[str, ...]
    senders: tuple[str, ...]
    unreadable: bool = False  # there is a From, but no mailbox and no group in it


def split_header(text: bytes, *, whole: bool) -> tuple[bytes, bytes] | None:
    """Return the fields, and what follows from the empty line on.

    None when the header does not end in *text*, which is not the *whole* message.
    """
    if text.startswith(b"\r\n"):
        return b"", text
    end = text.find(b"\r\n\r\n")
    if end >= 0:
        return text[: end + 2], text[end + 2 :]
    return (text, b"") if whole else None


def mended(
    header: bytes,
    found: Sequence[Field],
    *,
    seconds: float,
    unique: Callable[[], str],
    hostname: str,
) -> bytes:
    """Take Bcc out, which must not reach the others, and put a missing Date and Message-ID on
    top. *found* are the header's fields; *unique* makes the left part of a new Message-ID."""
    names = {_name(field) for field in found}
    added = b""
    if "date" not in names:
        added += f"Date: {formatdate(int(seconds)).replace('-0000', '+0000')}\r\n".encode()
    if "message-id" not in names:
        added += f"Message-ID: <{unique()}@{hostname}>\r\n".encode()
    if names.isdisjoint(_SECRET):
        return added + header
    pieces, start = [added], 0
    for field in found:
        if _name(field) in _SECRET:
            pieces.append(header[start : field.start])
            start = field.end
    return b"".join((*pieces, header[start:]))


def writers(found: Sequence[Field]) -> Writers:
    """Read From and Sender, all of them when a field is there twice: a reader shows any."""
    authors: dict[str, None] = {}
    senders: dict[str, None] = {}
    unreadable = False
    for field in found:
        name = _name(field)
        if name not in ("from", "sender"):
            continue
        addresses = parse_addresses(field.value)
        into = authors if name == "from" else senders
        # A group of nobody is a From of its own kind (RFC 6854 section 4).
        unreadable = unreadable or (name == "from" and not addresses)
        for address in addresses:
            if address.host == MISSING_DOMAIN:
                into[address.spec.rpartition("@")[0]] = None
            elif address.spec:
                into[address.spec] = None
    return Writers(tuple(authors), tuple(senders), unreadable)


def _name(field: Field) -> str:
    return field.name.strip().lower()
