"""SEARCH as a program (RFC 9051 section 6.4.4): which messages match, and what to read to know.

The keys that look at the record alone come first; the session reads summaries or blobs only of the
messages that these leave.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum

from gateway.imap.dates import parse_date, seconds_of
from gateway.imap.fetch import UnknownEncoding, decode_transfer
from gateway.imap.object_ids import email_id, thread_id
from gateway.imap.search_keys import (
    Age,
    And,
    HasEmailId,
    HasFlag,
    HasThreadId,
    InHeader,
    InSet,
    InText,
    IsRecent,
    ModSeq,
    Not,
    OnDate,
    Or,
    SearchKey,
    Size,
)
from gateway.imap.sequence_set import SequenceSet, merge
from postroom.errors import BadSyntax
from postroom.mailboxes.records import Message
from postroom.message.collation import casemap
from postroom.message.headers import end_of_header, pairs, unfold
from postroom.message.structure import Part
from postroom.message.summary import Summary
from postroom.message.words import charset_to_str, decode_words

_DAY = 24 * 3600
# The day in a Date header, at the front of an ENVELOPE.
_SENT_DAY = re.compile(
    rb'\("[^"0-9]{0,20}([0-9]{1,2})[ -]{1,3}([A-Za-z]{3})[a-z]*[ ,-]{1,3}([0-9]{4})'
)


class Needs(IntEnum):
    RECORD = 0
    SUMMARY = 1
    BLOB = 2  # and the summary, when ``Program.needs_structure``


@dataclass(slots=True)
class Candidate:
    """One message on trial. ``summary`` and ``blob`` may be None as far as they are not needed."""

    number: int
    message: Message
    recent: bool = False
    summary: Summary | None = None
    blob: bytes | None = None
    _fields: list[tuple[bytes, str]] | None = field(default=None, repr=False)
    _texts: list[str] | None = field(default=None, repr=False)

    def header_fields(self) -> list[tuple[bytes, str]]:
        """(lower case name, decoded value as ``casemap`` has it) of each field, prefix included."""
        if self._fields is None:
            blob = self.blob or b""
            header = self.message.prefix + blob[: end_of_header(blob)]
            self._fields = [
                (name, casemap(decode_words(unfold(value))))
                for name, value in pairs(header)
                if name
            ]
        return self._fields

    def texts(self) -> list[str]:
        """The decoded text parts, and the headers of messages inside, as ``casemap`` has them."""
        if self._texts is None:
            if self.summary is None or self.blob is None:
                raise ValueError("a text is searched before summary and blob were read")
            self._texts = list(_texts(self.summary.structure, self.blob))
        return self._texts

    def forget(self) -> None:
        """Let go of what was read to know."""
        self.summary = self.blob = self._fields = self._texts = None


Matches = Callable[[Candidate], bool]


@dataclass(frozen=True, slots=True)
class Context:
    """What sets and ages refer to. ``saved``: UIDs of ``$``, ascending. ``now``: seconds."""

    largest_number: int
    largest_uid: int
    saved: Sequence[int]
    now: int


@dataclass(frozen=True, slots=True)
class Program:
    """A message matches when ``record`` and ``rest`` both hold; ``rest`` wants what ``needs`` says.

    ``asks_mod_seq``: the response carries the highest MODSEQ (RFC 7162 section 3.1.5).
    ``follows_flags``: whether a message matches may change with its flags.
    """

    record: Matches
    rest: Matches
    needs: Needs
    needs_structure: bool
    asks_mod_seq: bool
    follows_flags: bool
    size: int  # keys, a measure of the work for one message


def compile_search(key: SearchKey, context: Context) -> Program:
    """Compile the keys of one command."""
    keys = key.keys if isinstance(key, And) else (key,)
    costs = [(_needs(part), part) for part in keys]
    later = [(cost, part) for cost, part in costs if cost > Needs.RECORD]
    return Program(
        record=_all([_compile(part, context) for cost, part in costs if cost is Needs.RECORD]),
        rest=_all([_compile(part, context) for _, part in sorted(later, key=lambda pair: pair[0])]),
        needs=max((cost for cost, _ in costs), default=Needs.RECORD),
        needs_structure=_any_of(key, InText),
        asks_mod_seq=_any_of(key, ModSeq),
        follows_flags=_any_of(key, HasFlag, ModSeq),
        size=sum(1 for _ in _all_in(key)),
    )


def _inner(key: SearchKey) -> tuple[SearchKey, ...]:
    if isinstance(key, And):
        return key.keys
    if isinstance(key, Or):
        return key.left, key.right
    return (key.key,) if isinstance(key, Not) else ()


def _any_of(key: SearchKey, *kinds: type[SearchKey]) -> bool:
    return any(isinstance(found, kinds) for found in _all_in(key))


def _all_in(key: SearchKey) -> Iterator[SearchKey]:
    waiting = [key]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(_inner(found))


def _needs(key: SearchKey) -> Needs:
    if isinstance(key, InHeader | InText):
        return Needs.BLOB
    if isinstance(key, OnDate) and key.field == "sent":
        return Needs.SUMMARY
    return max((_needs(part) for part in _inner(key)), default=Needs.RECORD)


def _compile(key: SearchKey, context: Context) -> Matches:
    match key:
        case And(keys):
            return _all([_compile(part, context) for part in sorted(keys, key=_needs)])
        case Or(left, right):
            first, second = (_compile(part, context) for part in sorted((left, right), key=_needs))
            return lambda c: first(c) or second(c)
        case Not(inner):
            negated = _compile(inner, context)
            return lambda c: not negated(c)
        case InSet(messages, uid):
            return _in_set(messages, uid, context)
        case HasFlag(flag):
            return _has_flag(flag)
        case IsRecent():
            return lambda c: c.recent
        case OnDate():
            return _on_date(key)
        case Age(younger, seconds):
            limit = context.now - seconds
            if younger:
                return lambda c: c.message.internal_date >= limit
            return lambda c: c.message.internal_date <= limit
        case Size(larger, octets):
            if larger:
                return lambda c: c.message.size > octets
            return lambda c: c.message.size < octets
        case ModSeq(mod_seq):
            return lambda c: c.message.mod_seq >= mod_seq
        case InHeader(name, text):
            wanted, needle = name.encode("ascii", "replace"), casemap(text)
            return lambda c: any(
                found == wanted and needle in value for found, value in c.header_fields()
            )
        case InText(text, header):
            return _in_text(casemap(text), header)
        case HasEmailId(wanted_id):
            return lambda c: email_id(c.message) == wanted_id
        case HasThreadId(wanted_id):
            return lambda c: thread_id(c.message) == wanted_id


def _all(parts: list[Matches]) -> Matches:
    if not parts:
        return lambda _: True
    if len(parts) == 1:
        return parts[0]
    return lambda c: all(part(c) for part in parts)


def _in_set(messages: SequenceSet, uid: bool, context: Context) -> Matches:
    if messages.saved:
        saved = frozenset(context.saved)
        return lambda c: c.message.uid in saved
    ranges = merge(messages.ranges(context.largest_uid if uid else context.largest_number))
    starts = [part.start for part in ranges]

    def contains(number: int) -> bool:
        at = bisect_right(starts, number) - 1
        return at >= 0 and number in ranges[at]

    if uid:
        return lambda c: contains(c.message.uid)
    return lambda c: contains(c.number)


def _has_flag(flag: str) -> Matches:
    if flag.startswith("\\"):
        return lambda c: flag in c.message.flags
    # Keywords match without regard to case (RFC 9051 section 2.3.2).
    lower = flag.lower()
    return lambda c: flag in c.message.flags or any(f.lower() == lower for f in c.message.flags)


def _on_date(key: OnDate) -> Matches:
    """Days are compared as written, zones disregarded; an internal date is shown in UTC."""
    start = seconds_of(key.day)
    low = None if key.relation == "before" else start
    high = {"before": start, "since": None, "on": start + _DAY}[key.relation]

    def within(seconds: int | None) -> bool:
        if seconds is None:
            return False
        return (low is None or seconds >= low) and (high is None or seconds < high)

    if key.field == "internal":
        return lambda c: within(c.message.internal_date)
    if key.field == "saved":
        return lambda c: within(c.message.saved)
    return lambda c: within(_sent(c.summary))


def _sent(summary: Summary | None) -> int | None:
    """A second of the day that the Date header names, as it is written there."""
    if summary is None:
        return None
    day = day_sent(summary.envelope)
    return summary.sent if day is None else day


def day_sent(envelope: bytes) -> int | None:
    """The first second of the day that the Date header names, zones disregarded; None without."""
    match = _SENT_DAY.match(envelope)
    if match is None:
        return None
    try:
        return seconds_of(parse_date(b"-".join(match.groups())))
    except BadSyntax:
        return None


def _in_text(needle: str, header: bool) -> Matches:
    def matches(candidate: Candidate) -> bool:
        if header and any(
            needle in f"{name.decode('latin-1').upper()}: {value}"
            for name, value in candidate.header_fields()
        ):
            return True
        return any(needle in text for text in candidate.texts())

    return matches


def _texts(root: Part, blob: bytes) -> Iterator[str]:
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if part.children:
            if part.media_type == "message":
                inner = part.children[0]
                yield casemap(decode_words(unfold(blob[inner.header : inner.body])))
            waiting.extend(reversed(part.children))
        elif part.media_type in ("text", "multipart"):  # a multipart without parts is its text
            octets = blob[part.body : part.end]
            with suppress(UnknownEncoding):
                octets = decode_transfer(octets, part.encoding)
            yield casemap(charset_to_str(octets, part.charset or "utf-8"))
