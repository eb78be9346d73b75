"""The tests spamtest and virustest (RFC 5235): what screening found, as numbers."""

from postroom.sieve.language.definitions import Call, Definition, Shape, Tag, Test
from postroom.sieve.matching.match_types import MATCH_TAGS, matcher
from postroom.sieve.run import Run

EXTENSIONS = ("spamtest", "spamtestplus", "virustest")


def _spamtest(call: Call) -> Test:
    match = matcher(call, 0)
    untested = _untested(call)
    scale = _percent if call.has("percent") else _ten

    def test(run: Run) -> bool:
        found = run.world.spam()
        return match(run, untested if found is None else (scale(*found),))

    return test


def _virustest(call: Call) -> Test:
    match = matcher(call, 0)
    untested = _untested(call)

    def test(run: Run) -> bool:
        found = run.world.virus()
        # 0 says itself that nobody looked (RFC 5235 section 3.3).
        return match(run, (str(found),) if found else untested)

    return test


def _untested(call: Call) -> tuple[str, ...]:
    """The value is 0 and its count is 0, too (RFC 5235 section 3.1)."""
    return () if call.chosen("match") == "count" else ("0",)


def _ten(score: float, most: float) -> str:
    """1 is clear of spam, 10 is spam for certain (RFC 5235 section 3.2.1)."""
    if score <= 0:
        return "1"
    return "10" if score >= most else str(1 + int(score / most * 9))


def _percent(score: float, most: float) -> str:
    """0 is clear of spam, 100 is spam for certain; no other score is either (section 3.2.2)."""
    if score <= 0:
        return "0"
    return "100" if score >= most else str(min(max(round(score / most * 100), 1), 99))


DEFINITIONS = (
    Definition(
        "spamtest",
        "test",
        _spamtest,
        takes=(Shape.STRING,),
        tags=(*MATCH_TAGS, Tag("percent", extension="spamtestplus")),
        extension="spamtest|spamtestplus",
    ),
    Definition(
        "virustest",
        "test",
        _virustest,
        takes=(Shape.STRING,),
        tags=MATCH_TAGS,
        extension="virustest",
    ),
)
