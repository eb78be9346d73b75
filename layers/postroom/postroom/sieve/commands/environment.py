"""Test environment (RFC 5183)."""

from postroom.sieve.language.definitions import Call, Definition, Shape, Test
from postroom.sieve.matching.match_types import MATCH_TAGS, matcher
from postroom.sieve.run import Run

EXTENSIONS = ("environment",)


def _environment(call: Call) -> Test:
    match = matcher(call, 1)
    item = call.text(0)
    counts = call.chosen("match") == "count"

    def test(run: Run) -> bool:
        found = run.world.environment(item(run).lower())
        if found is None:
            return False  # whatever is asked of it (section 4)
        return match(run, () if counts and not found else (found,))

    return test


DEFINITIONS = (
    Definition(
        "environment",
        "test",
        _environment,
        takes=(Shape.STRING, Shape.STRINGS),
        tags=MATCH_TAGS,
        extension="environment",
    ),
)
