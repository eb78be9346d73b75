"""What a message must be like to be found (RFC 9051 section 6.4.4): made by ``parser_keys``,
compiled by ``search``. Texts are decoded from the charset of the command already.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from gateway.imap.sequence_set import SequenceSet


@dataclass(frozen=True, slots=True)
class And:
    """All of them. Without any, as for ALL: nothing that could fail."""

    keys: "tuple[SearchKey, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    left: "SearchKey"
    right: "SearchKey"


@dataclass(frozen=True, slots=True)
class Not:
    key: "SearchKey"


@dataclass(frozen=True, slots=True)
class InSet:
    """A sequence-set, of message numbers or with ``uid`` of UIDs."""

    messages: SequenceSet
    uid: bool


@dataclass(frozen=True, slots=True)
class HasFlag:
    """SEEN, KEYWORD x and so on; UNSEEN is Not(HasFlag("\\Seen"))."""

    flag: str


@dataclass(frozen=True, slots=True)
class IsRecent:
    """RECENT; OLD is Not(IsRecent()), NEW is And((IsRecent(), Not(HasFlag("\\Seen"))))."""


@dataclass(frozen=True, slots=True)
class OnDate:
    """BEFORE, ON, SINCE of the internal date; with SENT… of the Date header (zones disregarded);
    with SAVED… of the day on which it came into the mailbox (RFC 8514 section 4.3)."""

    field: Literal["internal", "sent", "saved"]
    relation: Literal["before", "on", "since"]
    day: date


@dataclass(frozen=True, slots=True)
class Age:
    """YOUNGER and OLDER: seconds since the internal date (RFC 5032)."""

    younger: bool
    seconds: int


@dataclass(frozen=True, slots=True)
class Size:
    """LARGER (more octets than) or SMALLER (fewer octets than)."""

    larger: bool
    octets: int


@dataclass(frozen=True, slots=True)
class InHeader:
    """HEADER name text, and FROM, TO, CC, BCC, SUBJECT. An empty text: the field is there."""

    field: str  # lower case
    text: str


@dataclass(frozen=True, slots=True)
class InText:
    """BODY text, or with ``header`` TEXT text (the header is searched as well)."""

    text: str
    header: bool


@dataclass(frozen=True, slots=True)
class ModSeq:
    """MODSEQ n: changed at or above it (RFC 7162 section 3.1.5). The entry name has no effect."""

    mod_seq: int


@dataclass(frozen=True, slots=True)
class HasEmailId:
    """EMAILID (RFC 8474 section 6)."""

    object_id: str


@dataclass(frozen=True, slots=True)
class HasThreadId:
    """THREADID (RFC 8474 section 6)."""

    object_id: str


SearchKey = (
    And
    | Or
    | Not
    | InSet
    | HasFlag
    | IsRecent
    | OnDate
    | Age
    | Size
    | InHeader
    | InText
    | ModSeq
    | HasEmailId
    | HasThreadId
)
