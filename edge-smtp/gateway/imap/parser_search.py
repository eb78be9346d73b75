"""The arguments of SEARCH (RFC 9051 section 6.4.4; MODSEQ: RFC 7162; OLDER, YOUNGER: RFC 5032)."""

import re
from collections.abc import Callable
from datetime import date
from encodings.aliases import aliases
from typing import Literal, cast

from gateway.imap.commands import (
    Age,
    And,
    Command,
    HasFlag,
    InHeader,
    InSet,
    InText,
    IsRecent,
    ModSeq,
    Not,
    OnDate,
    Or,
    Search,
    SearchKey,
    Size,
)
from gateway.imap.dates import parse_date
from gateway.imap.tokens import RFC, Scanner
from postroom.errors import BadSyntax
from postroom.mailboxes.records import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN

# Each level is a call of ours here, in ``search`` and at evaluation; clients join with OR, which
# nests, but rarely more than some dozens.
DEEPEST = 100
MOST_KEYS = 2000
_RETURNS = ("MIN", "MAX", "ALL", "COUNT", "SAVE")
_SET_START = b"0123456789*$"
_DATE = re.compile(rb"[0-9A-Za-z-]+")
# The charsets of RFC 9051 and those old clients use: Python's names of its codecs. Only names from
# this table are looked up, since ``codecs.lookup`` remembers every unknown name for ever.
_CODEC_NAMES = """
    ascii utf_8 latin_1 iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8
    iso8859_9 iso8859_10 iso8859_13 iso8859_14 iso8859_15 iso8859_16 cp1250 cp1251 cp1252 cp1253
    cp1254 cp1255 cp1256 cp1257 cp1258 koi8_r koi8_u big5 gb2312 gbk gb18030 euc_jp euc_kr
    shift_jis iso2022_jp
"""
_CODECS = {name: name for name in _CODEC_NAMES.split()}
_CODECS |= {alias: codec for alias, codec in aliases.items() if codec in _CODECS}


class BadCharset(BadSyntax):
    """The answer is ``NO [BADCHARSET (US-ASCII UTF-8)]`` (RFC 9051 section 6.4.4).

    *saves*: the command had SAVE, and a NO empties what was saved (section 6.4.4.1).
    """

    def __init__(self, charset: bytes, saves: bool) -> None:
        super().__init__("charset", charset, "RFC 9051 section 6.4.4")
        self.saves = saves


def search(uid: bool) -> Callable[[Scanner, bytes], Command]:
    def parse_search(s: Scanner, tag: bytes) -> Command:
        s.space()
        returns = None
        if _word_is_next(s, b"RETURN"):
            s.space()
            options = s.items(lambda: _return_option(s), "search-return-opts")
            returns = frozenset(options or ["ALL"])
            s.space()
        charset = "utf_8"
        if _word_is_next(s, b"CHARSET"):
            s.space()
            charset = _charset(s, saves=returns is not None and "SAVE" in returns)
            s.space()
        keys = _Keys(s, charset)
        return Search(tag, uid, keys.all(), returns)

    return parse_search


def _word_is_next(s: Scanner, word: bytes) -> bool:
    if s.text[s.at : s.at + len(word) + 1].upper() != word + b" ":
        return False
    s.at += len(word)
    return True


def _return_option(s: Scanner) -> str:
    option = s.keyword()
    if option not in _RETURNS:
        raise BadSyntax("search-return-opt", option.encode(), RFC)
    return option


def _charset(s: Scanner, saves: bool) -> str:
    name = s.astring()
    codec = _CODECS.get(name.decode("ascii", "replace").lower().replace("-", "_"))
    if codec is None:
        raise BadCharset(name, saves)
    return codec


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
        sent = name.startswith("SENT")
        relation = cast(Literal["before", "on", "since"], name.removeprefix("SENT").lower())
        return OnDate("sent" if sent else "internal", relation, self._day())

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


_CONSTANT: dict[str, SearchKey] = {
    "ALL": And(()),
    "ANSWERED": HasFlag(ANSWERED),
    "DELETED": HasFlag(DELETED),
    "DRAFT": HasFlag(DRAFT),
    "FLAGGED": HasFlag(FLAGGED),
    "NEW": And((IsRecent(), Not(HasFlag(SEEN)))),  # RFC 3501 section 6.4.4, as OLD and RECENT
    "OLD": Not(IsRecent()),
    "RECENT": IsRecent(),
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
    "FROM": _Keys._address_or_subject,
    "HEADER": _Keys._header,
    "KEYWORD": _Keys._keyword,
    "LARGER": _Keys._size,
    "MODSEQ": _Keys._mod_seq,
    "OLDER": _Keys._age,
    "ON": _Keys._date,
    "SENTBEFORE": _Keys._date,
    "SENTON": _Keys._date,
    "SENTSINCE": _Keys._date,
    "SINCE": _Keys._date,
    "SMALLER": _Keys._size,
    "SUBJECT": _Keys._address_or_subject,
    "TEXT": _Keys._body,
    "TO": _Keys._address_or_subject,
    "UID": _Keys._uid,
    "UNKEYWORD": _Keys._keyword,
    "YOUNGER": _Keys._age,
}
