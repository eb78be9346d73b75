"""Sequence sets (RFC 9051 section 9, rule ``sequence-set``) and back from numbers to sets."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from postroom.errors import BadSyntax

# Ten digits at most: int() of a hostile million digits is slow, then a ValueError.
_SEQ_RANGE = re.compile(rb"([1-9][0-9]{0,9}|\*)(?::([1-9][0-9]{0,9}|\*))?")
LARGEST_NUMBER = 2**32 - 1
STAR = 0  # stands for ``*``: no number is zero


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """The ranges in the order given, each end a number or STAR. ``saved``: it was ``$``."""

    ends: tuple[tuple[int, int], ...] = ()
    saved: bool = False

    def ranges(self, largest: int) -> list[range]:
        """Return what the set names. ``*`` stands for *largest*, the highest number in use.

        A range may be written backwards: ``7:4`` means ``4:7``. ``900:*`` names the last message
        even when its number is 20. Ranges may overlap and may name numbers that are not in use;
        with ``largest`` 0 (an empty mailbox) ``*`` names 0, which is no message.
        """
        found = []
        for first, last in self.ends:
            first, last = first or largest, last or largest
            found.append(range(first, last + 1) if first <= last else range(last, first + 1))
        return found


SAVED = SequenceSet(saved=True)
NO_NUMBERS = SequenceSet()


def parse_sequence_set(text: bytes) -> SequenceSet:
    """Parse a sequence-set or ``$`` (the result of the last SEARCH with SAVE)."""
    if text == b"$":
        return SAVED
    ends = []
    for part in text.split(b","):
        match = _SEQ_RANGE.fullmatch(part)
        if match is None:
            raise BadSyntax("sequence-set", part, "RFC 9051 section 9")
        first = STAR if match[1] == b"*" else int(match[1])
        last = first if match[2] is None else STAR if match[2] == b"*" else int(match[2])
        if first > LARGEST_NUMBER or last > LARGEST_NUMBER:
            raise BadSyntax("nz-number", part, "RFC 9051 section 9")
        ends.append((first, last))
    return SequenceSet(tuple(ends))


def merge(ranges: Iterable[range]) -> list[range]:
    """Return the same numbers in ascending ranges that neither overlap nor touch."""
    merged: list[range] = []
    for part in sorted(ranges, key=lambda r: r.start):
        if merged and part.start <= merged[-1].stop:
            if part.stop > merged[-1].stop:
                merged[-1] = range(merged[-1].start, part.stop)
        elif part:
            merged.append(part)
    return merged


def render_ranges(ranges: Iterable[range]) -> bytes:
    """Write ranges, none of them empty, as a set."""
    return b",".join(
        b"%d" % each.start if len(each) == 1 else b"%d:%d" % (each.start, each.stop - 1)
        for each in ranges
    )


def render_sequence_set(numbers: Iterable[int]) -> bytes:
    """Write numbers, in the order given, as a set: runs that ascend by one become ranges."""
    parts = []
    first = last = -1
    for number in numbers:
        if number == last + 1 and first >= 0:
            last = number
            continue
        if first >= 0:
            parts.append(b"%d" % first if first == last else b"%d:%d" % (first, last))
        first = last = number
    if first >= 0:
        parts.append(b"%d" % first if first == last else b"%d:%d" % (first, last))
    return b",".join(parts)
