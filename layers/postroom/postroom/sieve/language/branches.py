"""What the checker makes of commands and tests beside what their own files do: branches, and
conditions under which they may run at all."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, TypeVar

from postroom.sieve.errors import Position, ScriptFailure
from postroom.sieve.language.definitions import Step, Test
from postroom.sieve.run import Reason, Run

T = TypeVar("T", bool, None)


class Branch(NamedTuple):
    test: Test
    block: tuple[Step, ...]
    position: Position


def first_of(branches: Sequence[Branch]) -> Step:
    """Run the block of the first branch whose test is true (RFC 5228 section 3.1)."""
    fixed = tuple(branches)

    def step(run: Run) -> None:
        for test, block, position in fixed:
            run.position = position
            run.spend()
            if test(run):
                for command in block:
                    command(run)
                return

    return step


def placed(step: Step, position: Position) -> Step:
    """The step of a command: it counts, and failures are where it stands."""

    def at(run: Run) -> None:
        run.position = position
        run.spend()
        step(run)

    return at


def failing(position: Position, message: str) -> Callable[[Run], bool]:
    """What must not be come to."""

    def fail(run: Run) -> bool:
        raise ScriptFailure(position, message)

    return fail


def guarded(
    made: Callable[[Run], T], position: Position, wanted: Collection[tuple[frozenset[str], str]]
) -> Callable[[Run], T]:
    """To be run only once ``ihave`` has found the extensions, any of each set; else it fails with
    the message (RFC 5463 section 4)."""

    def guard(run: Run) -> T:
        for extensions, message in wanted:
            if not extensions & run.enabled:
                raise ScriptFailure(position, message)
        return made(run)

    return guard


def traced_step(step: Step, line: int, what: str) -> Step:
    def traced(run: Run) -> None:
        before = len(run.actions)
        run.why.append(Reason(line, what, "done"))
        at = len(run.why) - 1
        step(run)
        if len(run.actions) > before:
            kind = type(run.actions[-1]).__name__
            run.why[at] = Reason(line, what, f"decides {kind}")

    return traced


def traced_test(test: Test, line: int, what: str) -> Test:
    def traced(run: Run) -> bool:
        run.matched = ""
        holds = test(run)
        outcome = "true" if holds else "false"
        run.why.append(Reason(line, what, f"{outcome}: {run.matched}" if run.matched else outcome))
        return holds

    return traced
