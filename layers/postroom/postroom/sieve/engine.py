"""Compile scripts, run them."""

from collections.abc import Sequence
from dataclasses import dataclass

from postroom.sieve.actions import Action
from postroom.sieve.definitions import Step
from postroom.sieve.errors import Problem, ScriptFailure
from postroom.sieve.letter import Letter
from postroom.sieve.limits import LIMITS, Limits
from postroom.sieve.world import Envelope, World

CAPABILITIES: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """A script that was checked, ready to run any number of times, by several threads at once."""

    steps: tuple[Step, ...]
    warnings: tuple[Problem, ...] = ()
    includes: tuple[tuple[str, str], ...] = ()  # (personal|global, name), as far as constant


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: one test or command at its line, and how it went."""

    line: int
    what: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """``actions`` hold an implicit Keep when one is due; with an ``error`` they are that keep alone
    (RFC 5228 section 2.10.6)."""

    actions: tuple[Action, ...]
    error: ScriptFailure | None = None
    why: tuple[Reason, ...] = ()


def compile_script(text: bytes, limits: Limits = LIMITS, *, traced: bool = False) -> Program:
    """Check a script and make it ready. *traced* ones can tell why. Raises ScriptError."""
    raise NotImplementedError


def run(
    programs: Sequence[Program],
    letter: Letter,
    envelope: Envelope,
    world: World,
    limits: Limits = LIMITS,
) -> Outcome:
    """Run the programs one after the other, each only while implicit keep is in effect."""
    raise NotImplementedError
