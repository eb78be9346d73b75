"""How commands and tests are described, so that one checker and one compiler serve them all.

Each file of the vocabulary ends in its ``DEFINITIONS``; `postroom.sieve.vocabulary` gathers them.
RFC 5228 section 2.6 (arguments), section 2.7 (which tags go together).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from postroom.sieve.errors import Position
from postroom.sieve.run import Run

Text = Callable[[Run], str]  # a string with its variables filled in
Texts = Callable[[Run], Sequence[str]]
Test = Callable[[Run], bool]
Step = Callable[[Run], None]


class Shape(Enum):
    NUMBER = "number"
    STRING = "string"
    STRINGS = "string list"  # or a single string


@dataclass(frozen=True, slots=True)
class Tag:
    name: str  # lower case, without its colon
    takes: Shape | None = None
    extension: str = ""  # must be required for the tag to be known; "a|b": any one of them
    group: str = ""  # only one tag of a group may be given, and ``Call.chosen`` tells which


@dataclass(frozen=True, slots=True)
class Definition:
    name: str
    kind: Literal["action", "control", "test"]
    compile: "Callable[[Call], Test] | Callable[[Call], Step]"
    takes: tuple[Shape, ...] = ()
    optional: int = 0  # so many of `takes` may be left out: the first; if negative, the last
    tags: tuple[Tag, ...] = ()
    extension: str = ""  # as in Tag
    tests: Literal[0, 1, "list"] = 0
    block: bool = False


@dataclass(slots=True)
class Notes:
    """What is found out about one script while it is compiled."""

    includes: list[tuple[str, str]] = field(default_factory=list)  # (personal|global, name)
    variables: set[str] = field(default_factory=set)  # those set so far
    expressions: int = 0  # regular ones


class Call(Protocol):
    """One use of a definition in a script, checked: what `compile` functions are given.

    *key* is a position in ``takes`` or the name of a tag. Positions stay as in ``takes`` when an
    optional one was left out.
    """

    name: str
    position: Position
    required: frozenset[str]  # the extensions in force
    available: frozenset[str]  # all there are
    notes: Notes
    traced: bool  # the program must be able to tell why
    tests: Sequence[Test]
    block: Sequence[Step]
    around: "Sequence[Call]"  # the commands in whose blocks this one stands, the outermost first

    def has(self, key: int | str) -> bool:
        """Whether the argument was given."""

    def chosen(self, group: str) -> str:
        """Name of the tag that was given of a group, or ""."""

    def text(self, key: int | str) -> Text: ...

    def texts(self, key: int | str) -> Texts: ...

    def number(self, key: int | str) -> int: ...

    def constant(self, key: int | str) -> str | None:
        """The string when it is the same in every run, else None."""

    def constants(self, key: int | str) -> tuple[str, ...] | None:
        """The strings when all are the same in every run, else None."""

    def written(self, key: int | str) -> str:
        """The string, before variables are filled in (RFC 5230 section 4.2 asks for it)."""

    def needs(self, extension: str, what: str) -> None:
        """Note a problem when the extension, which *what* is of, is not in force."""

    def wrong(self, message: str, key: int | str | None = None) -> None:
        """Note a problem, at the argument or at the command. The compile function goes on with
        something harmless; the script will not be used."""

    def warn(self, message: str) -> None:
        """Note what is allowed but hardly meant."""
