"""The wildcards of ``:matches``: ``?`` is one character, ``*`` any number (RFC 5228 section 2.7.1).

Between two stars stands a *segment*, and taking the first place where it fits leaves the most for
those that follow. So nothing is tried twice, and each star gets as little as can be, which is what
match variables hold (RFC 5229 section 3.2).
"""

import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby

from postroom.message.collation import casemap
from postroom.sieve.matching.comparators import Comparator

_ANY = "?"

Spend = Callable[[int], None]
# The captures of a value, the whole first; None when it does not match.
Glob = Callable[[str, Spend], Sequence[str] | None]


def compile_glob(pattern: str, comparator: Comparator) -> Glob:
    """Compile a pattern. The glob is told how to count its steps."""
    parsed = _parse(pattern)
    asks = any(element == (_ANY, True) for element in parsed)
    if not comparator.octets:
        unicode_matcher = _Matcher(_folded(parsed, lambda text: _characters(text)[0]))
        return lambda value, spend: _unicode_match(unicode_matcher, value, spend)
    fold = comparator.fold
    matcher = _Matcher(_folded(parsed, fold))
    if not asks:
        return lambda value, spend: matcher.match(fold(value), value, spend)
    octets = _Matcher(_folded(parsed, lambda text: _as_octets(fold(text))))

    def glob(value: str, spend: Spend) -> Sequence[str] | None:
        if value.isascii():
            return matcher.match(fold(value), value, spend)
        raw = _as_octets(value)
        found = octets.match(fold(raw), raw, spend)
        return None if found is None else [_as_text(capture) for capture in found]

    return glob


Element = tuple[str, bool]  # a character, and whether it is a wildcard


def _parse(pattern: str) -> list[Element]:
    """A backslash makes the next character an ordinary one."""
    parsed = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parsed.append((next(characters, "\\"), False))
        else:
            parsed.append((character, character in "*?"))
    return parsed


def _folded(parsed: list[Element], fold: Callable[[str], str]) -> list[Element]:
    folded: list[Element] = []
    for wild, run in groupby(parsed, key=lambda element: element[1]):
        text = "".join(character for character, _ in run)
        folded += [(character, wild) for character in (text if wild else fold(text))]
    return folded


class _Segment:
    """Ordinary characters and question marks, between stars."""

    def __init__(self, elements: list[Element]) -> None:
        self.length = len(elements)
        self.questions = [at for at, element in enumerate(elements) if element == (_ANY, True)]
        self._pieces: list[tuple[int, str]] = []  # ordinary text, and where it begins
        at = 0
        for wild, run in groupby(elements, key=lambda element: element[1]):
            text = "".join(character for character, _ in run)
            if not wild:
                self._pieces.append((at, text))
            at += len(text)
        # The longest piece is the rarest.
        self._rarest = max(self._pieces, key=lambda piece: len(piece[1]), default=(0, ""))
        self._others = [piece for piece in self._pieces if piece != self._rarest]

    def fits(self, value: str, at: int) -> bool:
        return all(value.startswith(text, at + offset) for offset, text in self._pieces)

    def find(self, value: str, start: int, end: int, spend: Spend) -> int:
        """Where it first fits, or -1."""
        offset, text = self._rarest
        last = end - self.length
        if not self._others:
            at = value.find(text, start + offset, last + offset + len(text)) - offset
            return at if start <= at <= last else -1
        while start <= last:
            at = value.find(text, start + offset, last + offset + len(text)) - offset
            if at < start:
                return -1
            spend(1 + len(self._others) // 16)
            if self.fits(value, at):
                return at
            start = at + 1
        return -1


class _Matcher:
    def __init__(self, elements: list[Element]) -> None:
        pieces: list[list[Element]] = [[]]
        for element in elements:
            if element == ("*", True):
                pieces.append([])
            else:
                pieces[-1].append(element)
        self._segments = [_Segment(piece) for piece in pieces]

    def match(self, value: str, original: str, spend: Spend) -> Sequence[str] | None:
        places = self.places(value, spend)
        return None if places is None else [original[start:end] for start, end in places]

    def places(self, value: str, spend: Spend) -> "list[tuple[int, int]] | None":
        """Where the value and each wildcard begin and end."""
        first, *rest = self._segments
        end = len(value)
        spend(1 + end // 8192 * len(self._segments))
        if not first.fits(value, 0) or first.length > end or (not rest and first.length != end):
            return None
        found = [(0, end), *_questions(first, 0)]
        if not rest:
            return found
        *middle, last = rest
        at = first.length
        tail = end - last.length
        if tail < at or not last.fits(value, tail):
            return None
        for segment in middle:
            place = segment.find(value, at, tail, spend)
            if place < 0:
                return None
            found += [(at, place), *_questions(segment, place)]
            at = place + segment.length
        return [*found, (at, tail), *_questions(last, tail)]


def _questions(segment: _Segment, at: int) -> list[tuple[int, int]]:
    return [(at + offset, at + offset + 1) for offset in segment.questions]


def _as_octets(text: str) -> str:
    """One character for each octet of UTF-8."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _as_text(octets: str) -> str:
    return octets.encode("latin-1").decode("utf-8", "replace")


def _unicode_match(matcher: _Matcher, value: str, spend: Spend) -> Sequence[str] | None:
    value = unicodedata.normalize("NFC", value)
    folded, starts = _characters(value)
    places = matcher.places(folded, spend)
    if places is None:
        return None
    return [value[starts[start] : starts[end]] for start, end in places]


def _characters(text: str) -> tuple[str, Sequence[int]]:
    """The text folded, and for each place in that the place in the text: characters stay single as
    far as they can."""
    text = unicodedata.normalize("NFC", text)
    if text.isascii():
        return text.upper(), range(len(text) + 1)
    folded = [_character(character) for character in text]
    starts = [at for at, piece in enumerate(folded) for _ in piece]
    return "".join(folded), [*starts, len(text)]


@lru_cache(4096)
def _character(character: str) -> str:
    return unicodedata.normalize("NFC", casemap(character))
