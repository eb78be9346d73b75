"""What a script decides. The pipeline carries these out, in their order.

``message`` is the text to act upon: None for the message as it came, or its edited octets
(RFC 5293, RFC 5703). It is as of the moment of the action.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keep:
    """File into INBOX (RFC 5228 section 4.3)."""

    flags: tuple[str, ...] = ()  # IMAP flags, each once (RFC 5232)
    message: bytes | None = None
    implicit: bool = False  # nothing else was decided (RFC 5228 section 2.10.2)


@dataclass(frozen=True, slots=True)
class FileInto:
    """File into a mailbox (RFC 5228 section 4.1). Tried in this order: ``mailbox_id`` when it
    exists (RFC 9042), ``special_use`` when a mailbox has it (RFC 8579), then ``mailbox``."""

    mailbox: str
    flags: tuple[str, ...] = ()
    message: bytes | None = None
    create: bool = False  # RFC 5490 section 3.2
    special_use: str = ""  # "\\Archive", as written
    mailbox_id: str = ""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send it on to an address (RFC 5228 section 4.2), with parameters of RFC 6009."""

    address: str
    message: bytes | None = None
    notify: tuple[str, ...] = ()  # NEVER, or any of SUCCESS, FAILURE, DELAY; empty: not said
    ret: str = ""  # FULL or HDRS
    by: int | None = None  # seconds since 1970 at which it must be there (RFC 2852)
    by_mode: str = ""  # "R" or "N", with "T" when a trace is wanted
    list_name: str = ""  # every address of this external list instead (RFC 6134 section 2.7)


@dataclass(frozen=True, slots=True)
class Discard:
    """Throw it away, silently (RFC 5228 section 4.4)."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse it with a reason that its sender reads (RFC 5429)."""

    reason: str
    extended: bool = False  # ereject


@dataclass(frozen=True, slots=True)
class Copy:
    """Where a copy of what goes out is filed (RFC 8580)."""

    mailbox: str
    flags: tuple[str, ...] = ()
    create: bool = False
    special_use: str = ""
    mailbox_id: str = ""


@dataclass(frozen=True, slots=True)
class Vacation:
    """Answer that one is away (RFC 5230). Whether an answer goes out is for `autoreply` to say."""

    reason: str  # with mime: a MIME entity, header and body
    seconds: int  # not again to the same correspondent within this time (RFC 6131)
    subject: str = ""
    from_address: str = ""
    addresses: tuple[str, ...] = ()  # more of the user's own
    mime: bool = False
    handle: str = ""  # names answers that count as the same; "" as RFC 5230 section 4.2 says
    fcc: Copy | None = None


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell somebody (RFC 5435); ``method`` is a ``mailto:`` URI (RFC 5436)."""

    method: str
    message: str = ""  # "" for the method's own words
    from_address: str = ""
    importance: int = 2  # 1 high, 2 normal, 3 low
    options: tuple[str, ...] = ()  # "name=value"
    fcc: Copy | None = None
    told: tuple[str, ...] = ()  # lower case: addresses of the URI that are told already


@dataclass(frozen=True, slots=True)
class Remember:
    """Note that this was seen, once the message is delivered (RFC 7352)."""

    handle: str
    unique_id: str
    seconds: int
    last: bool = False  # seen again, the time begins anew


Action = Keep | FileInto | Redirect | Discard | Reject | Vacation | Notify | Remember
