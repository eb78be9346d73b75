"""What a client can ask, as values (RFC 9051 section 6): made by the parser, run by the session.

Mailbox names and patterns are Unicode whatever the client sent (UTF-8 or modified UTF-7), and
``inbox`` in any case is ``INBOX``. Flags are spelled as in ``postroom.mailboxes.records``.
Keywords of the protocol (items, options, mechanisms, capabilities) are in capitals.

The searching commands are in ``commands_search``.
"""

from dataclasses import dataclass
from typing import Literal

from gateway.imap.partial import Partial
from gateway.imap.sequence_set import NO_NUMBERS, SequenceSet


@dataclass(frozen=True, slots=True)
class Command:
    tag: bytes


# In any state (section 6.1; ID: RFC 2971).


class Capability(Command):
    __slots__ = ()


class Noop(Command):
    __slots__ = ()


class Logout(Command):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Id(Command):
    """``parameters`` is what the client says of itself; a value may be NIL. None: ``ID NIL``."""

    parameters: tuple[tuple[str, str | None], ...] | None


# Not authenticated (section 6.2).


class StartTls(Command):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Authenticate(Command):
    """``initial`` is the decoded initial response: b"" for ``=``, None when there was none."""

    mechanism: str
    initial: bytes | None


@dataclass(frozen=True, slots=True)
class Login(Command):
    user: bytes
    password: bytes


# Authenticated (section 6.3).


@dataclass(frozen=True, slots=True)
class Enable(Command):
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resync:
    """What a client knows of a mailbox that it comes back to (RFC 7162 section 3.2.5).

    ``known``: the UIDs it asks about, None for all. ``numbers`` and ``uids``: message numbers and
    their UIDs, pair by pair, as the client remembers them; both ascend.
    """

    uid_validity: int
    mod_seq: int
    known: SequenceSet | None = None
    numbers: SequenceSet = NO_NUMBERS
    uids: SequenceSet = NO_NUMBERS


@dataclass(frozen=True, slots=True)
class Select(Command):
    """SELECT, or EXAMINE when ``read_only``. ``condstore``: RFC 7162 section 3.1.8."""

    mailbox: str
    read_only: bool = False
    condstore: bool = False
    resync: Resync | None = None


@dataclass(frozen=True, slots=True)
class Create(Command):
    """``special_use``: the USE parameter, "\\Sent" and so on (RFC 6154 section 3)."""

    mailbox: str
    special_use: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete(Command):
    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename(Command):
    mailbox: str
    new_name: str


@dataclass(frozen=True, slots=True)
class Subscribe(Command):
    mailbox: str


@dataclass(frozen=True, slots=True)
class Unsubscribe(Command):
    mailbox: str


@dataclass(frozen=True, slots=True)
class List(Command):
    """LIST in its basic and extended forms (section 6.3.9, RFC 5258, RFC 5819, RFC 6154).

    ``selection``: of SUBSCRIBED REMOTE RECURSIVEMATCH SPECIAL-USE. ``returns``: of SUBSCRIBED
    CHILDREN SPECIAL-USE STATUS; ``status``: the items wanted with STATUS, in their order.
    ``metadata``: the annotations wanted (RFC 9590).
    ``extended``: the client used the extended syntax; an empty pattern then is no question for
    the hierarchy delimiter. ``verb``: XLIST is the basic form in the words that Gmail used before
    there was SPECIAL-USE.
    """

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[str] = frozenset()
    returns: frozenset[str] = frozenset()
    status: tuple[str, ...] = ()
    extended: bool = False
    metadata: tuple[str, ...] = ()
    verb: Literal["LIST", "XLIST"] = "LIST"


@dataclass(frozen=True, slots=True)
class Lsub(Command):
    reference: str
    pattern: str


class Namespace(Command):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Status(Command):
    """``items``: of MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ."""

    mailbox: str
    items: tuple[str, ...]


class Idle(Command):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Compress(Command):
    """RFC 4978."""

    algorithm: str


class Unauthenticate(Command):
    """RFC 8437."""

    __slots__ = ()


# Selected (section 6.4).


class Check(Command):
    """RFC 3501 section 6.4.1; gone from IMAP4rev2."""

    __slots__ = ()


class Close(Command):
    __slots__ = ()


class Unselect(Command):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Expunge(Command):
    """EXPUNGE, or UID EXPUNGE when there are ``uids``."""

    uids: SequenceSet | None = None


@dataclass(frozen=True, slots=True)
class Copy(Command):
    uid: bool
    messages: SequenceSet
    mailbox: str


@dataclass(frozen=True, slots=True)
class Move(Command):
    uid: bool
    messages: SequenceSet
    mailbox: str


@dataclass(frozen=True, slots=True)
class Store(Command):
    uid: bool
    messages: SequenceSet
    mode: Literal["replace", "add", "remove"]
    flags: tuple[str, ...]
    silent: bool = False
    unchanged_since: int | None = None  # RFC 7162 section 3.1.3


SectionText = Literal["", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"]


@dataclass(frozen=True, slots=True)
class BodySection:
    """``BODY[…]<…>`` (section 6.4.5.1). ``part``: "" is the whole message, else "1", "2.1"…"""

    part: str = ""
    text: SectionText = ""
    fields: tuple[bytes, ...] = ()  # header field names, as the client wrote them
    partial: tuple[int, int] | None = None  # first octet, length
    peek: bool = False


@dataclass(frozen=True, slots=True)
class BinarySection:
    """``BINARY[…]<…>``: the part with its transfer encoding removed (section 6.4.5.1)."""

    part: str = ""
    partial: tuple[int, int] | None = None
    peek: bool = False


@dataclass(frozen=True, slots=True)
class BinarySize:
    """``BINARY.SIZE[…]``."""

    part: str = ""


# The plain items: FLAGS UID INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE MODSEQ RFC822
# RFC822.HEADER RFC822.TEXT RFC822.PEEK RFC822.TEXT.PEEK. Macros (ALL, FAST, FULL) are expanded by
# the parser.
FetchItem = str | BodySection | BinarySection | BinarySize


@dataclass(frozen=True, slots=True)
class Fetch(Command):
    """``items``: as the client named them, also of UID FETCH. ``changed_since`` and ``vanished``:
    RFC 7162 sections 3.1.4.1 and 3.2.6."""

    uid: bool
    messages: SequenceSet
    items: tuple[FetchItem, ...]
    changed_since: int | None = None
    vanished: bool = False
    partial: Partial | None = None  # of the messages named (RFC 9394 section 3.3)
