"""The words that commands are made of (RFC 9051 section 9): atoms, strings, numbers, lists."""

import re
from collections.abc import Callable
from typing import TypeVar

from gateway.imap.names import decode_name
from gateway.imap.sequence_set import SequenceSet, parse_sequence_set
from postroom.errors import BadSyntax
from postroom.mailboxes.records import SYSTEM_FLAGS

RFC = "RFC 9051 section 9"

# atom-specials: ( ) { SP CTL % * " \ ]. An astring may hold "]", a list pattern "%" and "*" too.
_TAG = re.compile(rb'[^\x00-\x20(){%*"\\+\x7f-\xff]+')
_ATOM = re.compile(rb'[^\x00-\x20(){%*"\\\]\x7f-\xff]+')
_ASTRING = re.compile(rb'[^\x00-\x20(){%*"\\\x7f-\xff]+')
_PATTERN = re.compile(rb'[^\x00-\x20(){"\\\x7f-\xff]+')
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*+)"')
_ESCAPED = re.compile(rb'\\(["\\])')
_LITERAL = re.compile(rb"(~?)\{([0-9]{1,19})\+?\}\r\n")
_SET = re.compile(rb"[0-9:*,$]+")
_NUMBER = re.compile(rb"[0-9]{1,20}")
_FLAG = re.compile(rb'\\?[^\x00-\x20(){%*"\\\]\x7f-\xff]+')
_SYSTEM_FLAGS = {flag.lower(): flag for flag in SYSTEM_FLAGS}
LARGEST_NUMBER = 2**63 - 1  # number64 and mod-sequence-value (RFC 9051, RFC 7162 section 7)

T = TypeVar("T")


def tag_of(command: bytes) -> bytes:
    """The tag to answer a command with that could not be parsed: its own, or ``*``."""
    match = _TAG.match(command)
    return match[0] if match is not None and command[match.end() :][:1] in (b" ", b"") else b"*"


class Scanner:
    """Takes words off the front of a command. ``at`` is the position of the next octet."""

    __slots__ = ("at", "text", "utf8")

    def __init__(self, text: bytes, utf8: bool) -> None:
        self.text = text
        self.utf8 = utf8
        self.at = 0

    # Looking ahead.

    def bad(self, rule: str, reference: str = RFC) -> BadSyntax:
        return BadSyntax(rule, self.text[self.at : self.at + 80], reference)

    def next_is(self, octet: bytes) -> bool:
        return self.text.startswith(octet, self.at)

    def skip(self, octets: bytes) -> bool:
        """Go past the octets if they come next."""
        if self.text.startswith(octets, self.at):
            self.at += len(octets)
            return True
        return False

    def expect(self, octets: bytes, rule: str) -> None:
        if not self.skip(octets):
            raise self.bad(rule)

    def space(self) -> None:
        if not self.skip(b" "):
            raise self.bad("space")

    def end(self) -> None:
        if self.text[self.at :].strip(b" "):
            raise self.bad("end of the command")

    def take(self, pattern: re.Pattern[bytes], rule: str, reference: str = RFC) -> bytes:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise self.bad(rule, reference)
        self.at = match.end()
        return match[0]

    # Words.

    def tag(self) -> bytes:
        return self.take(_TAG, "tag")

    def atom(self) -> bytes:
        return self.take(_ATOM, "atom")

    def keyword(self) -> str:
        """An atom that the protocol defines, in capitals."""
        return self.take(_ATOM, "keyword").decode("ascii").upper()

    def astring(self) -> bytes:
        match = _ASTRING.match(self.text, self.at)
        if match is None:
            return self.string("astring")
        self.at = match.end()
        return match[0]

    def string(self, rule: str = "string") -> bytes:
        """A quoted string or a literal, whose octets follow in the command itself."""
        match = _QUOTED.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
            return _ESCAPED.sub(rb"\1", match[1]) if b"\\" in match[1] else match[1]
        match = _LITERAL.match(self.text, self.at)
        if match is None or match[1]:
            raise self.bad(rule)
        end = match.end() + int(match[2])
        octets = self.text[match.end() : end]
        if end > len(self.text) or b"\x00" in octets:
            raise self.bad("literal")
        self.at = end
        return octets

    def nstring(self) -> bytes | None:
        if self.text[self.at : self.at + 3].upper() == b"NIL":
            self.at += 3
            return None
        return self.string("nstring")

    def nstring8(self) -> bytes | None:
        """An nstring or a literal8, whose octets may be any (RFC 5464 section 5, ``value``)."""
        match = _LITERAL.match(self.text, self.at)
        if match is None or not match[1]:
            return self.nstring()
        end = match.end() + int(match[2])
        if end > len(self.text):
            raise self.bad("literal8")
        octets, self.at = self.text[match.end() : end], end
        return octets

    def text_string(self) -> str:
        """An astring as text: UTF-8, whatever the session (RFC 9051 section 4.3)."""
        return self.utf8_of(self.astring())

    def utf8_of(self, octets: bytes) -> str:
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadSyntax("string in UTF-8", octets, "RFC 9051 section 4.3") from error

    def mailbox(self) -> str:
        """A separator at the end declares in CREATE that there will be names below (RFC 9051
        section 6.3.4); with other commands it is a habit of clients. It is no part of the name."""
        return self.reference().removesuffix("/")

    def reference(self) -> str:
        """What LIST puts in front of its patterns: a name, a part of one, or nothing."""
        return decode_name(self.astring(), self.utf8)

    def pattern(self) -> str:
        """A mailbox name or pattern of LIST (rule ``list-mailbox``)."""
        match = _PATTERN.match(self.text, self.at)
        if match is None:
            return decode_name(self.string("list-mailbox"), self.utf8)
        self.at = match.end()
        return decode_name(match[0], self.utf8)

    def number(self, least: int = 0) -> int:
        number = int(self.take(_NUMBER, "number"))
        if not least <= number <= LARGEST_NUMBER:
            raise BadSyntax("number", b"%d" % number, RFC)
        return number

    def sequence_set(self) -> SequenceSet:
        return parse_sequence_set(self.take(_SET, "sequence-set"))

    def flag(self) -> str | None:
        r"""One flag, spelled as we store it. None for ``\Recent``, which no client can set: some
        send it back to us with the others, and nothing is hidden by leaving it out."""
        word = self.take(_FLAG, "flag").decode("ascii")
        if not word.startswith("\\"):
            return word
        lower = word.lower()
        if lower == "\\recent":
            return None
        if lower not in _SYSTEM_FLAGS:
            raise BadSyntax("flag", word.encode(), RFC)
        return _SYSTEM_FLAGS[lower]

    def flags(self) -> tuple[str, ...]:
        """A flag-list in parentheses, each flag once."""
        found = self.items(self.flag, "flag-list")
        return tuple(dict.fromkeys(flag for flag in found if flag is not None))

    def items(self, item: Callable[[], T], rule: str) -> list[T]:
        """A list in parentheses, maybe empty. Spaces inside the parentheses are harmless."""
        self.expect(b"(", rule)
        self.skip(b" ")
        found: list[T] = []
        while not self.skip(b")"):
            if found:
                self.space()
                if self.skip(b")"):
                    break
            found.append(item())
        return found

    def some(self, item: Callable[[], T], rule: str) -> list[T]:
        """As ``items``, of one item at least."""
        found = self.items(item, rule)
        if not found:
            raise self.bad(rule)
        return found

    def literal_head(self) -> tuple[bool, int]:
        """The head of a literal whose octets are not in the command: (literal8?, size)."""
        match = _LITERAL.match(self.text, self.at)
        if match is None:
            raise self.bad("literal")
        self.at = match.end()
        return bool(match[1]), int(match[2])
