"""A tree as a script again: parsed, it gives an equal tree."""

import re
from collections.abc import Iterable, Iterator

from postroom.sieve.language.tree import Argument, Node, Number, String, Strings, TagName

_STUFFED = re.compile(r"^\.", re.MULTILINE)


def print_script(commands: Iterable[Node]) -> str:
    """Line ends are CRLF, blocks are indented."""
    return "".join(f"{line}\r\n" for command in commands for line in _command(command, ""))


def print_test(test: Node) -> str:
    """A test, or a command without its block, in one line as far as its strings allow."""
    return " ".join(_head(test))


def _command(command: Node, indent: str) -> Iterator[str]:
    head = indent + print_test(command)
    if command.block is None:
        yield f"{head};"
        return
    yield f"{head} {{"
    for inner in command.block:
        yield from _command(inner, indent + "  ")
    yield f"{indent}}}"


def _head(node: Node) -> Iterator[str]:
    yield node.name
    yield from map(_argument, node.arguments)
    tests = ", ".join(map(print_test, node.tests))
    if tests:
        yield f"({tests})" if node.listed else tests


def _argument(argument: Argument) -> str:
    match argument:
        case Number():
            return str(argument.value)
        case TagName():
            return f":{argument.name}"
        case String():
            return _string(argument.value)
        case Strings():
            return f"[{', '.join(_string(item.value) for item in argument.items)}]"


def _string(value: str) -> str:
    if value.endswith("\r\n"):
        return f"text:\r\n{_STUFFED.sub('..', value)}.\r\n"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
