"""Templates of addresses that answer: Jinja's sandbox, and of its language only what ends.

A template is checked when it is saved: it has variables, conditions and a few filters, and no
loops, calls, attributes or assignments. So its time and what it writes are bounded by its length,
and there is nothing in reach that could be abused; that the sandbox is there too is a second door.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from postroom.errors import PostroomError

if TYPE_CHECKING:  # a cold start has no time for it
    import jinja2
    import jinja2.nodes

LONGEST = 32 * 1024  # characters of a template
LARGEST = 128 * 1024  # characters of what it writes
_DEEPEST = 20  # blocks and brackets within one another

# What templates may say. Everything is text; "" when it is not known.
VARIABLES = {
    "sender": "bob@example.net",  # whom it goes to
    "author": "Bob Miller",  # as the message names its author
    "subject": "Printer on fire",  # of the message
    "ticket": "7K3M9Q2X4T",
    "date": "2026-11-24",  # of its arrival, UTC
    "time": "13:00",
    "address": "support@example.org",  # that answers
    "message_id": "<1@example.net>",  # of the message
    "queue_id": "1m86t8k38g20812qy91d1q",
}
_FILTERS = (
    "capitalize",
    "d",
    "default",
    "e",
    "escape",
    "length",
    "lower",
    "title",
    "trim",
    "upper",
)
_TESTS = ("defined", "eq", "equalto", "in", "ne", "undefined")
_NODES = frozenset(
    {
        *("And", "CondExpr", "Compare", "Concat", "Const", "Filter", "If", "List", "Name", "Not"),
        *("Operand", "Or", "Output", "Template", "TemplateData", "Test", "Tuple"),
    }
)
_WORDS = {
    "Add": "+ (write ~ to join texts)",
    "Assign": "set",
    "AssignBlock": "set",
    "Call": "a call",
    "CallBlock": "call",
    "Extends": "extends",
    "FilterBlock": "a filter block",
    "For": "for",
    "FromImport": "import",
    "Getattr": "a dot behind a name",
    "Getitem": "[ behind a name",
    "Import": "import",
    "Include": "include",
    "Macro": "macro",
    "Mul": "*",
    "Pow": "**",
}


class BadTemplate(PostroomError):
    """A template that cannot be used. ``line`` is 0 when no line is to blame."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(f"line {line}: {message}" if line else message)


def render(source: str, values: Mapping[str, str], *, html: bool = False) -> str:
    """What a template writes; *values* for all of VARIABLES. In HTML they are escaped.

    Raises BadTemplate, also for one that writes more than LARGEST.
    """
    template = _compiled(source, html)
    written, size = [], 0
    try:
        for piece in template.generate(**values):
            size += len(piece)
            if size > LARGEST:
                raise BadTemplate(0, f"it writes more than {LARGEST} characters")
            written.append(piece)
    except BadTemplate:
        raise
    # Whatever Jinja does with what a stranger wrote, it is this template that has failed.
    except Exception as error:
        raise BadTemplate(0, f"it fails: {error}") from error
    return "".join(written)


def check(source: str, *, html: bool = False) -> None:
    """Try a template. Raises BadTemplate, in words that its writer understands."""
    render(source, VARIABLES, html=html)
    render(source, dict.fromkeys(VARIABLES, ""), html=html)


@lru_cache(256)
def _compiled(source: str, html: bool) -> "jinja2.Template":
    import jinja2

    if len(source) > LONGEST:
        raise BadTemplate(0, f"it is longer than {LONGEST} characters")
    environment = _environment(html)
    try:
        tree = environment.parse(source)
        for problem in _problems(tree, 0):
            raise problem
        return environment.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise BadTemplate(error.lineno, error.message or "it is no template") from error
    # Brackets that nest too deep end the parser so, and the compiler.
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise BadTemplate(0, "it nests too deep") from error


@lru_cache(2)
def _environment(html: bool) -> "jinja2.Environment":
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        autoescape=html, undefined=jinja2.StrictUndefined, keep_trailing_newline=True, cache_size=0
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    return environment


def _problems(node: "jinja2.nodes.Node", depth: int) -> Iterator[BadTemplate]:
    kind = type(node).__name__
    if depth > _DEEPEST:
        yield BadTemplate(node.lineno, f"more than {_DEEPEST} things within one another")
        return
    if kind not in _NODES:
        yield BadTemplate(node.lineno, f"{_WORDS.get(kind, kind.lower())} cannot be used here")
        return
    named: Any = node
    if kind == "Name" and named.name not in VARIABLES:
        known = ", ".join(VARIABLES)
        yield BadTemplate(node.lineno, f'there is no "{named.name}" here; there is {known}')
    for child in node.iter_child_nodes():
        yield from _problems(child, depth + 1)
