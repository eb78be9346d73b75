"""The arguments of the commands that search: SEARCH (RFC 9051 section 6.4.4), SORT and THREAD (RFC
5256), their RETURN options (RFC 5267, RFC 9394), CANCELUPDATE, ESEARCH (RFC 7377)."""

from collections.abc import Callable
from encodings.aliases import aliases
from typing import cast, get_args

from gateway.imap.commands import Command, FetchItem
from gateway.imap.commands_search import (
    RETURN_ALL,
    Algorithm,
    CancelUpdate,
    Criterion,
    MultiSearch,
    Returns,
    Search,
    Sort,
    SortKey,
    Thread,
)
from gateway.imap.filter_mailboxes import SELECTED, FilterKind, FilterMailboxes, kept_names
from gateway.imap.parser_fetch import fetch_list, partial_range
from gateway.imap.parser_keys import search_keys
from gateway.imap.partial import Partial
from gateway.imap.search_keys import SearchKey
from gateway.imap.tokens import RFC, Scanner
from postroom.errors import BadSyntax

_OPTIONS = ("MIN", "MAX", "ALL", "COUNT", "SAVE", "CONTEXT", "UPDATE")
_CHARSET = b" CHARSET "
_SORT_KEYS = get_args(SortKey)
_ALGORITHMS = get_args(Algorithm)
_MOST_CRITERIA = 20  # each is a pass over what was found
_SOURCES = ("selected", "inboxes", "personal", "subscribed")
_SOURCES_OF_NAMES = ("mailboxes", "subtree", "subtree-one")
_SORT_RFC = "RFC 5256 section 5"
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
        returns = _returns(s)
        charset = s.text[s.at :][: len(_CHARSET)].upper() == _CHARSET
        return Search(tag, uid, _program(s, returns), returns, charset)

    return parse_search


def sort(uid: bool) -> Callable[[Scanner, bytes], Command]:
    def parse_sort(s: Scanner, tag: bytes) -> Command:
        returns = _returns(s)
        s.space()
        criteria = tuple(s.some(lambda: _criterion(s), "sort-criteria"))
        if len(criteria) > _MOST_CRITERIA:
            raise BadSyntax("sort-criteria", b"%d criteria" % len(criteria), _SORT_RFC)
        return Sort(tag, uid, criteria, _program_with_charset(s, returns), returns)

    return parse_sort


def thread(uid: bool) -> Callable[[Scanner, bytes], Command]:
    def parse_thread(s: Scanner, tag: bytes) -> Command:
        s.space()
        algorithm = s.keyword()
        if algorithm not in _ALGORITHMS:
            raise BadSyntax("thread-alg", algorithm.encode(), _SORT_RFC)
        return Thread(tag, uid, cast(Algorithm, algorithm), _program_with_charset(s, None))

    return parse_thread


def multi_search(s: Scanner, tag: bytes) -> Command:
    """ESEARCH. Without sources the selected mailbox is searched, without RETURN it is ALL."""
    sources: tuple[FilterMailboxes, ...] = (SELECTED,)
    if _option_is_next(s, b" IN ("):
        s.at -= 1
        sources = tuple(s.some(lambda: _source(s), "source-mbox"))
    returns = _returns(s) or RETURN_ALL
    if returns.saves and sources != (SELECTED,):
        raise BadSyntax("search-return-opt", b"SAVE", "RFC 7377 section 2.2")
    return MultiSearch(tag, sources, _program(s, returns), returns)


def cancel_update(s: Scanner, tag: bytes) -> Command:
    tags = []
    while s.skip(b" "):
        tags.append(s.string())
    if not tags:
        raise s.bad("tag in quotes", "RFC 5267 section 5")
    return CancelUpdate(tag, tuple(tags))


# What they share.


def _option_is_next(s: Scanner, word: bytes) -> bool:
    if s.text[s.at : s.at + len(word)].upper() != word:
        return False
    s.at += len(word)
    return True


def _returns(s: Scanner) -> Returns | None:
    """`` RETURN (...)``, when it comes next."""
    if not _option_is_next(s, b" RETURN "):
        return None
    options: set[str] = set()
    partials: list[Partial] = []
    fetch: tuple[FetchItem, ...] = ()

    def option() -> None:
        nonlocal fetch
        name = s.keyword()
        if name == "PARTIAL":
            s.space()
            partials.append(partial_range(s))
        elif name in _OPTIONS:
            options.add(name)
            if name == "UPDATE" and s.text[s.at : s.at + 2] == b" (":
                s.space()
                fetch = fetch_list(s)
        else:
            raise BadSyntax("search-return-opt", name.encode(), RFC)

    asked = s.items(option, "search-return-opts")
    if not asked:
        return RETURN_ALL
    if len(partials) + ("ALL" in options) > 1:
        raise BadSyntax("search-return-opts", b"PARTIAL", "RFC 9394 section 3.1")
    return Returns(frozenset(options), partials[0] if partials else None, fetch)


def _program(s: Scanner, returns: Returns | None) -> SearchKey:
    """Keys, with a charset in front or not."""
    codec = _charset(s, returns) if _option_is_next(s, _CHARSET) else "utf_8"
    s.space()
    return search_keys(s, codec)


def _program_with_charset(s: Scanner, returns: Returns | None) -> SearchKey:
    """Keys, with the name of a charset in front (RFC 5256 section 5, rule ``search-criteria``)."""
    s.space()
    codec = _charset(s, returns)
    s.space()
    return search_keys(s, codec)


def _charset(s: Scanner, returns: Returns | None) -> str:
    name = s.astring()
    codec = _CODECS.get(name.decode("ascii", "replace").lower().replace("-", "_"))
    if codec is None:
        raise BadCharset(name, returns is not None and returns.saves)
    return codec


def _criterion(s: Scanner) -> Criterion:
    key = s.keyword()
    reverse = key == "REVERSE"
    if reverse:
        s.space()
        key = s.keyword()
    if key not in _SORT_KEYS:
        raise BadSyntax("sort-key", key.encode(), _SORT_RFC)
    return Criterion(cast(SortKey, key), reverse)


def _source(s: Scanner) -> FilterMailboxes:
    kind = s.keyword().lower()
    if kind in _SOURCES:
        return FilterMailboxes(cast(FilterKind, kind))
    if kind not in _SOURCES_OF_NAMES:
        raise BadSyntax("filter-mailboxes", kind.encode(), "RFC 7377 section 4")
    s.space()
    return FilterMailboxes(cast(FilterKind, kind), mailbox_names(s))


def mailbox_names(s: Scanner) -> frozenset[str]:
    """``one-or-more-mailbox`` (RFC 5465 section 8)."""
    names = s.some(s.mailbox, "many-mailboxes") if s.next_is(b"(") else [s.mailbox()]
    return kept_names(names)
