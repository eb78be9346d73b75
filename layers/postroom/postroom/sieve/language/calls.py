"""One use of a command or test, its arguments checked (RFC 5228 sections 2.6 and 2.7)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from postroom.sieve.errors import Position, Problem
from postroom.sieve.language.definitions import (
    Call,
    Definition,
    Notes,
    Shape,
    Step,
    Tag,
    Test,
    Text,
    Texts,
)
from postroom.sieve.language.strings import BadString, Template, template
from postroom.sieve.language.tree import Argument, Node, Number, String, Strings, TagName
from postroom.sieve.language.words import closest
from postroom.sieve.limits import LIMITS

_SHAPES = {Number: "a number", String: "a string", Strings: "a list of strings"}
_WANTED = {
    Shape.NUMBER: "a number",
    Shape.STRING: "a string",
    Shape.STRINGS: "a string or a list of strings",
}


@dataclass(frozen=True, slots=True)
class Script:
    """What all calls of one script share."""

    extensions: frozenset[str]  # all there are
    traced: bool
    notes: Notes


class CheckedCall:
    """A `postroom.sieve.language.definitions.Call`. What is missing or of the wrong shape was noted
    as a problem, and something harmless stands in its place."""

    def __init__(
        self,
        node: Node,
        definition: Definition,
        script: Script,
        required: frozenset[str],
        around: Sequence[Call],
    ) -> None:
        self.name = node.name
        self.position = node.position
        self.required = required
        self.available = script.extensions
        self.notes = script.notes
        self.traced = script.traced
        self.around = around
        self.tests: Sequence[Test] = ()
        self.block: Sequence[Step] = ()
        self.used: list[tuple[str, Position, str]] = []  # extensions, where, and what is of them
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._definition = definition
        self._arguments: dict[int | str, Argument] = {}
        self._templates: dict[int | str, tuple[Template, ...]] = {}
        self._groups: dict[str, str] = {}
        if definition.extension:
            self.used.append((definition.extension, node.position, f'"{node.name}"'))
        self._check_shape(node)
        self._read(node)

    def has(self, key: int | str) -> bool:
        return key in self._arguments

    def chosen(self, group: str) -> str:
        return self._groups.get(group, "")

    def text(self, key: int | str) -> Text:
        (only,) = self._strings(key)
        return only.text

    def texts(self, key: int | str) -> Texts:
        constants = self.constants(key)
        if constants is not None:
            fixed = constants
            return lambda run: fixed
        texts = tuple([string.text for string in self._strings(key)])
        return lambda run: [text(run) for text in texts]

    def number(self, key: int | str) -> int:
        argument = self._arguments.get(key)
        return argument.value if isinstance(argument, Number) else 0

    def constant(self, key: int | str) -> str | None:
        (only,) = self._strings(key)
        return only.constant

    def constants(self, key: int | str) -> tuple[str, ...] | None:
        constants = [string.constant for string in self._strings(key)]
        known = tuple([constant for constant in constants if constant is not None])
        return known if len(known) == len(constants) else None

    def written(self, key: int | str) -> str:
        argument = self._arguments.get(key)
        return argument.value if isinstance(argument, String) else ""

    def needs(self, extension: str, what: str) -> None:
        self.used.append((extension, self.position, what))

    def wrong(self, message: str, key: int | str | None = None) -> None:
        argument = self._arguments.get(key) if key is not None else None
        position = self.position if argument is None else argument.position
        self.problems.append(Problem(position, message))

    def warn(self, message: str) -> None:
        self.warnings.append(Problem(self.position, message))

    def _strings(self, key: int | str) -> tuple[Template, ...]:
        return self._templates.get(key) or (_EMPTY,)

    # Reading the arguments.

    def _read(self, node: Node) -> None:
        tagged = self._read_tags(node.arguments)
        positional = [*node.arguments[tagged:]]
        for argument in positional:
            if isinstance(argument, TagName):
                self._wrong(
                    argument.position, f'":{argument.name}" must stand before the other arguments'
                )
        self._read_positional([a for a in positional if not isinstance(a, TagName)])

    def _read_tags(self, arguments: Sequence[Argument]) -> int:
        """Read the tags with what they take; returns how many arguments these are."""
        tags = {tag.name: tag for tag in self._definition.tags}
        at = 0
        while at < len(arguments):
            written = arguments[at]
            if not isinstance(written, TagName):
                break
            at += 1
            tag = tags.get(written.name)
            if tag is None:
                hint = ""
                if len(self.problems) < LIMITS.problems:
                    hint = closest(written.name, tags).replace('"', '":', 1)
                self._wrong(written.position, f'"{self.name}" takes no ":{written.name}"{hint}')
                continue
            self._note_tag(tag, written)
            if tag.takes is None:
                self._arguments.setdefault(tag.name, written)
            elif at < len(arguments) and _fits(arguments[at], tag.takes):
                self._keep(tag.name, arguments[at])
                at += 1
            else:
                self._wrong(
                    written.position, f'":{tag.name}" must be followed by {_WANTED[tag.takes]}'
                )
                self._arguments.setdefault(tag.name, written)
        return at

    def _note_tag(self, tag: Tag, written: TagName) -> None:
        if tag.name in self._arguments:
            self._wrong(written.position, f'":{tag.name}" is given twice')
        elif tag.group in self._groups:
            other = self._groups[tag.group]
            self._wrong(
                written.position,
                f'":{other}" and ":{tag.name}" cannot be used together: choose one',
            )
        if tag.group:
            self._groups.setdefault(tag.group, tag.name)
        if tag.extension:
            self.used.append((tag.extension, written.position, f'":{tag.name}"'))

    def _read_positional(self, given: list[Argument]) -> None:
        definition = self._definition
        takes = definition.takes
        keys = list(range(len(takes)))
        if len(given) == len(takes) - abs(definition.optional):
            left_out = definition.optional
            keys = keys[left_out:] if left_out >= 0 else keys[:left_out]
        elif len(given) != len(takes) and not self._goes_on:
            wanted = _counted(len(takes), "argument")
            if definition.optional:
                wanted = f"{len(takes) - abs(definition.optional)} or {wanted}"
            excess = given[len(takes)] if len(given) > len(takes) else None
            self._wrong(
                excess.position if excess else self.position,
                f'"{self.name}" takes {wanted}, not {len(given)}',
            )
        for key, argument in zip(keys, given, strict=False):
            if _fits(argument, takes[key]):
                self._keep(key, argument)
            else:
                self._wrong(
                    argument.position,
                    f'argument {key + 1} of "{self.name}" must be {_WANTED[takes[key]]}, '
                    f"not {_SHAPES[type(argument)]}",
                )

    def _check_shape(self, node: Node) -> None:
        """Whether it has the tests and the block that belong to it."""
        definition, name = self._definition, self.name
        self._goes_on = not definition.tests and bool(node.tests)
        if self._goes_on:
            inner = node.tests[0]
            is_tag = any(tag.name == inner.name for tag in definition.tags)
            hint = (
                f'write ":{inner.name}" with a colon'
                if is_tag
                else f'is a ";" missing before "{inner.name}"?'
            )
            self._wrong(inner.position, f'"{name}" takes no tests: {hint}')
        elif definition.tests == 1 and (len(node.tests) != 1 or node.listed):
            self.wrong(f'"{name}" takes one test, without parentheses around it')
        elif definition.tests == "list" and not node.listed:
            self.wrong(f'"{name}" takes tests in parentheses, with commas between them')
        if definition.kind == "test":
            return
        if definition.block and node.block is None:
            self.wrong(f'"{name}" takes a block: put commands in "{{" and "}}" after it')
        elif not definition.block and node.block is not None:
            self.wrong(f'"{name}" takes no block: end it with a ";"')

    def _keep(self, key: int | str, argument: Argument) -> None:
        if key in self._arguments:
            return
        self._arguments[key] = argument
        if not isinstance(argument, Number):
            self._templates[key] = tuple(self._compiled(argument))

    def _compiled(self, argument: Argument) -> Iterator[Template]:
        for string in strings_of(argument):
            try:
                yield template(string.value, self.required)
            except BadString as error:
                self._wrong(string.position, str(error))
                yield _EMPTY

    def _wrong(self, position: Position, message: str) -> None:
        self.problems.append(Problem(position, message))


_EMPTY = Template("", lambda run: "")


def _fits(argument: Argument, shape: Shape) -> bool:
    match shape:
        case Shape.NUMBER:
            return isinstance(argument, Number)
        case Shape.STRING:
            return isinstance(argument, String)
        case Shape.STRINGS:
            return isinstance(argument, String | Strings)


def strings_of(argument: Argument) -> tuple[String, ...]:
    if isinstance(argument, Strings):
        return argument.items
    return (argument,) if isinstance(argument, String) else ()


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
