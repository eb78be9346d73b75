"""Tokens as a tree (RFC 5228 section 8.2). What the names mean is for the checker."""

from collections.abc import Iterator

from postroom.sieve.errors import Position, Problem, ScriptError
from postroom.sieve.language.lexer import Token, tokens
from postroom.sieve.language.tree import Argument, Node, Number, String, Strings, TagName
from postroom.sieve.limits import LIMITS, Limits


def parse(script: bytes, limits: Limits = LIMITS) -> tuple[Node, ...]:
    """The commands of a script. Raises ScriptError at the first token that is out of place: what
    follows it could mean anything."""
    return _Parser(tokens(script, limits), limits).script()


class _Parser:
    def __init__(self, found: Iterator[Token], limits: Limits) -> None:
        self._tokens = found
        self._token = next(found)
        self._limits = limits
        self._commands = 0
        self._blocks = 0  # around the token
        self._tests = 0

    def script(self) -> tuple[Node, ...]:
        commands = []
        while self._token.kind != "end":
            if self._is("}"):
                raise self._wrong('no block is open that this "}" could close')
            commands.append(self._command())
        return tuple(commands)

    def _command(self) -> Node:
        name = self._name("a command")
        self._commands += 1
        if self._commands > self._limits.commands:
            raise _error(name.position, f"more than {self._limits.commands} commands in one script")
        arguments = self._arguments()
        tests, listed = self._tests_of(name.text)
        block = self._block() if self._is("{") else None
        if block is None:
            self._end_of_command(name.text)
        return Node(name.text, name.position, arguments, tests, listed, block)

    def _end_of_command(self, name: str) -> None:
        if not self._is(";"):
            found = self._found()
            if self._is("}") or self._token.kind == "end":
                raise self._wrong(f'a ";" is missing after "{name}", before {found}')
            raise self._wrong(f'"{name}" goes on with {found}: is a ";" or a "{{" missing before?')
        self._next()

    def _block(self) -> tuple[Node, ...]:
        opened = self._next()
        self._blocks += 1
        if self._blocks > self._limits.nesting:
            raise _error(
                opened.position, f"more than {self._limits.nesting} blocks within one another"
            )
        commands = []
        while not self._is("}"):
            if self._token.kind == "end":
                raise _error(opened.position, 'this block has no end: close it with "}"')
            commands.append(self._command())
        self._next()
        self._blocks -= 1
        return tuple(commands)

    def _arguments(self) -> tuple[Argument, ...]:
        arguments: list[Argument] = []
        while True:
            token = self._token
            if token.kind == "number":
                arguments.append(Number(token.value, token.position))
            elif token.kind == "string":
                arguments.append(String(token.text, token.position))
            elif token.kind == "tag":
                arguments.append(TagName(token.text, token.position))
            elif self._is("["):
                arguments.append(self._strings())
                continue
            else:
                return tuple(arguments)
            self._next()

    def _strings(self) -> Strings:
        opened = self._next()
        items = []
        while True:
            token = self._token
            if token.kind != "string":
                raise self._wrong(f"a string must stand here in a list, not {self._found()}")
            items.append(String(token.text, token.position))
            self._next()
            if not self._separated("]"):
                return Strings(tuple(items), opened.position)

    def _tests_of(self, name: str) -> tuple[tuple[Node, ...], bool]:
        if self._token.kind == "identifier":
            return (self._test(),), False
        if not self._is("("):
            return (), False
        self._next()
        tests = [self._test()]
        while self._separated(")"):
            tests.append(self._test())
        return tuple(tests), True

    def _test(self) -> Node:
        name = self._name("a test")
        self._tests += 1
        if self._tests > self._limits.nesting:
            raise _error(
                name.position, f"more than {self._limits.nesting} tests within one another"
            )
        arguments = self._arguments()
        tests, listed = self._tests_of(name.text)
        self._tests -= 1
        return Node(name.text, name.position, arguments, tests, listed)

    def _separated(self, closing: str) -> bool:
        """Over the sign between two elements: whether there is another one."""
        if not (self._is(",") or self._is(closing)):
            raise self._wrong(f'"," or "{closing}" must stand here, not {self._found()}')
        return self._next().text == ","

    def _name(self, what: str) -> Token:
        if self._token.kind != "identifier":
            raise self._wrong(f"{what} must stand here, not {self._found()}")
        return self._next()

    def _is(self, sign: str) -> bool:
        return self._token.kind == "sign" and self._token.text == sign

    def _next(self) -> Token:
        token = self._token
        self._token = next(self._tokens)
        return token

    def _found(self) -> str:
        token = self._token
        match token.kind:
            case "end":
                return "the end of the script"
            case "string":
                return "a string"
            case "number":
                return "a number"
            case "tag":
                return f'":{token.text}"'
        return f'"{token.text}"'

    def _wrong(self, message: str) -> ScriptError:
        return _error(self._token.position, message)


def _error(position: Position, message: str) -> ScriptError:
    return ScriptError([Problem(position, message)])
