"""foreverypart and break: a block for each MIME part (RFC 5703 section 3)."""

from collections.abc import Iterator

from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Tag
from postroom.sieve.parts import MimePart
from postroom.sieve.run import Run

EXTENSIONS = ("foreverypart",)

_DEEPEST = 4  # loops within one another: each inner one multiplies the work


class _Break(Exception):
    def __init__(self, loop: str | None) -> None:
        self.loop = loop


def _foreverypart(call: Call) -> Step:
    name = _name(call)
    if len(enclosing_loops(call)) >= _DEEPEST:
        call.wrong(f"more than {_DEEPEST} foreverypart within one another")
    block = tuple(call.block)

    def step(run: Run) -> None:
        outer = run.part
        try:
            for part in _parts(run):
                run.part = part
                for command in block:
                    command(run)
        except _Break as way_out:
            if way_out.loop is not None and way_out.loop != name:
                raise
        finally:
            run.part = outer

    return step


def _break(call: Call) -> Step:
    loops = enclosing_loops(call)
    name = _name(call)
    if not loops:
        call.wrong("there is no foreverypart around this break")
    elif call.has("name") and name not in [_name(loop) for loop in loops]:
        call.wrong(f'no foreverypart around this break is called "{name}"', "name")
    leaves = name if call.has("name") else None

    def step(run: Run) -> None:
        raise _Break(leaves)

    return step


def enclosing_loops(call: Call) -> list[Call]:
    return [other for other in call.around if other.name == "foreverypart"]


def _name(call: Call) -> str:
    if not call.has("name"):
        return ""
    name = call.constant("name")
    if name is None:
        call.wrong("the name of a loop cannot be made of variables", "name")
    return name or ""


def _parts(run: Run) -> Iterator[MimePart]:
    """All parts of the message, or those within the part that the loop around has come to, depth
    first. What the block replaced is not looked into (RFC 5703 section 5)."""
    letter = run.letter
    waiting = [letter.root] if run.part is None else [*letter.current(run.part).children][::-1]
    while waiting:
        part = run.letter.current(waiting.pop())
        run.spend()
        yield part
        if run.letter.current(part) is part:
            waiting += part.children[::-1]


DEFINITIONS = (
    Definition(
        "foreverypart",
        "control",
        _foreverypart,
        tags=(Tag("name", Shape.STRING),),
        block=True,
        extension="foreverypart",
    ),
    Definition(
        "break",
        "control",
        _break,
        tags=(Tag("name", Shape.STRING),),
        extension="foreverypart",
    ),
)
