"""The arguments of FETCH (RFC 9051 section 6.4.5; modifiers: RFC 7162 section 3.1.4, RFC 9394;
PREVIEW: RFC 8970; SAVEDATE: RFC 8514; EMAILID, THREADID: RFC 8474)."""

import re
from collections.abc import Callable
from typing import NamedTuple, cast

from gateway.imap.commands import (
    BinarySection,
    BinarySize,
    BodySection,
    Command,
    Fetch,
    FetchItem,
    SectionText,
)
from gateway.imap.partial import Partial
from gateway.imap.sequence_set import LARGEST_NUMBER
from gateway.imap.tokens import Scanner
from postroom.errors import BadSyntax

_MACROS: dict[str, tuple[str, ...]] = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
_PLAIN = {
    *("FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE"),
    *("MODSEQ", "RFC822", "RFC822.HEADER", "RFC822.TEXT"),
    *("SAVEDATE", "EMAILID", "THREADID", "PREVIEW"),
}
# Of RFC 1730, which Outlook still speaks: as without PEEK, but without setting \\Seen.
_OLD_PEEKS = {"RFC822.PEEK", "RFC822.TEXT.PEEK"}
_NAME = re.compile(rb"[A-Za-z0-9.]+")
# A message has at most a few hundred parts and no part is nested deeper than that.
_PART = re.compile(rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9}){0,99}")
_TEXT = re.compile(rb"HEADER(?:\.FIELDS(?:\.NOT)?)?|TEXT|MIME", re.IGNORECASE)
_PARTIAL = re.compile(rb"<([0-9]{1,19})\.([1-9][0-9]{0,18})>")
_RANGE = re.compile(rb"(-?)([1-9][0-9]{0,9}):(-?)([1-9][0-9]{0,9})(?![0-9])")
_RFC = "RFC 9051 section 6.4.5"
# No client asks for more; a hundred times BODY[] of a large mailbox is an attack.
MOST_ITEMS = 100
MOST_FIELDS = 1000


def fetch(uid: bool) -> Callable[[Scanner, bytes], Command]:
    def parse_fetch(s: Scanner, tag: bytes) -> Command:
        s.space()
        messages = s.sequence_set()
        s.space()
        items = _items(s)
        modifiers = _modifiers(s, uid) if s.skip(b" ") else _Modifiers()
        # Naming a MODSEQ asks for it in the responses (RFC 7162 section 3.1.4.1).
        if modifiers.changed_since is not None:
            items.append("MODSEQ")
        unique = tuple(dict.fromkeys(items))
        if len(unique) > MOST_ITEMS:
            raise BadSyntax("list of items", b"%d items" % len(unique), _RFC)
        return Fetch(tag, uid, messages, unique, *modifiers)

    return parse_fetch


def _items(s: Scanner) -> list[FetchItem]:
    if s.next_is(b"("):
        return s.some(lambda: fetch_item(s), "fetch-att")
    start = s.at
    macro = _MACROS.get(s.take(_NAME, "fetch-att", _RFC).decode("ascii").upper())
    if macro is not None:
        return list(macro)
    s.at = start
    return [fetch_item(s)]


def fetch_list(s: Scanner) -> tuple[FetchItem, ...]:
    """What is wanted of messages yet to come (RFC 5465 section 8): always in parentheses, without
    macros."""
    found = tuple(dict.fromkeys(s.some(lambda: fetch_item(s), "fetch-att")))
    if len(found) > MOST_ITEMS:
        raise BadSyntax("fetch-att", b"%d items" % len(found), _RFC)
    return found


def fetch_item(s: Scanner) -> FetchItem:
    """One fetch-att."""
    start = s.at
    name = s.take(_NAME, "fetch-att", _RFC).decode("ascii").upper()
    if not s.next_is(b"["):
        if name in _PLAIN or name in _OLD_PEEKS:
            if name == "PREVIEW" and s.text[s.at : s.at + 6].upper() == b" (LAZY":
                _preview_modifiers(s)
            return name
    elif name in ("BODY", "BODY.PEEK"):
        return _body_section(s, peek=name == "BODY.PEEK")
    elif name in ("BINARY", "BINARY.PEEK"):
        part = _section_part(s)
        return BinarySection(part, _partial(s), peek=name == "BINARY.PEEK")
    elif name == "BINARY.SIZE":
        return BinarySize(_section_part(s))
    s.at = start
    raise s.bad("fetch-att", _RFC)


def _preview_modifiers(s: Scanner) -> None:
    """LAZY makes no difference: a preview is stored with every message (RFC 8970 section 4)."""
    s.space()
    for modifier in s.some(s.keyword, "preview-mods"):
        if modifier != "LAZY":
            raise BadSyntax("preview-mod", modifier.encode(), "RFC 8970 section 6")


def _section_part(s: Scanner) -> str:
    """``[`` part ``]`` of BINARY."""
    s.expect(b"[", "section-binary")
    part = "" if s.next_is(b"]") else _part(s)
    s.expect(b"]", "section-binary")
    return part


def _part(s: Scanner) -> str:
    part = s.take(_PART, "section-part").decode("ascii")
    if any(int(number) > LARGEST_NUMBER for number in part.split(".")):
        raise BadSyntax("section-part", part.encode(), _RFC)
    return part


def _body_section(s: Scanner, peek: bool) -> BodySection:
    s.expect(b"[", "section")
    part = ""
    text = ""
    fields: tuple[bytes, ...] = ()
    if not s.next_is(b"]"):
        if s.text[s.at : s.at + 1].isdigit():
            part = _part(s)
        if not part or s.skip(b"."):
            text = s.take(_TEXT, "section-text").decode("ascii").upper()
        if text.startswith("HEADER.FIELDS"):
            s.space()
            fields = tuple(dict.fromkeys(s.some(s.astring, "header-list")))
            if len(fields) > MOST_FIELDS:
                raise BadSyntax("header-list", b"%d fields" % len(fields), _RFC)
        if text == "MIME" and not part:  # MIME is of a part
            raise s.bad("section-msgtext")
    s.expect(b"]", "section")
    return BodySection(part, cast(SectionText, text), fields, _partial(s), peek)


def _partial(s: Scanner) -> tuple[int, int] | None:
    if not s.next_is(b"<"):
        return None
    match = _PARTIAL.match(s.text, s.at)
    if match is None:
        raise s.bad("partial")
    s.at = match.end()
    return int(match[1]), int(match[2])


class _Modifiers(NamedTuple):
    """As in ``Fetch``."""

    changed_since: int | None = None
    vanished: bool = False
    partial: Partial | None = None


def _modifiers(s: Scanner, uid: bool) -> _Modifiers:
    found = _Modifiers()

    def modifier() -> None:
        nonlocal found
        name = s.keyword()
        if name == "CHANGEDSINCE" and found.changed_since is None:
            s.space()
            found = found._replace(changed_since=s.number())
        elif name == "VANISHED":
            found = found._replace(vanished=True)
        elif name == "PARTIAL" and uid and found.partial is None:
            s.space()
            found = found._replace(partial=partial_range(s))
        else:
            raise BadSyntax("fetch-modifier", name.encode(), "RFC 7162 section 7")

    s.some(modifier, "fetch-modifiers")
    if found.vanished and (found.changed_since is None or not uid):
        raise BadSyntax("fetch-modifier", b"VANISHED", "RFC 7162 section 3.2.6")
    return found


def partial_range(s: Scanner) -> Partial:
    """``1:100`` or ``-1:-100`` (RFC 9394 section 4)."""
    match = _RANGE.match(s.text, s.at)
    if match is None or match[1] != match[3]:
        raise s.bad("partial-range", "RFC 9394 section 4")
    s.at = match.end()
    return Partial(int(match[2]), int(match[4]), from_end=bool(match[1]))
