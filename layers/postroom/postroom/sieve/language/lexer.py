"""A script as tokens (RFC 5228 section 8.1)."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal, NamedTuple

from postroom.sieve.errors import Position, Problem, ScriptError
from postroom.sieve.limits import Limits

Kind = Literal["identifier", "tag", "number", "string", "sign", "end"]

LARGEST_NUMBER = 2**63 - 1  # RFC 5228 section 2.4.1 asks for 2**31 - 1
_QUANTIFIERS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

_SPACE = re.compile(r"(?:[ \t\n]+|#[^\n]*)++")
_TEXT = re.compile(r"text:[ \t]*(?:#[^\n]*)?\n", re.IGNORECASE)
_TEXT_END = re.compile(r"^\.$", re.MULTILINE)
_STUFFED = re.compile(r"^\.\.", re.MULTILINE)
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_TAG = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)")
_WORD = re.compile(r"[A-Za-z0-9_]+")
_NUMBER = re.compile(r"([0-9]+)([KMG]?)", re.IGNORECASE)
_SIGNS = frozenset("()[]{},;")
_QUOTES = frozenset("'`´‘’“”„«»")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")  # octets, as they are decoded
_BAD_ENCODING = "this is not UTF-8 (RFC 5228 section 2.1): save the script in that encoding"


class Token(NamedTuple):
    kind: Kind
    text: str  # lower case, but for strings; those are without quotes and escapes
    position: Position
    value: int = 0  # of a number


def tokens(script: bytes, limits: Limits) -> Iterator[Token]:
    """The tokens of a script, an "end" last. Raises ScriptError at the first that is none."""
    return _Lexer(_text(script, limits)).tokens()


def _text(script: bytes, limits: Limits) -> str:
    """The script as text, its line ends LF."""
    if len(script) > limits.script:
        size = f"{len(script)} octets are too long for a script: {limits.script} are allowed"
        raise ScriptError([Problem(Position(1, 1), size)])
    # What is not UTF-8 is let pass in comments, where it means nothing.
    text = script.decode("utf-8", "surrogateescape")
    # Editors of Windows begin a file so.
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    for sign, name in (("\0", "a NUL"), ("\r", "a carriage return without a line feed")):
        at = text.find(sign)
        if at >= 0:
            line = text.count("\n", 0, at) + 1
            position = Position(line, at - text.rfind("\n", 0, at))
            raise ScriptError([Problem(position, f"{name} cannot be in a script")])
    return text


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines = [0, *(end.end() for end in re.finditer("\n", text))]

    def tokens(self) -> Iterator[Token]:
        text = self._text
        while True:
            self._skip()
            at = self._at
            if at == len(text):
                yield Token("end", "", self._position(at))
                return
            character = text[at]
            if character in _SIGNS:
                self._at += 1
                yield Token("sign", character, self._position(at))
            elif character == '"':
                yield self._quoted()
            elif character == ":":
                yield self._tag()
            elif text_start := _TEXT.match(text, at):
                yield self._multi_line(text_start.end())
            elif word := _WORD.match(text, at):
                yield self._word(word[0])
            else:
                raise self._wrong(at, _stray(character))

    def _skip(self) -> None:
        """Over white space and comments."""
        text = self._text
        while True:
            if space := _SPACE.match(text, self._at):
                self._at = space.end()
            if not text.startswith("/*", self._at):
                return
            end = text.find("*/", self._at + 2)
            if end < 0:
                raise self._wrong(self._at, 'this comment has no end: close it with "*/"')
            self._at = end + 2

    def _quoted(self) -> Token:
        at = self._at
        found = _QUOTED.match(self._text, at)
        if found is None:
            raise self._wrong(at, "this string has no end: close it with a double quote")
        self._at = found.end()
        return self._string(at, _ESCAPE.sub(r"\1", found[1]))

    def _multi_line(self, start: int) -> Token:
        at = self._at
        end = _TEXT_END.search(self._text, start)
        if end is None:
            raise self._wrong(at, 'this text has no end: close it with a line that is "." alone')
        self._at = end.end()
        return self._string(at, _STUFFED.sub(".", self._text[start : end.start()]))

    def _string(self, at: int, value: str) -> Token:
        if _NOT_UTF8.search(value) and (octet := _NOT_UTF8.search(self._text, at)):
            raise self._wrong(octet.start(), _BAD_ENCODING)
        return Token("string", value.replace("\n", "\r\n"), self._position(at))

    def _tag(self) -> Token:
        at = self._at
        found = _TAG.match(self._text, at)
        if found is None:
            raise self._wrong(at, 'a name must follow the colon, as in ":is"')
        self._at = found.end()
        return Token("tag", found[1].lower(), self._position(at))

    def _word(self, word: str) -> Token:
        at = self._at
        self._at += len(word)
        if not word[0].isdigit():
            return Token("identifier", word.lower(), self._position(at))
        number = _NUMBER.fullmatch(word)
        if number is None:
            raise self._wrong(
                at, f'"{word[:40]}" is no number: write digits, and K, M or G behind them if needed'
            )
        # Nobody's digits are that many; int() of a million of them takes long.
        digits = number[1].lstrip("0") or "0"
        value = int(digits) if len(digits) < 20 else LARGEST_NUMBER + 1
        value *= _QUANTIFIERS.get(number[2].lower(), 1)
        if value > LARGEST_NUMBER:
            raise self._wrong(at, f"this number is too large: at most {LARGEST_NUMBER}")
        return Token("number", word.lower(), self._position(at), value)

    def _position(self, at: int) -> Position:
        line = bisect_right(self._lines, at)
        return Position(line, at - self._lines[line - 1] + 1)

    def _wrong(self, at: int, message: str) -> ScriptError:
        return ScriptError([Problem(self._position(at), message)])


def _stray(character: str) -> str:
    if _NOT_UTF8.match(character):
        return _BAD_ENCODING
    if character in _QUOTES:
        return f'{character} does not begin a string: use straight double quotes (")'
    if character == "/":
        return 'a comment begins with "#" or "/*"'
    return f"{character!r} cannot stand here"
