"""The values that mailboxes are made of."""

from dataclasses import dataclass

from postroom.message.summary import Summary
from postroom.platform.blobs import BlobKey

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = (
    "\\Seen",
    "\\Answered",
    "\\Flagged",
    "\\Deleted",
    "\\Draft",
)
SYSTEM_FLAGS = (ANSWERED, FLAGGED, DELETED, SEEN, DRAFT)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox with its counters, as of the moment it was read."""

    id: str  # never reused, survives renames (RFC 8474 MAILBOXID)
    account: str
    name: str  # Unicode, "/" between levels; "INBOX" in capitals
    special_use: str  # "\\Sent" and so on (RFC 6154), "" for none
    subscribed: bool
    uid_validity: int
    uid_next: int
    highest_mod_seq: int
    messages: int
    unseen: int
    deleted: int  # messages with \Deleted (RFC 9051 STATUS DELETED)
    size: int  # octets of all messages
    first_recent: int  # messages with a UID from here on have not been shown to a session
    keywords: tuple[str, ...]  # every keyword in use, for PERMANENTFLAGS
    version: int  # grows with every write of this record


@dataclass(frozen=True, slots=True)
class Message:
    """One message in one mailbox: what changes, and where the rest lies."""

    uid: int
    mod_seq: int
    flags: frozenset[str]  # system flags spelled as in SYSTEM_FLAGS, keywords as first written
    size: int  # octets as a client sees it: prefix and blob
    internal_date: int  # seconds since 1970
    saved: int  # when it came into this mailbox (RFC 8514), seconds since 1970
    blob: BlobKey
    prefix: bytes  # headers prepended for this recipient (Return-Path, Delivered-To…)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What ``append`` needs. The blob is stored already and outlives a failed append."""

    blob: BlobKey
    summary: Summary
    internal_date: int
    flags: frozenset[str] = frozenset()
    prefix: bytes = b""
    references: int = 1  # mailboxes that this delivery of the blob reaches, this one included


@dataclass(frozen=True, slots=True)
class Appended:
    mailbox: str  # id
    uid_validity: int
    uid: int
    mod_seq: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened to a mailbox above a MODSEQ: enough to bring a copy of it up to date."""

    mailbox: Mailbox
    changed: list[Message]  # new and altered ones, in order of MODSEQ
    expunged: list[int]  # UIDs
