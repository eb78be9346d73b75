"""The arguments of GETMETADATA, SETMETADATA, GETQUOTA and GETQUOTAROOT (RFC 5464 section 5, RFC
9208 section 7)."""

import re

from gateway.imap.commands import Command
from gateway.imap.commands_metadata import (
    INFINITY,
    GetMetadata,
    GetQuota,
    GetQuotaRoot,
    SetMetadata,
)
from gateway.imap.tokens import Scanner
from postroom.errors import BadSyntax
from postroom.mailboxes.annotations import LONGEST_NAME

_RFC = "RFC 5464 section 3.2"
_NAME = re.compile(rb"(?:/(?:private|shared))(?:/[^\x00-\x1f/*%\x7f-\xff]+)*", re.IGNORECASE)
_DEPTHS = {"0": 0, "1": 1, "INFINITY": INFINITY}
MOST_ENTRIES = 1000  # named in one command


def get_metadata(s: Scanner, tag: bytes) -> Command:
    options: dict[str, int] = {}
    s.space()
    # The grammar has the options before the mailbox, all examples have them behind it.
    if s.next_is(b"("):
        _options(s, options)
        s.space()
    mailbox = s.mailbox()
    s.space()
    if not options and re.match(rb"\( ?(?:DEPTH|MAXSIZE) ", s.text[s.at : s.at + 12], re.I):
        _options(s, options)
        s.space()
    return GetMetadata(tag, mailbox, entries(s), options.get("DEPTH", 0), options.get("MAXSIZE"))


def _options(s: Scanner, found: dict[str, int]) -> None:
    def option() -> None:
        name = s.keyword()
        if name in found:
            raise BadSyntax("getmetadata-option", name.encode(), "RFC 5464 section 5")
        s.space()
        if name == "MAXSIZE":
            found[name] = s.number()
        elif name == "DEPTH":
            depth = s.keyword()
            if depth not in _DEPTHS:
                raise BadSyntax("scope-opt", depth.encode(), "RFC 5464 section 5")
            found[name] = _DEPTHS[depth]
        else:
            raise BadSyntax("getmetadata-option", name.encode(), "RFC 5464 section 5")

    s.some(option, "getmetadata-options")


def entries(s: Scanner) -> tuple[str, ...]:
    """One entry, or several in parentheses."""

    def entry() -> str:
        return _entry(s)

    found = s.some(entry, "entries") if s.next_is(b"(") else [entry()]
    if len(found) > MOST_ENTRIES:
        raise BadSyntax("entries", b"%d entries" % len(found), f"at most {MOST_ENTRIES}")
    return tuple(dict.fromkeys(found))


def _entry(s: Scanner) -> str:
    name = s.astring()
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise BadSyntax("name of an entry", name, _RFC)
    return name.decode("ascii").lower()


def set_metadata(s: Scanner, tag: bytes) -> Command:
    s.space()
    mailbox = s.mailbox()
    s.space()

    def entry_value() -> tuple[str, bytes | None]:
        name = _entry(s)
        levels = name.count("/")
        if levels < 2 or (levels < 4 and name.split("/")[2] == "vendor"):
            raise BadSyntax("name of an entry with a value", name.encode(), _RFC)
        s.space()
        return name, s.nstring8()

    found = s.some(entry_value, "entry-values")
    if len({name for name, _ in found}) < len(found):
        raise BadSyntax("entry-values", b"an entry twice", "RFC 5464 section 4.3")
    return SetMetadata(tag, mailbox, tuple(found))


def get_quota(s: Scanner, tag: bytes) -> Command:
    s.space()
    return GetQuota(tag, s.text_string())


def get_quota_root(s: Scanner, tag: bytes) -> Command:
    s.space()
    return GetQuotaRoot(tag, s.mailbox())
