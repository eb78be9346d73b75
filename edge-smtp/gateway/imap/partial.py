"""PARTIAL: some of the results, by their places (RFC 9394; RFC 5267 section 4.4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Partial:
    """Places from *first* to *last*, each at least 1 and in any order, as the client gave them.

    ``from_end``: 1 is the last result, 2 the one before it.
    """

    first: int
    last: int
    from_end: bool = False

    def places(self, count: int) -> slice:
        """The places that are in use when there are so many results; the first place is 0."""
        low, high = min(self.first, self.last), max(self.first, self.last)
        if self.from_end:
            return slice(max(count - high, 0), max(count - low + 1, 0))
        return slice(low - 1, min(high, count))

    def render(self) -> bytes:
        sign = b"-" if self.from_end else b""
        return b"%b%d:%b%d" % (sign, self.first, sign, self.last)


def part_of(ranges: Sequence[range], partial: Partial) -> list[range]:
    """The numbers at those places, of all that the ranges hold in their order."""
    wanted = partial.places(sum(map(len, ranges)))
    return [part for part in _cut(ranges, wanted.start, wanted.stop) if part]


def _cut(ranges: Sequence[range], start: int, stop: int) -> Iterable[range]:
    for each in ranges:
        yield each[max(start, 0) : max(stop, 0)]
        start -= len(each)
        stop -= len(each)
