"""Header fields made by us: folded, encoded, and never more than the one field that was asked.

RFC 5322 section 2.2.3 (folding), RFC 2047 (encoded words).
"""

import base64
import re

from postroom.errors import BadSyntax
from postroom.message.words import guess

_NAME = re.compile(r"[!-9;-~]{1,70}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_LINE = 78  # RFC 5322 section 2.1.1
_LONGEST_WORD = 45  # octets in one encoded word, so that it stays within 75 characters


def header(name: str, value: str | bytes) -> bytes:
    """Return one header field with its CRLF, folded at spaces to lines of 78 where it can be.

    Line ends and other controls in the value become one space: nothing in it can start another
    field. Text beyond ASCII becomes encoded words; octets are taken as UTF-8, else Latin-1.
    Raises BadSyntax for a name that is none (RFC 5322 section 3.6.8).
    """
    if _NAME.fullmatch(name) is None:
        raise BadSyntax("field-name", name.encode("utf-8", "replace"), "RFC 5322 section 3.6.8")
    text = guess(value) if isinstance(value, bytes) else value
    text = _CONTROLS.sub(" ", text).strip(" ")
    words = [word if word.isascii() else encoded_words(word) for word in _words(text)]
    return _fold(name, words)


def _words(value: str) -> list[str]:
    """Split at single spaces. Neighbours beyond ASCII stay one word, which keeps their space."""
    words: list[str] = []
    for word in value.split(" "):
        if words and not word.isascii() and not words[-1].isascii():
            words[-1] += " " + word
        else:
            words.append(word)
    return words


def encoded_words(text: str) -> str:
    """Return text as encoded words (RFC 2047 section 2), each within its 75 characters."""
    pieces: list[str] = []
    piece = b""
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(piece) + len(octets) > _LONGEST_WORD:
            pieces.append(_encoded_word(piece))
            piece = b""
        piece += octets
    pieces.append(_encoded_word(piece))
    return " ".join(pieces)


def _encoded_word(octets: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(octets).decode()}?="


def _fold(name: str, words: list[str]) -> bytes:
    lines = []
    line = name + ":"
    for word in " ".join(words).split(" "):
        # A line of white space alone would be read as the end of the header by some.
        if word and len(line) + 1 + len(word) > _LINE and line.strip(" "):
            lines.append(line)
            line = ""
        line += " " + word
    lines.append(line)
    return "\r\n".join(lines).encode("ascii") + b"\r\n"
