"""Test duplicate: whether a message like this one came before (RFC 7352)."""

import re
from collections.abc import Callable

from postroom.sieve.actions import Remember
from postroom.sieve.language.definitions import Call, Definition, Shape, Tag, Test
from postroom.sieve.outcome import decide
from postroom.sieve.run import Run

EXTENSIONS = ("duplicate",)

DAY = 86_400  # seconds
USUAL = 7 * DAY  # section 3.3
LONGEST = 90 * DAY

_FIELD_NAME = re.compile(r"[!-9;-~]+")


def _duplicate(call: Call) -> Test:
    unique_id = _unique_id(call)
    handle = call.text("handle") if call.has("handle") else None
    seconds = min(call.number("seconds"), LONGEST) if call.has("seconds") else USUAL
    last = call.has("last")

    def test(run: Run) -> bool:
        found = unique_id(run)
        if not found or not seconds:
            return False
        name = handle(run) if handle else ""
        decide(run, Remember(name, found, seconds, last))
        return run.world.seen(name, found)

    return test


def _unique_id(call: Call) -> Callable[[Run], str]:
    """What tells messages apart, "" when this one lacks it (section 3.1)."""
    if call.has("uniqueid"):
        return call.text("uniqueid")
    if not call.has("header"):
        return lambda run: _first(run, "message-id")
    header = call.text("header")
    name = call.constant("header")
    if name is not None and not _FIELD_NAME.fullmatch(name):
        call.warn(f'"{name}" cannot be the name of a header field: no message is a duplicate')
    return lambda run: _first(run, header(run).lower())


def _first(run: Run, name: str) -> str:
    values = run.letter.values(name) if _FIELD_NAME.fullmatch(name) else ()
    return values[0] if values else ""


DEFINITIONS = (
    Definition(
        "duplicate",
        "test",
        _duplicate,
        tags=(
            Tag("handle", Shape.STRING),
            Tag("header", Shape.STRING, group="source"),
            Tag("uniqueid", Shape.STRING, group="source"),
            Tag("seconds", Shape.NUMBER),
            Tag("last"),
        ),
        extension="duplicate",
    ),
)
