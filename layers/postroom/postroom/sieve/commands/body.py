"""The test body (RFC 5173): what a message says, raw, by content type, or as text."""

from collections.abc import Callable, Iterable, Sequence

from postroom.sieve.language.definitions import Call, Definition, Shape, Tag, Test
from postroom.sieve.matching.match_types import MATCH_TAGS, matcher
from postroom.sieve.parts import LONGEST, MimePart
from postroom.sieve.run import Run

EXTENSIONS = ("body",)

_A_STEP = 8192  # characters looked at
_MOST = 2 * LONGEST  # characters of all parts together: what is behind is not seen


def _body(call: Call) -> Test:
    match = matcher(call, 0)
    look = _transform(call)

    def test(run: Run) -> bool:
        if run.letter.body is None:
            return match(run, ())
        found = look(run)
        run.spend(sum([len(text) for text in found]) // _A_STEP)
        # A body is not a thing to take pieces from (RFC 5173 section 6).
        captures = run.captures
        run.captures = list(captures)
        try:
            return match(run, found)
        finally:
            run.captures = captures

    return test


def _transform(call: Call) -> Callable[[Run], Sequence[str]]:
    transform = call.chosen("transform")
    if transform == "raw":
        return _raw
    if transform != "content":
        return _text
    constant = call.constants("content")
    if constant is not None:
        for name in constant:
            if not _is_possible(name):
                call.warn(f'"{name}" is no content type and never matches')
        types = _types(constant)
        return lambda run: _content(run, types)
    texts = call.texts("content")
    return lambda run: _content(run, _types(texts(run)))


def _raw(run: Run) -> Sequence[str]:
    return (run.letter.body or "",)


def _text(run: Run) -> Sequence[str]:
    return _first(text for part in _parts(run) if (text := part.text) is not None)


def _content(run: Run, types: frozenset[str]) -> Sequence[str]:
    return _first(
        text
        for part in _parts(run)
        if "" in types or part.part.media_type in types or part.media_type in types
        for text in part.content
    )


def _first(texts: Iterable[str]) -> list[str]:
    found = []
    room = _MOST
    for text in texts:
        found.append(text)
        room -= len(text)
        if room <= 0:
            break
    return found


def _parts(run: Run) -> list[MimePart]:
    parts = list(run.letter.within(run.letter.root))
    run.spend(len(parts))
    return parts


def _types(names: Sequence[str]) -> frozenset[str]:
    return frozenset([name.lower() for name in names if _is_possible(name)])


def _is_possible(name: str) -> bool:
    """Others match no content type (RFC 5173 section 5.2)."""
    return not (name.startswith("/") or name.endswith("/") or name.count("/") > 1)


DEFINITIONS = (
    Definition(
        "body",
        "test",
        _body,
        takes=(Shape.STRINGS,),
        tags=(
            *MATCH_TAGS,
            Tag("raw", group="transform"),
            Tag("content", Shape.STRINGS, group="transform"),
            Tag("text", group="transform"),
        ),
        extension="body",
    ),
)
