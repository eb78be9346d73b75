"""Action extracttext (RFC 5703 section 7): the text of a part, in a variable."""

from postroom.sieve.commands.looping import enclosing_loops
from postroom.sieve.commands.variables import MODIFIER_TAGS, modifiers, variable_name
from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Tag
from postroom.sieve.run import Run

EXTENSIONS = ("extracttext",)

_A_STEP = 8192  # characters read


def _extracttext(call: Call) -> Step:
    if "variables" not in call.required:
        call.wrong('"extracttext" needs variables: add require "variables"; at the top')
    if not enclosing_loops(call):
        call.wrong('"extracttext" must stand within the block of a foreverypart')
    name = variable_name(call, 0)
    modify = modifiers(call)
    first = call.number("first") if call.has("first") else None

    def step(run: Run) -> None:
        part = run.part
        text = "" if part is None else run.letter.current(part).text or ""
        run.spend(len(text) // _A_STEP)
        # Modifiers are about what is extracted; no more of it can be kept.
        run.assign(name, modify(text[: run.limits.string if first is None else first]))

    return step


DEFINITIONS = (
    Definition(
        "extracttext",
        "action",
        _extracttext,
        takes=(Shape.STRING,),
        tags=(*MODIFIER_TAGS, Tag("first", Shape.NUMBER)),
        extension="extracttext",
    ),
)
