"""The values that mailboxes are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from postroom.message.summary import Summary
from postroom.platform.blobs import BlobKey
from postroom.platform.table import Put

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = (
    "\\Seen",
    "\\Answered",
    "\\Flagged",
    "\\Deleted",
    "\\Draft",
)
SYSTEM_FLAGS = (ANSWERED, FLAGGED, DELETED, SEEN, DRAFT)


class Mailbox(msgspec.Struct, frozen=True, gc=False):
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
    forgotten: int = 0  # tombstones at or below this MODSEQ may be gone (RFC 7162 section 3.2.5)
    sweep_day: int = 0  # days since 1970: the last one on which the mailbox asked to be swept


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One message in one mailbox: what changes, and where the rest lies.

    Stored as it is, as a MessagePack array: new fields go to the end, with a default.
    """

    uid: int
    mod_seq: int
    flags: frozenset[str]  # system flags spelled as in SYSTEM_FLAGS, keywords as first written
    size: int  # octets as a client sees it: prefix and blob
    internal_date: int  # seconds since 1970
    saved: int  # when it came into this mailbox (RFC 8514), seconds since 1970
    blob: BlobKey
    prefix: bytes  # headers prepended for this recipient (Return-Path, Delivered-To…)
    added: int = 0  # MODSEQ with which it came into this mailbox
    thread: bytes = b""  # ``lineage.thread_of``; none for what came before threads were kept


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What ``append`` needs. The blob is stored already and outlives a failed append."""

    blob: BlobKey
    summary: Summary
    internal_date: int
    flags: frozenset[str] = frozenset()
    prefix: bytes = b""
    references: int = 1  # mailboxes that this delivery of the blob reaches, this one included
    claim: str = ""  # names the delivery when a blob has several: each plans its references once


@dataclass(frozen=True, slots=True)
class Delivery:
    """One ``append`` among many: see ``Mailboxes.append_many``."""

    account: str
    mailbox: str  # id
    messages: Sequence[NewMessage]
    also: Sequence[Put] = ()
    quota: int = 0
    # *also* tells the root that a reply names, and ``Mailboxes`` was given what recalls it:
    # then threads need no record for a message whose root that is.
    noted: bool = False


@dataclass(frozen=True, slots=True)
class Appended:
    mailbox: str  # id
    uid_validity: int
    uid: int
    mod_seq: int


@dataclass(frozen=True, slots=True)
class Expunged:
    """A message that is gone from its mailbox and can still be restored."""

    message: Message
    day: int  # of the expunge, days since 1970


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened to a mailbox above a MODSEQ: enough to bring a copy of it up to date."""

    mailbox: Mailbox
    changed: list[Message]  # new and altered ones, in order of MODSEQ
    expunged: list[int]  # UIDs
