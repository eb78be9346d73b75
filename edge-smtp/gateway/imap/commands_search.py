"""The commands that search, as values (RFC 9051 section 6.4.4, RFC 5256, RFC 5267, RFC 7377)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.imap.commands import Command, FetchItem
from gateway.imap.filter_mailboxes import FilterMailboxes
from gateway.imap.partial import Partial
from gateway.imap.search_keys import SearchKey


@dataclass(frozen=True, slots=True)
class Returns:
    """What RETURN asks for. ``options``: of MIN MAX ALL COUNT SAVE, and of CONTEXT UPDATE
    (RFC 5267); ``RETURN ()`` means ALL. ALL and ``partial`` exclude each other. ``fetch``: with
    UPDATE, what to tell of new results (RFC 5465 section 7)."""

    options: frozenset[str]
    partial: Partial | None = None
    fetch: tuple[FetchItem, ...] = ()

    @property
    def saves(self) -> bool:
        return "SAVE" in self.options

    @property
    def updates(self) -> bool:
        return "UPDATE" in self.options

    @property
    def shows(self) -> frozenset[str]:
        """The options that put something into the response."""
        return self.options & {"MIN", "MAX", "ALL", "COUNT"}

    @property
    def names_all(self) -> bool:
        """Does the answer speak of every message found, be it by their count? (RFC 9051 section
        6.4.4.1, RFC 9394 section 3.2, RFC 4731 section 3.2)"""
        return bool({"ALL", "COUNT"} & self.options) or not (self.shows or self.partial)

    @property
    def wanted(self) -> int:
        """How many results from one end answer the command, 0: all of them must be known."""
        ends = {"MIN", "MAX"} & self.options
        if self.names_all or self.updates or len(ends) == 2:
            return 0
        if self.partial is None:
            return 1
        if ends and ends != {"MAX" if self.partial.from_end else "MIN"}:
            return 0
        return max(self.partial.first, self.partial.last)

    @property
    def from_end(self) -> bool:
        """Which end ``wanted`` is of."""
        return self.partial.from_end if self.partial is not None else "MAX" in self.options

    def named(self, results: Sequence[int]) -> Sequence[int]:
        """Those of the results, in their order, that the answer names or SAVE keeps."""
        if self.names_all or not results:
            return results
        places: set[int] = set()
        if self.partial is not None:
            places.update(range(len(results))[self.partial.places(len(results))])
        if "MIN" in self.options:
            places.add(0)
        if "MAX" in self.options:
            places.add(len(results) - 1)
        return [results[place] for place in sorted(places)]


RETURN_ALL = Returns(frozenset({"ALL"}))


@dataclass(frozen=True, slots=True)
class Search(Command):
    """``returns``: None for a plain SEARCH. ``charset``: the client named one."""

    uid: bool
    key: SearchKey
    returns: Returns | None = None
    charset: bool = False


SortKey = Literal[
    "ARRIVAL",
    "CC",
    "DATE",
    "DISPLAYFROM",  # RFC 5957
    "DISPLAYTO",
    "FROM",
    "SIZE",
    "SUBJECT",
    "TO",
]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One sort-criterion (RFC 5256 section 3)."""

    key: SortKey
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Sort(Command):
    """``returns``: None for a plain SORT (RFC 5267 section 3)."""

    uid: bool
    criteria: tuple[Criterion, ...]
    key: SearchKey
    returns: Returns | None = None


Algorithm = Literal["ORDEREDSUBJECT", "REFERENCES"]


@dataclass(frozen=True, slots=True)
class Thread(Command):
    """RFC 5256 section 3."""

    uid: bool
    algorithm: Algorithm
    key: SearchKey


@dataclass(frozen=True, slots=True)
class MultiSearch(Command):
    """ESEARCH (RFC 7377)."""

    sources: tuple[FilterMailboxes, ...]
    key: SearchKey
    returns: Returns


@dataclass(frozen=True, slots=True)
class CancelUpdate(Command):
    """``tags`` of commands that asked for UPDATE (RFC 5267 section 4.3.5)."""

    tags: tuple[bytes, ...]
