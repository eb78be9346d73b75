"""From a tree to closures: finds all that is wrong with a script, and makes it ready to run.

Where ``ihave`` is required (RFC 5463 section 4), a script may use what is not there as long as it
does not come to it. What a settled verdict rules out is not checked; and what lacks an extension
becomes an error of the run instead of one of the script.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar, cast

from postroom.sieve.errors import Position, Problem
from postroom.sieve.language.branches import (
    Branch,
    failing,
    first_of,
    guarded,
    placed,
    traced_step,
    traced_test,
)
from postroom.sieve.language.calls import CheckedCall, Script, strings_of
from postroom.sieve.language.definitions import Call, Definition, Step, Test
from postroom.sieve.language.printing import print_test
from postroom.sieve.language.tree import Node
from postroom.sieve.language.verdicts import FALSE, TRUE, Verdict, settles
from postroom.sieve.language.words import closest
from postroom.sieve.limits import LIMITS
from postroom.sieve.run import Run

T = TypeVar("T", bool, None)

_LEAVING = frozenset(("stop", "return", "error", "break"))
_CHAIN = frozenset(("elsif", "else"))


class Checker:
    """Checks one script. ``problems`` and ``warnings`` come in no order, and may repeat."""

    def __init__(
        self,
        commands: Mapping[str, Definition],
        tests: Mapping[str, Definition],
        script: Script,
    ) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._commands = commands
        self._tests = tests
        self._script = script
        self._required: frozenset[str] = frozenset()
        self._possible: frozenset[str] = frozenset()  # ihave may have found these by now

    def script(self, nodes: Sequence[Node]) -> tuple[Step, ...]:
        start = 0
        while start < len(nodes) and nodes[start].name == "require":
            self._require(nodes[start])
            start += 1
        return self._block(nodes[start:], ())

    def _require(self, node: Node) -> None:
        call = self._call(node, self._commands["require"], ())
        self._note(call)
        if call.problems:
            return
        (argument,) = node.arguments
        for name in strings_of(argument):
            if name.value in self._script.extensions:
                self._required |= {name.value}
            else:
                hint = self._hint(name.value, self._script.extensions)
                self._wrong(name.position, f'there is no extension "{name.value[:80]}" here{hint}')

    # Commands.

    def _block(self, nodes: Sequence[Node], around: tuple[Call, ...]) -> tuple[Step, ...]:
        steps = []
        start = 0
        while start < len(nodes):
            node = nodes[start]
            end = start + 1
            leaves = node.name in _LEAVING
            if node.name == "if":
                while end < len(nodes) and nodes[end].name in _CHAIN:
                    end += 1
                step, leaves = self._if(nodes[start:end], around)
                steps.append(step)
            else:
                steps.append(self._command(node, around))
            if leaves and self._is_tolerant:
                break  # nothing gets to what follows
            start = end
        return tuple(steps)

    def _command(self, node: Node, around: tuple[Call, ...]) -> Step:
        definition = self._definition(node, self._commands, self._tests, "command")
        if isinstance(definition, str):
            return cast(Step, failing(node.position, definition))
        call = self._call(node, definition, around)
        if definition.block:
            call.block = self._block(node.block or (), (*around, call))
        if node.name == "require":
            call.wrong('"require" must stand at the top, before other commands')
        elif node.name in _CHAIN:
            call.wrong(f'"{node.name}" must follow an "if" or "elsif"')
        step: Step = _nothing
        if not call.problems:
            step = placed(cast(Callable[[Call], Step], definition.compile)(call), node.position)
            if self._script.traced and not definition.block:
                step = traced_step(step, node.position.line, print_test(node))
        return self._ready(call, step)

    def _if(self, chain: Sequence[Node], around: tuple[Call, ...]) -> tuple[Step, bool]:
        """An ``if`` with all that belongs to it; and whether nothing gets beyond it."""
        made: list[Branch] = []
        for number, node in enumerate(chain):
            call = self._call(node, self._commands[node.name], around)
            self._note(call)
            test = call.tests[0] if call.tests else TRUE
            if settles(test, False):
                # What it does on the way is done, and nothing else.
                made.append(Branch(test, (), node.position))
                continue
            block = self._block(node.block or (), (*around, call))
            made.append(Branch(test, block, node.position))
            if settles(test, True):
                only = all(settles(branch.test, False) for branch in made[:-1])
                return first_of(made), only and _leaves(node)
            if node.name == "else" and number + 1 < len(chain):
                after = chain[number + 1]
                self._wrong(after.position, f'"{after.name}" cannot follow "else"')
                break
        return first_of(made), False

    # Tests.

    def _test(self, node: Node, around: tuple[Call, ...]) -> Test:
        definition = self._definition(node, self._tests, self._commands, "test")
        if isinstance(definition, str):
            return failing(node.position, definition)
        call = self._call(node, definition, around)
        test: Test = FALSE
        if not call.problems:
            test = cast(Callable[[Call], Test], definition.compile)(call)
        if isinstance(test, Verdict):
            self._possible |= test.enables
        elif self._script.traced:
            test = traced_test(test, node.position.line, print_test(node))
        return self._ready(call, test)

    def _subtests(
        self, node: Node, definition: Definition, around: tuple[Call, ...]
    ) -> Iterable[Test]:
        for inner in node.tests if definition.tests else ():
            test = self._test(inner, around)
            yield test
            if definition.tests == "list" and settles(test, node.name == "anyof"):
                return  # no more tests are made than needed (RFC 5463 section 4)

    # What both have in common.

    @property
    def _is_tolerant(self) -> bool:
        return "ihave" in self._required

    def _call(self, node: Node, definition: Definition, around: tuple[Call, ...]) -> CheckedCall:
        required = self._required | self._possible
        call = CheckedCall(node, definition, self._script, required, around)
        call.tests = tuple(self._subtests(node, definition, around))
        return call

    def _definition(
        self,
        node: Node,
        known: Mapping[str, Definition],
        others: Mapping[str, Definition],
        kind: str,
    ) -> Definition | str:
        """What a name means, or why it means nothing."""
        found = known.get(node.name)
        if found is not None:
            return found
        if node.name in others:
            message = f'"{node.name}" is no {kind}: ' + (
                'ask it in an "if"' if kind == "command" else "it is a command and stands alone"
            )
            self._wrong(node.position, message)
            return message
        message = f'unknown {kind} "{node.name}"{self._hint(node.name, known)}'
        self._lacking(node.position, message)
        return message

    def _ready(self, call: CheckedCall, made: Callable[[Run], T]) -> Callable[[Run], T]:
        """The same if its extensions are in force, else what fails in a run."""
        self._note(call)
        conditions = []
        for extension, position, what in call.used:
            names = frozenset(extension.split("|"))
            first = extension.partition("|")[0]
            if names & self._required:
                continue
            if self._is_tolerant:
                message = f'{what} needs "{first}", which no ihave has found so far'
                conditions.append((names, message))
            if not names & self._possible:
                self._lacking(
                    position, f'{what} must be required first: add require "{first}"; at the top'
                )
        return guarded(made, call.position, conditions) if conditions else made

    def _hint(self, name: str, known: Iterable[str]) -> str:
        """What may have been meant; it takes long to find for more names than anybody is told."""
        noted = len(self.problems) + len(self.warnings)
        return closest(name, known) if noted < 2 * LIMITS.problems else ""

    def _note(self, call: CheckedCall) -> None:
        self.problems += call.problems
        self.warnings += call.warnings

    def _lacking(self, position: Position, message: str) -> None:
        noted = self.warnings if self._is_tolerant else self.problems
        noted.append(Problem(position, message))

    def _wrong(self, position: Position, message: str) -> None:
        self.problems.append(Problem(position, message))


def _leaves(node: Node) -> bool:
    return any(command.name in _LEAVING for command in node.block or ())


def _nothing(run: Run) -> None:
    pass
