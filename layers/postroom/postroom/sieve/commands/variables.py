"""Action set and test string (RFC 5229); modifiers of values, also those of RFC 5435 and regex."""

import re
from collections.abc import Callable

from postroom.sieve.commands.notifying import encode_url
from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Tag, Test
from postroom.sieve.language.strings import BadString, variable
from postroom.sieve.limits import LIMITS
from postroom.sieve.matching.expressions import quoted
from postroom.sieve.matching.match_types import MATCH_TAGS, matcher
from postroom.sieve.run import Run

EXTENSIONS = ("variables",)

Modify = Callable[[str], str]

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_UPPER = {lower: upper for upper, lower in _LOWER.items()}
_WILDCARD = re.compile(r"[*?\\]")


def _lower(text: str) -> str:
    return text.translate(_LOWER)


def _upper(text: str) -> str:
    return text.translate(_UPPER)


def _lower_first(text: str) -> str:
    return _lower(text[:1]) + text[1:]


def _upper_first(text: str) -> str:
    return _upper(text[:1]) + text[1:]


def _quote_wildcards(text: str) -> str:
    return _cut(_WILDCARD.sub(r"\\\g<0>", text))


def _quote_expression(text: str) -> str:
    return _cut(quoted(text))


def _cut(text: str) -> str:
    """What a variable can hold of a quoted text: no backslash without what it quotes."""
    if len(text) <= LIMITS.string:
        return text
    cut = text[: LIMITS.string]
    backslashes = len(cut) - len(cut.rstrip("\\"))
    return cut[:-1] if backslashes % 2 else cut


def _length(text: str) -> str:
    return str(len(text))


# In the order of their precedence, one of each group (section 4.1; RFC 5435 section 6 puts
# :encodeurl between quoting and length).
_MODIFIERS: tuple[tuple[str, dict[str, Modify]], ...] = (
    ("case", {"lower": _lower, "upper": _upper}),
    ("first", {"lowerfirst": _lower_first, "upperfirst": _upper_first}),
    ("quoting", {"quotewildcard": _quote_wildcards, "quoteregex": _quote_expression}),
    ("encoding", {"encodeurl": encode_url}),
    ("measure", {"length": _length}),
)
_OF_OTHERS = {"quoteregex": "regex", "encodeurl": "enotify"}

MODIFIER_TAGS = tuple(
    Tag(name, group=group, extension=_OF_OTHERS.get(name, ""))
    for group, named in _MODIFIERS
    for name in named
)


def modifiers(call: Call) -> Modify:
    """What the modifiers of a call make of a value, together."""
    chosen = [named[call.chosen(group)] for group, named in _MODIFIERS if call.chosen(group)]

    def modify(text: str) -> str:
        for change in chosen:
            text = change(text)
        return text

    return modify


def variable_name(call: Call, key: int | str) -> str:
    """The variable that an argument names, to be set by `Run.assign`."""
    name = call.constant(key)
    if name is None:
        call.wrong("the name of a variable cannot itself hold variables", key)
        return ""
    try:
        found = variable(name, "include" in call.required)
    except BadString as error:
        call.wrong(str(error), key)
        return ""
    call.notes.variables.add(found)
    return found


def _set(call: Call) -> Step:
    name = variable_name(call, 0)
    value = call.text(1)
    modify = modifiers(call)
    constant = call.constant(1)
    if constant is not None and len(modify(constant)) > LIMITS.string:
        call.wrong(f"a variable cannot hold more than {LIMITS.string} characters", 1)

    def step(run: Run) -> None:
        run.assign(name, modify(value(run)))

    return step


def _string(call: Call) -> Test:
    match = matcher(call, 1)
    source = call.texts(0)
    counts = call.chosen("match") == "count"

    def test(run: Run) -> bool:
        texts = source(run)
        return match(run, [text for text in texts if text] if counts else texts)

    return test


DEFINITIONS = (
    Definition(
        "set",
        "action",
        _set,
        takes=(Shape.STRING, Shape.STRING),
        tags=MODIFIER_TAGS,
        extension="variables",
    ),
    Definition(
        "string",
        "test",
        _string,
        takes=(Shape.STRINGS, Shape.STRINGS),
        tags=MATCH_TAGS,
        extension="variables",
    ),
)
