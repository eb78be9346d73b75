"""Test ihave and command error (RFC 5463)."""

from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Test
from postroom.sieve.language.verdicts import FALSE, Verdict
from postroom.sieve.matching.comparators import BASIC
from postroom.sieve.run import Run

EXTENSIONS = ("ihave",)

# They change how the script itself is read (section 4).
_ONLY_REQUIRED = frozenset(("encoded-character", "variables"))


def _ihave(call: Call) -> Test:
    names = call.constants(0)
    if names is None:
        call.wrong("the names of extensions cannot be made of variables", 0)
        return FALSE
    wanted = frozenset(names)
    if not wanted <= call.available - _ONLY_REQUIRED | call.required | BASIC:
        return Verdict(FALSE, False, settled=True)

    def test(run: Run) -> bool:
        run.enabled |= wanted
        return True

    return Verdict(test, True, settled=True, enables=wanted)


def _error(call: Call) -> Step:
    message = call.text(0)

    def step(run: Run) -> None:
        raise run.failure(message(run))

    return step


DEFINITIONS = (
    Definition("ihave", "test", _ihave, takes=(Shape.STRINGS,), extension="ihave"),
    Definition("error", "control", _error, takes=(Shape.STRING,), extension="ihave"),
)
