"""Match types and comparators (RFC 5228 section 2.7, RFC 4790, RFC 5231, regex)."""

from collections.abc import Callable, Sequence

from postroom.sieve.definitions import Call, Shape, Tag
from postroom.sieve.run import Run

# One of each: :comparator; :is :contains :matches :regex :count :value :list.
MATCH_TAGS: tuple[Tag, ...] = (
    Tag("comparator", Shape.STRING),
    Tag("is", group="match"),
    Tag("contains", group="match"),
    Tag("matches", group="match"),
    Tag("regex", group="match", extension="regex"),
    Tag("count", Shape.STRING, group="match", extension="relational"),
    Tag("value", Shape.STRING, group="match", extension="relational"),
    Tag("list", group="match", extension="extlists"),
)

# Whether one of the values matches one of the keys; sets ``run.captures`` (RFC 5229 section 3.2).
Match = Callable[[Run, Sequence[str]], bool]


def matcher(
    call: Call, keys: int, split: Callable[[Sequence[str]], Sequence[str]] = tuple
) -> Match:
    """Compile the match that a call asks for by its tags, against the strings at *keys*.

    *split* makes the keys of those strings: flags may share one (RFC 5232 section 2).
    """
    raise NotImplementedError
