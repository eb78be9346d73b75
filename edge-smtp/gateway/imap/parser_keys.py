"""The keys of a search (RFC 9051 section 6.4.4; MODSEQ: RFC 7162; OLDER, YOUNGER: RFC 5032; SAVED…:
RFC 8514; EMAILID, THREADID: RFC 8474)."""

import re
from collections.abc import Callable
from datetime import date
from typing import Literal

from gateway.imap.dates import parse_date
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
from gateway.imap.tokens import RFC, Scanner
from postroom.errors import BadSyntax
from postroom.mailboxes.records import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN

# Each level is a call of ours here, in ``search`` and at evaluation; clients join with OR, which
# nests, but rarely more than some dozens.
DEEPEST = 100
MOST_KEYS = 2000
_SET_START = b"0123456789*$"
_DATE = re.compile(rb"[0-9A-Za-z-]+")
_FIELDS: tuple[tuple[str, Literal["internal", "sent", "saved"]], ...] = (
    ("", "internal"),
    ("SENT", "sent"),
    ("SAVED", "saved"),
)
_RELATIONS: tuple[Literal["before", "on", "since"], ...] = ("before", "on", "since")
_DATES = {
    prefix + relation.upper(): (field, relation)
    for prefix, field in _FIELDS
    for relation in _RELATIONS
}
_OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")  # RFC 8474 section 7


def search_keys(s: Scanner, charset: str) -> SearchKey:
    """All keys up to the end of the command. *charset* of the texts: a codec of ours."""
    return _Keys(s, charset).all()


class _Keys:
    """The keys of one command; counts them."""

    def __init__(self, s: Scanner, charset: str) -> None:
        self._s = s
        self._charset = charset
        self._count = 0

    def all(self) -> SearchKey:
        keys = [self._key(0)]
        while self._s.skip(b" "):
            keys.append(self._key(0))
        return keys[0] if len(keys) == 1 else And(tuple(keys))

    def _key(self, depth: int) -> SearchKey:
        s = self._s
        self._count += 1
        if self._count > MOST_KEYS or depth > DEEPEST:
            raise s.bad("search-key that we would run: too many or too deep")
        octet = s.text[s.at : s.at + 1]
        if octet == b"(":
            keys = s.some(lambda: self._key(depth + 1), "search-key")
            return keys[0] if len(keys) == 1 else And(tuple(keys))
        if octet and octet in _SET_START:
            return InSet(s.sequence_set(), uid=False)
        start = s.at
        name = s.keyword()
        if name == "NOT":
            s.space()
            return Not(self._key(depth + 1))
        if name == "OR":
            s.space()
            left = self._key(depth + 1)
            s.space()
            return Or(left, self._key(depth + 1))
        if name in _CONSTANT:
            return _CONSTANT[name]
        argument = _WITH_ARGUMENT.get(name)
        if argument is None:
            s.at = start
            raise s.bad("search-key")
        s.space()
        return argument(self, name)

    # The arguments of single keys.

    def _text(self) -> str:
        octets = self._s.astring()
        try:
            return octets.decode(self._charset)
        except UnicodeError as error:
            raise BadSyntax(f"text in {self._charset}", octets, RFC) from error

    def _header(self, _: str) -> SearchKey:
        field = self._s.astring()
        if not field.isascii():
            raise BadSyntax("header-fld-name", field, RFC)
        self._s.space()
        return InHeader(field.decode("ascii").lower(), self._text())

    def _address_or_subject(self, name: str) -> SearchKey:
        return InHeader(name.lower(), self._text())

    def _body(self, name: str) -> SearchKey:
        return InText(self._text(), header=name == "TEXT")

    def _date(self, name: str) -> SearchKey:
        field, relation = _DATES[name]
        return OnDate(field, relation, self._day())

    def _day(self) -> date:
        s = self._s
        if not s.skip(b'"'):
            return parse_date(s.take(_DATE, "date"))
        day = parse_date(s.take(_DATE, "date"))
        s.expect(b'"', "date")
        return day

    def _age(self, name: str) -> SearchKey:
        return Age(name == "YOUNGER", self._s.number(least=1))

    def _size(self, name: str) -> SearchKey:
        return Size(name == "LARGER", self._s.number())

    def _keyword(self, name: str) -> SearchKey:
        key = HasFlag(self._s.atom().decode("ascii"))
        return key if name == "KEYWORD" else Not(key)

    def _uid(self, _: str) -> SearchKey:
        return InSet(self._s.sequence_set(), uid=True)

    def _object_id(self, name: str) -> SearchKey:
        wanted = self._s.take(_OBJECT_ID, "objectid", "RFC 8474 section 7").decode("ascii")
        return HasEmailId(wanted) if name == "EMAILID" else HasThreadId(wanted)

    def _mod_seq(self, _: str) -> SearchKey:
        s = self._s
        if s.next_is(b'"'):
            entry = s.string()
            s.space()
            if not entry.lower().startswith(b"/flags/") or s.keyword() not in (
                "ALL",
                "SHARED",
                "PRIV",
            ):
                raise BadSyntax("search-modseq-ext", entry, "RFC 7162 section 7")
            s.space()
        return ModSeq(s.number())


_ALL = And(())

_CONSTANT: dict[str, SearchKey] = {
    "ALL": _ALL,
    "ANSWERED": HasFlag(ANSWERED),
    "DELETED": HasFlag(DELETED),
    "DRAFT": HasFlag(DRAFT),
    "FLAGGED": HasFlag(FLAGGED),
    "NEW": And((IsRecent(), Not(HasFlag(SEEN)))),  # RFC 3501 section 6.4.4, as OLD and RECENT
    "OLD": Not(IsRecent()),
    "RECENT": IsRecent(),
    "SAVEDATESUPPORTED": _ALL,
    "SEEN": HasFlag(SEEN),
    "UNANSWERED": Not(HasFlag(ANSWERED)),
    "UNDELETED": Not(HasFlag(DELETED)),
    "UNDRAFT": Not(HasFlag(DRAFT)),
    "UNFLAGGED": Not(HasFlag(FLAGGED)),
    "UNSEEN": Not(HasFlag(SEEN)),
}

_WITH_ARGUMENT: dict[str, Callable[[_Keys, str], SearchKey]] = {
    "BCC": _Keys._address_or_subject,
    "BEFORE": _Keys._date,
    "BODY": _Keys._body,
    "CC": _Keys._address_or_subject,
    "EMAILID": _Keys._object_id,
    "FROM": _Keys._address_or_subject,
    "HEADER": _Keys._header,
    "KEYWORD": _Keys._keyword,
    "LARGER": _Keys._size,
    "MODSEQ": _Keys._mod_seq,
    "OLDER": _Keys._age,
    "ON": _Keys._date,
    "SAVEDBEFORE": _Keys._date,
    "SAVEDON": _Keys._date,
    "SAVEDSINCE": _Keys._date,
    "SENTBEFORE": _Keys._date,
    "SENTON": _Keys._date,
    "SENTSINCE": _Keys._date,
    "SINCE": _Keys._date,
    "SMALLER": _Keys._size,
    "SUBJECT": _Keys._address_or_subject,
    "TEXT": _Keys._body,
    "THREADID": _Keys._object_id,
    "TO": _Keys._address_or_subject,
    "UID": _Keys._uid,
    "UNKEYWORD": _Keys._keyword,
    "YOUNGER": _Keys._age,
}
