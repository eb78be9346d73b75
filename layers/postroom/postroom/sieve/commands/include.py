"""Commands include, return and global (RFC 6609)."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from postroom.sieve.actions import FileInto, Keep, Redirect
from postroom.sieve.errors import ScriptError
from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Tag
from postroom.sieve.language.scope import Variables
from postroom.sieve.language.strings import BadString, variable
from postroom.sieve.letter import Letter
from postroom.sieve.parts import MimePart
from postroom.sieve.run import Run

if TYPE_CHECKING:
    from postroom.sieve.engine import Program

EXTENSIONS = ("include",)

_LONGEST_NAME = 512  # octets (RFC 5804 section 1.6 asks for it)
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Return(Exception):  # no error: a way out
    """The script at work ends here, and the one that includes it goes on (section 3.3)."""


def execute(run: Run, program: "Program") -> None:
    """Run a script with variables, match variables and extensions of its own. What it decides and
    makes of the message stays."""
    before = run.variables, run.captures, run.enabled
    run.variables = Variables(run.variables.shared)
    run.captures, run.enabled = [], set()
    run.scripts.append(program.digest)
    try:
        for step in program.steps:
            step(run)
    except Return:
        pass
    finally:
        run.scripts.pop()
        run.variables, run.captures, run.enabled = before


def _include(call: Call) -> Step:
    location: Literal["personal", "global"]
    location = "global" if call.chosen("location") == "global" else "personal"
    name = call.constant(0)
    if name is None:
        call.wrong("the name of a script cannot be made of variables", 0)
        name = ""
    elif not _is_script_name(name):
        call.wrong(f'"{name[:80]}" cannot be the name of a script', 0)
    key = (location, name)
    call.notes.includes.append(key)
    once, optional = call.has("once"), call.has("optional")

    def step(run: Run) -> None:
        if once and key in run.included:
            return
        program = _found(run, *key)
        if program is None:
            if optional:
                return
            raise run.failure(f'there is no {location} script "{name}" to include')
        if program.digest in run.scripts:
            if once:
                return
            raise run.failure(f'the script "{name}" includes itself')
        if len(run.scripts) > run.limits.depth:
            raise run.failure(f"more than {run.limits.depth} scripts include one another")
        if len(run.included) >= run.limits.includes:
            raise run.failure(f"more than {run.limits.includes} scripts are included")
        run.included.append(key)
        if run.part is None:
            execute(run, program)
        else:
            _execute_in_part(run, program, run.part)

    return step


def _execute_in_part(run: Run, program: "Program", part: MimePart) -> None:
    """Run a script that sees the part which foreverypart has come to as a whole message (section
    3.5). What it decides is about all of the message, as it is after its edits of the part."""
    outer, decided = run.letter, len(run.actions)
    run.letter, run.part = Letter(outer.text_of(part)), None
    try:
        execute(run, program)
    finally:
        edited = run.letter.edited
        run.letter, run.part = outer, part
        if edited is not None:
            run.letter = _with_part(outer, part, edited)
        for at in range(decided, len(run.actions)):
            action = run.actions[at]
            if isinstance(action, Keep | FileInto):
                run.actions[at] = replace(action, message=run.letter.edited)
            elif isinstance(action, Redirect):
                run.actions[at] = replace(action, message=run.letter.redirected)


def _with_part(letter: Letter, part: MimePart, text: bytes) -> Letter:
    current = letter.current(part)
    added = max(len(text) - len(letter.text_of(part)), 0)
    if current is letter.current(letter.root):
        return letter.with_text(text, added)
    return letter.with_part(part, MimePart.read(text, current.parent), added)


def _found(run: Run, location: Literal["personal", "global"], name: str) -> "Program | None":
    try:
        return run.world.script(location, name)
    except ScriptError as error:
        raise run.failure(f'in the script "{name}", {error.problems[0]}') from error


def _is_script_name(name: str) -> bool:
    """RFC 5804 section 1.6; and nothing that walks about in folders (section 4)."""
    return (
        _FORBIDDEN.search(name) is None
        and len(name.encode("utf-8", "replace")) <= _LONGEST_NAME
        and not {"", ".", ".."}.intersection(name.split("/"))
    )


def _return(call: Call) -> Step:
    def step(run: Run) -> None:
        raise Return

    return step


def _global(call: Call) -> Step:
    if "variables" not in call.required:
        call.wrong('"global" needs variables: add require "variables"; at the top')
    names = call.constants(0)
    if names is None:
        call.wrong("the name of a variable cannot itself hold variables", 0)
    declared = [name for text in names or () if (name := _local_name(call, text))]

    def step(run: Run) -> None:
        for name in declared:
            run.variables.declare(name)

    return step


def _local_name(call: Call, text: str) -> str:
    try:
        name = variable(text, includes=True)
    except BadString as error:
        call.wrong(str(error), 0)
        return ""
    if "." in name:
        call.wrong(f'"{text}" cannot be declared global: give its name alone', 0)
    elif name in call.notes.variables:
        call.wrong(f'"{text}" was set before: declare it global above that', 0)
    return name


DEFINITIONS = (
    Definition(
        "include",
        "control",
        _include,
        takes=(Shape.STRING,),
        tags=(
            Tag("personal", group="location"),
            Tag("global", group="location"),
            Tag("once"),
            Tag("optional"),
        ),
        extension="include",
    ),
    Definition("return", "control", _return, extension="include"),
    Definition("global", "control", _global, takes=(Shape.STRINGS,), extension="include"),
)
