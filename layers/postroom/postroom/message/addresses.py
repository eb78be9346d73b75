"""Address lists (RFC 5322 section 3.4, obsolete forms of section 4.4) as values. Never raises.

Malformed addresses are read as Dovecot 2.3 reads them, so that an ENVELOPE looks alike.
"""

import re
from typing import NamedTuple

from postroom.message.parameters import QUOTED_PAIR
from postroom.message.words import decode_words, guess

MOST_ADDRESSES = 10_000  # mailboxes read of one field


class Address(NamedTuple):
    """One mailbox, or a mark of a group, in the four parts of IMAP (RFC 9051 section 7.5.2).

    The start of a group has its name in ``mailbox`` and ``host`` None; its end has both None.
    """

    name: bytes | None  # display name or comment, encoded words untouched
    route: bytes | None  # obsolete source route: "@a,@b"
    mailbox: bytes | None
    host: bytes | None

    @property
    def display(self) -> str:
        """The decoded name, or else the address."""
        if self.name and (text := decode_words(self.name).strip()):
            return text
        return self.spec

    @property
    def spec(self) -> str:
        """``local@domain``, empty for the marks of a group."""
        if self.host is None or self.mailbox is None:
            return ""
        return guess(self.mailbox) + "@" + guess(self.host)


MISSING_MAILBOX = b"MISSING_MAILBOX"
MISSING_DOMAIN = b"MISSING_DOMAIN"
_END_OF_GROUP = Address(None, None, None, None)

# The shapes of nearly all mail: Name <local@domain>, "Name" <local@domain>, local@domain.
_ATOM = rb"[^][()<>@,;:\\\"\x00-\x20\x7f]+"  # with dots, as names in the wild have them
_COMMON = re.compile(
    rb"[ \t\r\n]*(?:(?:\"([^\"\\\r\n]*)\"|(ATOM(?: ATOM)*))?"
    rb"[ \t]*(?:\r?\n[ \t]+)?<(ATOM)@(ATOM)>|(ATOM)@(ATOM))[ \t\r\n]*(?:,|\Z)".replace(
        b"ATOM", _ATOM
    )
)
_TOKEN = re.compile(
    rb"[ \t\r\n]+|\"(?:[^\"\\]|\\.)*\"?|\[(?:[^]\\]|\\.)*\]?|[<>@,;:]"
    rb"|[^][()<>@,;:\\\" \t\r\n]+|\(|.",
    re.DOTALL,
)
_COMMENT_SIGN = re.compile(rb"[()\\]")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")


def parse_addresses(value: bytes) -> list[Address]:
    """Return the mailboxes of a raw field value, with marks around the members of groups."""
    found: list[Address] = []
    position = 0
    while position < len(value) and len(found) < MOST_ADDRESSES:
        match = _COMMON.match(value, position)
        if match is None:
            found += _Reader(value, position).read()
            break
        quoted, words, local, host, bare_local, bare_host = match.groups()
        if bare_local:
            found.append(Address(None, None, bare_local, bare_host))
        else:
            found.append(Address(words if quoted is None else quoted or None, None, local, host))
        position = match.end()
    return found


class _Reader:
    """Reads the rest of an address list, one token at a time."""

    def __init__(self, value: bytes, position: int) -> None:
        self._tokens = _tokens(_FOLD.sub(b"", value[position:]))
        self._at = 0
        self._found: list[Address] = []
        self._comment: bytes | None = None

    def read(self) -> list[Address]:
        in_group = False
        words: list[bytes] = []
        while (token := self._next()) and len(self._found) < MOST_ADDRESSES:
            if token == b"<":
                self._angle(_phrase(words))
                words = []
            elif token == b"@":
                host = self._domain()
                self._add(
                    None, None, b"".join(_plain(word) for word in words if word != b" "), host
                )
                words = []
                self._to_separator()
            elif token == b":" and not in_group:
                self._found.append(Address(None, None, _phrase(words) or b"", None))
                in_group = True
                words = []
                self._comment = None
            elif token in b",;:":
                self._alone(words)
                words = []
                if token == b";" and in_group:
                    self._found.append(_END_OF_GROUP)
                    in_group = False
            else:
                words.append(token)
                self._comment = None  # it may name an address that it follows, no other
        self._alone(words)
        if in_group:
            self._found.append(_END_OF_GROUP)
        return self._found

    def _next(self) -> bytes:
        """Return the next token; white space is one space, comments are set aside."""
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            if token[0] in b" \t\r\n":
                return b" "
            if token[:1] != b"(":
                return token
            self._comment = token[1:]
        return b""

    def _skip_space(self) -> bytes:
        while (token := self._next()) == b" ":
            pass
        return token

    def _domain(self) -> bytes:
        host = b""
        token = self._skip_space()
        while token and token not in b" ,;:<>@":
            host += token
            token = self._next()
        if token and token != b" ":
            self._at -= 1
        return host

    def _angle(self, name: bytes | None) -> None:
        route = []
        local = b""
        host: bytes | None = None
        while (token := self._skip_space()) and token not in b">;":
            if token == b"@":
                if not local:
                    route.append(b"@" + self._domain())
                else:
                    host = self._domain()
            elif token == b":":
                local = b""
            elif token == b",":
                if not route or local:
                    self._at -= 1
                    break
            elif token == b"<":
                continue
            else:
                local += _plain(token)
        self._comment = None
        self._add(name, b",".join(route) or None, local, host or b"")
        self._to_separator()

    def _to_separator(self) -> None:
        """Skip what follows an address; a comment there names it, for want of a better name."""
        while (token := self._next()) and token not in b",;":
            pass
        if token == b";":
            self._at -= 1
        last = self._found[-1]
        if last.name is None and self._comment is not None and self._comment.strip():
            self._found[-1] = last._replace(name=_unescape(self._comment.strip()))
        self._comment = None

    def _alone(self, words: list[bytes]) -> None:
        written = [word for word in words if word != b" "]
        if len(written) == 1 and written[0][:1] != b'"':
            self._add(None, None, written[0], b"")
        elif written:
            self._add(_phrase(words), None, b"", b"")
        self._comment = None

    def _add(self, name: bytes | None, route: bytes | None, local: bytes, host: bytes) -> None:
        self._found.append(
            Address(name or None, route, local or MISSING_MAILBOX, host or MISSING_DOMAIN)
        )


def _tokens(value: bytes) -> list[bytes]:
    """Split into tokens; a comment, nested ones included, is one token that starts with "("."""
    found = []
    position = 0
    while match := _TOKEN.match(value, position):
        position = match.end()
        token = match[0]
        if token == b"(":
            position = _end_of_comment(value, position)
            token += value[match.end() : position]
            if token.endswith(b")"):
                token = token[:-1]
        found.append(token)
    return found


def _end_of_comment(value: bytes, position: int) -> int:
    depth = 1
    while depth and (match := _COMMENT_SIGN.search(value, position)):
        position = match.end()
        if match[0] == b"\\":
            position += 1
        else:
            depth += 1 if match[0] == b"(" else -1
    return len(value) if depth else position


def _phrase(words: list[bytes]) -> bytes | None:
    """Join the words of a display name, runs of white space as one space."""
    return b"".join(_plain(word) for word in words).strip() or None


def _plain(word: bytes) -> bytes:
    if word[:1] == b'"':
        return _unescape(word[1:-1] if len(word) > 1 and word.endswith(b'"') else word[1:])
    return word


def _unescape(text: bytes) -> bytes:
    return QUOTED_PAIR.sub(rb"\1", text) if b"\\" in text else text
