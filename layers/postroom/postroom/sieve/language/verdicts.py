"""Tests whose outcome is known before the script runs: true, false, ihave, what is made of them.

One is *settled* when it is so by ``ihave`` (RFC 5463): what it rules out is not even checked, for
it may be written for an interpreter that has more than this one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from postroom.sieve.language.definitions import Test
from postroom.sieve.run import Run


@dataclass(frozen=True, slots=True)
class Verdict:
    """A test that always comes out the same; it may do something on the way."""

    test: Test
    holds: bool
    settled: bool = False
    enables: frozenset[str] = frozenset()  # extensions, when the script gets there

    def __call__(self, run: Run) -> bool:
        return self.test(run)


TRUE = Verdict(lambda run: True, True)
FALSE = Verdict(lambda run: False, False)


def negation(test: Test) -> Test:
    def negated(run: Run) -> bool:
        return not test(run)

    if isinstance(test, Verdict):
        return Verdict(negated, not test.holds, test.settled, test.enables)
    return negated


def conjunction(tests: Sequence[Test]) -> Test:
    """True when all are; from left to right, none after the first that is false."""

    def every(run: Run) -> bool:
        for test in tests:
            run.spend()
            if not test(run):
                return False
        return True

    return _known(every, tests, decisive=False)


def disjunction(tests: Sequence[Test]) -> Test:
    def some(run: Run) -> bool:
        for test in tests:
            run.spend()
            if test(run):
                return True
        return False

    return _known(some, tests, decisive=True)


def settles(test: Test, holds: bool) -> bool:
    return isinstance(test, Verdict) and test.settled and test.holds is holds


def _known(test: Test, tests: Sequence[Test], *, decisive: bool) -> Test:
    verdicts = [part for part in tests if isinstance(part, Verdict)]
    enables = frozenset[str]().union(*[part.enables for part in verdicts])
    deciding = [part for part in verdicts if part.holds is decisive]
    if deciding:
        return Verdict(test, decisive, any(part.settled for part in deciding), enables)
    if len(verdicts) == len(tests):
        return Verdict(test, not decisive, any(part.settled for part in verdicts), enables)
    return test
