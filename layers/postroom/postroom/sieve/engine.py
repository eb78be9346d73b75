"""Compile scripts, run them."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from postroom.sieve.actions import Action, Keep
from postroom.sieve.commands.control import Stop
from postroom.sieve.commands.flags import valid_flags
from postroom.sieve.commands.include import execute
from postroom.sieve.errors import Problem, ScriptError, ScriptFailure
from postroom.sieve.language.calls import Script
from postroom.sieve.language.checker import Checker
from postroom.sieve.language.definitions import Notes, Step
from postroom.sieve.language.parser import parse
from postroom.sieve.letter import Letter
from postroom.sieve.limits import LIMITS, Limits
from postroom.sieve.matching.comparators import BASIC
from postroom.sieve.outcome import settle
from postroom.sieve.run import Reason, Run
from postroom.sieve.vocabulary import COMMANDS, EXTENSIONS, TESTS
from postroom.sieve.world import Envelope, World

# What ManageSieve announces (RFC 5804 section 1.7).
CAPABILITIES: tuple[str, ...] = tuple(sorted(EXTENSIONS - BASIC))


@dataclass(frozen=True, slots=True)
class Program:
    """A script that was checked, ready to run any number of times, by several threads at once."""

    steps: tuple[Step, ...]
    digest: bytes  # of its text: a script that includes itself is known by it
    warnings: tuple[Problem, ...] = ()
    includes: tuple[tuple[str, str], ...] = ()  # (personal|global, name)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be done, in this order. ``actions`` hold an implicit Keep when one is due.

    With an ``error`` they are that keep, and what earlier programs decided (RFC 5228 section
    2.10.6): nothing of the program that failed.
    """

    actions: tuple[Action, ...]
    error: ScriptFailure | None = None
    why: tuple[Reason, ...] = ()


def compile_script(text: bytes, limits: Limits = LIMITS, *, traced: bool = False) -> Program:
    """Check a script and make it ready. *traced* ones can tell why.

    Raises ScriptError with all that is wrong, as far as the syntax is right.
    """
    notes = Notes()
    checker = Checker(COMMANDS, TESTS, Script(EXTENSIONS, traced, notes))
    steps = checker.script(parse(text, limits))
    if checker.problems:
        raise ScriptError(sorted(set(checker.problems))[: limits.problems])
    digest = blake2b(text, digest_size=16).digest()
    warnings = tuple(sorted(set(checker.warnings))[: limits.problems])
    return Program(steps, digest, warnings, tuple(dict.fromkeys(notes.includes)))


def run(
    programs: Sequence[Program],
    letter: Letter,
    envelope: Envelope,
    world: World,
    limits: Limits = LIMITS,
) -> Outcome:
    """Run the programs one after the other, each only while the message is to be kept: implicitly,
    or by a ``keep``, which waits for what the next one decides.

    Edits, IMAP flags and what was decided pass from one to the next, variables do not.
    """
    state = Run(letter, envelope, world, limits)
    explicit: Keep | None = None  # of a program before
    for number, program in enumerate(programs, start=1):
        state.earlier = len(state.actions)
        kept = _kept(state, explicit)
        try:
            execute(state, program)
        except Stop:
            state.scripts.clear()
        except ScriptFailure as error:
            return _failed(state, kept, error)
        except RecursionError:
            # Blocks of includes within blocks: the limits of each do not bound all together.
            deep = state.failure("scripts, blocks and tests lie too deep in one another")
            return _failed(state, kept, deep)
        if not state.keeps and number < len(programs):
            keeps = [action for action in state.actions if isinstance(action, Keep)]
            if not keeps:
                break
            explicit = keeps[-1]
            state.actions = [action for action in state.actions if action not in keeps]
            state.keeps = True
    if state.keeps:
        state.actions.append(_kept(state, explicit))
    return Outcome(settle(state.actions), why=tuple(state.why))


def _kept(state: Run, explicit: Keep | None) -> Keep:
    """The keep that is done when nothing else is decided."""
    flags = valid_flags([*(explicit.flags if explicit else ()), *state.flags])
    return Keep(tuple(flags), state.letter.edited, implicit=explicit is None)


def _failed(state: Run, kept: Keep, error: ScriptFailure) -> Outcome:
    decided = state.actions[: state.earlier]
    return Outcome(settle([*decided, kept]), error, tuple(state.why))
