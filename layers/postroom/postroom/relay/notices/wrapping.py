"""Lines of at most 76 columns, also where words are not parted by spaces. Pure."""

import re
import unicodedata
from collections.abc import Iterator

WIDTH = 76
# Chinese, Japanese and Korean text may break between any two characters, but a line neither
# begins with a closing sign nor ends with an opening one.
_WIDE = re.compile(
    r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\U00020000-\U0003ffff]"
)
_CLOSING = set(
    ",.\uff0c\u3002\u3001\uff1b\uff1a\uff01\uff1f\uff09\u300d\u300f\u300b\u3011\u201d\u2019\u2026%"
)
_OPENING = set("(\uff08\u300c\u300e\u300a\u3010\u201c\u2018")
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")


def paragraphs(text: str, indent: int = 0) -> str:
    """Wrap each paragraph; blank lines stay between them."""
    margin = " " * indent
    wrapped = []
    for paragraph in _PARAGRAPH_END.split(text.strip()):
        lines = wrap(paragraph, WIDTH - indent)
        wrapped.append("\n".join(margin + line for line in lines))
    return "\n\n".join(wrapped)


def rows(text: str, indent: int = 2) -> str:
    """Keep each line a line, with its continuation further in."""
    found = []
    for line in text.strip().splitlines():
        first, *rest = wrap(line, WIDTH - indent - 2) or [""]
        found += [" " * indent + first, *(" " * (indent + 2) + more for more in rest)]
    return "\n".join(found)


def quoted(text: str, indent: int = 0) -> str:
    """The words of somebody else, each line marked."""
    mark = " " * indent + "> "
    return "\n".join(mark + line for line in wrap(text, WIDTH - len(mark), hard=True))


def wrap(text: str, width: int, hard: bool = False) -> list[str]:
    """Break text into lines of at most *width* columns.

    A word that is longer has a line of its own, so that an address can be copied; with *hard* it
    is cut.
    """
    lines: list[str] = []
    line, used = "", 0
    for spaced, piece in _pieces(text, width if hard else None):
        space = 1 if spaced and line else 0
        size = columns(piece)
        if line and used + space + size > width:
            lines.append(line)
            line, used, space = "", 0, 0
        line += " " * space + piece
        used += space + size
    return [*lines, line] if line else lines


def columns(text: str) -> int:
    """How many columns a terminal gives the text."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _pieces(text: str, longest: int | None) -> Iterator[tuple[bool, str]]:
    """Unbreakable pieces, and whether a space stood before each."""
    for word in re.split(r"[ \t\r\n]+", text.strip()):  # a no-break space is no break
        spaced = True
        for piece in _breakable(word):
            for start in range(0, len(piece), longest or len(piece)):
                yield spaced, piece[start : start + (longest or len(piece))]
                spaced = False


def _breakable(word: str) -> Iterator[str]:
    piece = ""
    for letter in word:
        may_break = bool(piece) and (_WIDE.match(letter) or _WIDE.match(piece[-1]))
        if may_break and letter not in _CLOSING and piece[-1] not in _OPENING:
            yield piece
            piece = ""
        piece += letter
    if piece:
        yield piece
