"""Control structures and the tests that are made of tests (RFC 5228 sections 3 and 5)."""

from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Test
from postroom.sieve.language.verdicts import FALSE, TRUE, conjunction, disjunction, negation
from postroom.sieve.run import Run


class Stop(Exception):  # no error: a way out
    """The program ends here (RFC 5228 section 3.3)."""


def _stop(call: Call) -> Step:
    def step(run: Run) -> None:
        raise Stop

    return step


def _by_checker(call: Call) -> Step:
    """The checker itself knows what to do with require, if, elsif and else."""
    raise AssertionError(call.name)


def _true(call: Call) -> Test:
    return TRUE


def _false(call: Call) -> Test:
    return FALSE


def _not(call: Call) -> Test:
    (test,) = call.tests
    return negation(test)


def _allof(call: Call) -> Test:
    return conjunction(call.tests)


def _anyof(call: Call) -> Test:
    return disjunction(call.tests)


DEFINITIONS = (
    Definition("require", "control", _by_checker, takes=(Shape.STRINGS,)),
    Definition("if", "control", _by_checker, tests=1, block=True),
    Definition("elsif", "control", _by_checker, tests=1, block=True),
    Definition("else", "control", _by_checker, block=True),
    Definition("stop", "control", _stop),
    Definition("true", "test", _true),
    Definition("false", "test", _false),
    Definition("not", "test", _not, tests=1),
    Definition("allof", "test", _allof, tests="list"),
    Definition("anyof", "test", _anyof, tests="list"),
)
