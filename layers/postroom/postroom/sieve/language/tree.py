"""A script as it is written: commands with their arguments, tests, blocks (RFC 5228 section 8.2).

Trees are equal when they mean the same, wherever their parts stand.
"""

from dataclasses import dataclass, field

from postroom.sieve.errors import Position


@dataclass(frozen=True, slots=True)
class Number:
    value: int
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class String:
    """Quoted or of several lines; escapes are undone, and line ends are CRLF."""

    value: str
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Strings:
    """A list of strings in brackets; never empty."""

    items: tuple[String, ...]
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class TagName:
    name: str  # lower case, without its colon
    position: Position = field(compare=False)


Argument = Number | String | Strings | TagName


@dataclass(frozen=True, slots=True)
class Node:
    """A command, or a test."""

    name: str  # lower case
    position: Position = field(compare=False)
    arguments: tuple[Argument, ...] = ()
    tests: "tuple[Node, ...]" = ()
    listed: bool = False  # the tests are in parentheses
    block: "tuple[Node, ...] | None" = None  # None: a semicolon ends the command
