"""SEARCH as a program (RFC 9051 section 6.4.4): which messages match, and what to read to know.

The keys that look at the record alone come first; the session reads summaries or blobs only of the
messages that these leave. What an index tells of texts need not be read.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

from gateway.imap.dates import parse_date, seconds_of
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
from postroom.message.searchable import (
    Needle,
    anywhere,
    body_text,
    header_text,
    in_body,
    in_field,
)
from postroom.message.summary import details_of, envelope_of, structure_of

_DAY = 24 * 3600
# The day in a Date header, at the front of an ENVELOPE.
_SENT_DAY = re.compile(
    rb'\("[^"0-9]{0,20}([0-9]{1,2})[ -]{1,3}([A-Za-z]{3})[a-z]*[ ,-]{1,3}([0-9]{4})'
)


class Needs(IntEnum):
    RECORD = 0
    SUMMARY = 1
    BLOB = 2  # and the summary, when ``Program.needs_summary``


@dataclass(slots=True)
class Candidate:
    """One message on trial. ``summary`` and ``blob`` may be None as far as they are not needed;
    a summary is as it is stored.

    ``marks``: what an index tells; for each needle an octet for each message, 0 where it is not.
    """

    number: int
    message: Message
    recent: bool = False
    summary: bytes | None = None
    blob: bytes | None = None
    marks: Mapping[Needle, bytes] | None = None
    _header: bytes | None = field(default=None, repr=False)
    _body: bytes | None = field(default=None, repr=False)

    def has(self, needle: Needle) -> bool:
        if self.marks is not None:
            return self.marks[needle][self.number - 1] != 0
        return (needle.in_header and needle.is_in_header(self._header_text())) or (
            needle.in_body and needle.is_in_body(self._body_text())
        )

    def _header_text(self) -> bytes:
        if self._header is None:
            self._header = header_text(self.message.prefix, self.blob or b"")
        return self._header

    def _body_text(self) -> bytes:
        if self._body is None:
            if self.summary is None or self.blob is None:
                raise ValueError("a text is searched before summary and blob were read")
            self._body = body_text(self.blob, structure_of(self.summary))
        return self._body

    def forget(self) -> None:
        """Let go of what was read to know."""
        self.summary = self.blob = self._header = self._body = None


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

    ``needles``: what is looked for in texts, each once.
    ``asks_mod_seq``: the response carries the highest MODSEQ (RFC 7162 section 3.1.5).
    ``follows_flags``: whether a message matches may change with its flags.
    """

    keys: tuple[SearchKey, ...]  # all of them hold
    record: Matches
    rest: Matches
    needs: Needs
    needs_known: Needs  # of a message whose texts need not be read
    asks_texts_only: bool
    needles: tuple[Needle, ...]
    needs_summary: bool
    asks_mod_seq: bool
    follows_flags: bool
    size: int  # keys, a measure of the work for one message


def compile_search(key: SearchKey, context: Context) -> Program:
    """Compile the keys of one command."""
    keys = key.keys if isinstance(key, And) else (key,)
    costs = [(needs(part), part) for part in keys]
    later = [(cost, part) for cost, part in costs if cost > Needs.RECORD]
    return Program(
        keys=keys,
        record=_all([_compile(part, context) for cost, part in costs if cost is Needs.RECORD]),
        rest=_all([_compile(part, context) for _, part in sorted(later, key=lambda pair: pair[0])]),
        needs=max((cost for cost, _ in costs), default=Needs.RECORD),
        needs_known=max((needs(part, Needs.RECORD) for part in keys), default=Needs.RECORD),
        asks_texts_only=all(_is_of_texts(part) for part in keys),
        needles=_needles(key),
        needs_summary=_any_of(key, InText) or needs(key, Needs.RECORD) is Needs.SUMMARY,
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


def _needles(key: SearchKey) -> tuple[Needle, ...]:
    texts = (each for each in _all_in(key) if isinstance(each, InText | InHeader))
    return tuple(dict.fromkeys(map(needle_of, texts)))


def _is_of_texts(key: SearchKey) -> bool:
    inner = _inner(key)
    return isinstance(key, InText | InHeader) or (bool(inner) and all(map(_is_of_texts, inner)))


def needle_of(key: SearchKey) -> Needle:
    """What a key of texts looks for."""
    match key:
        case InHeader(name, text):
            return in_field(name, text)
        case InText(text, header):
            return anywhere(text) if header else in_body(text)
    raise TypeError(f"{key} looks for no text")


def needs(key: SearchKey, texts: Needs = Needs.BLOB) -> Needs:
    if isinstance(key, InHeader | InText):
        return texts
    if isinstance(key, OnDate) and key.field == "sent":
        return Needs.SUMMARY
    return max((needs(part, texts) for part in _inner(key)), default=Needs.RECORD)


def _compile(key: SearchKey, context: Context) -> Matches:
    match key:
        case And(keys):
            return _all([_compile(part, context) for part in sorted(keys, key=needs)])
        case Or(left, right):
            first, second = (_compile(part, context) for part in sorted((left, right), key=needs))
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
        case InHeader() | InText():
            needle = needle_of(key)
            return lambda c: c.has(needle)
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


def _sent(summary: bytes | None) -> int | None:
    """A second of the day that the Date header names, as it is written there."""
    if summary is None:
        return None
    day = day_sent(envelope_of(summary))
    return details_of(summary).sent if day is None else day


def day_sent(envelope: bytes) -> int | None:
    """The first second of the day that the Date header names, zones disregarded; None without."""
    match = _SENT_DAY.match(envelope)
    return None if match is None else _day(b"-".join(match.groups()))


@lru_cache(maxsize=8192)
def _day(written: bytes) -> int | None:
    try:
        return seconds_of(parse_date(written))
    except BadSyntax:
        return None
