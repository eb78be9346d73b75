"""IMAP flags for what is filed (RFC 5232): setflag, addflag, removeflag, hasflag, ``:flags``.

Sets of flags are kept as strings of words: in ``run.flags``, the internal variable, as a list.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Tag, Test
from postroom.sieve.matching.match_types import MATCH_TAGS, matcher
from postroom.sieve.run import Run

EXTENSIONS = ("imap4flags",)
FLAGS_TAG = Tag("flags", Shape.STRINGS, extension="imap4flags")

# All that a client could set (RFC 9051 section 2.3.2); \Recent is not for us to give.
_SYSTEM = {
    flag.lower(): flag for flag in ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
}
_KEYWORD = re.compile(r"[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]+")  # RFC 9051 section 9
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # RFC 5229 section 3, and no namespaces

Flags = Callable[[Run], tuple[str, ...]]


def flags_argument(call: Call, key: int | str = "flags") -> Flags:
    """Compile a list of flags: those that can be stored, each once. Others are ignored, as RFC
    5232 section 2 says; the writer is warned of them."""
    constants = call.constants(key)
    if constants is not None:
        for word in _words(constants):
            if not _valid(word):
                call.warn(f'"{word}" is no flag that can be set: it is ignored')
        fixed = tuple(valid_flags(constants))
        return lambda run: fixed
    texts = call.texts(key)
    return lambda run: tuple(valid_flags(texts(run)))


def valid_flags(texts: Iterable[str]) -> list[str]:
    """The flags in *texts*, which separate them by spaces: each once, without invalid ones."""
    found: dict[str, str] = {}
    for word in _words(texts):
        if (flag := _valid(word)) is not None:
            found.setdefault(flag.lower(), flag)
    return list(found.values())


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in text.split()]


def _valid(word: str) -> str | None:
    if word.startswith("\\"):
        return _SYSTEM.get(word.lower())
    return word if _KEYWORD.fullmatch(word) else None


def _set(old: Sequence[str], given: Sequence[str]) -> list[str]:
    return list(given)


def _add(old: Sequence[str], given: Sequence[str]) -> list[str]:
    return valid_flags((*old, *given))


def _remove(old: Sequence[str], given: Sequence[str]) -> list[str]:
    gone = {flag.lower() for flag in given}
    return [flag for flag in valid_flags(old) if flag.lower() not in gone]


def _changing(
    change: Callable[[Sequence[str], Sequence[str]], list[str]],
) -> Callable[[Call], Step]:
    def compiled(call: Call) -> Step:
        given = flags_argument(call, 1)
        if not call.has(0):

            def change_internal(run: Run) -> None:
                run.flags = change(run.flags, given(run))

            return change_internal
        (name,) = _variables(call) or ("",)

        def change_variable(run: Run) -> None:
            old = run.variables.get(name, "").split()
            run.assign(name, " ".join(change(old, given(run))))

        return change_variable

    return compiled


def _hasflag(call: Call) -> Test:
    match = matcher(call, 1, _words)
    names = _variables(call) if call.has(0) else None

    def test(run: Run) -> bool:
        if names is None:
            return match(run, run.flags)
        flags: list[str] = []
        for name in names:  # :count is the sum of what each holds (section 4)
            flags += valid_flags([run.variables.get(name, "")])
        return match(run, flags)

    return test


def _variables(call: Call) -> tuple[str, ...]:
    """The names of variables in the first argument, in lower case."""
    if "variables" not in call.required:
        call.wrong(
            f'{call.name} with the name of a variable needs require "variables"; at the top', 0
        )
    names = call.constants(0)
    if names is None:
        call.wrong("the name of a variable cannot itself hold variables", 0)
        return ()
    for name in names:
        if _VARIABLE.fullmatch(name) is None:
            call.wrong(f'"{name}" cannot be the name of a variable', 0)
    return tuple(name.lower() for name in names)


def _action(name: str, compiled: Callable[[Call], Step]) -> Definition:
    return Definition(
        name,
        "action",
        compiled,
        takes=(Shape.STRING, Shape.STRINGS),
        optional=1,
        extension="imap4flags",
    )


DEFINITIONS = (
    _action("setflag", _changing(_set)),
    _action("addflag", _changing(_add)),
    _action("removeflag", _changing(_remove)),
    Definition(
        "hasflag",
        "test",
        _hasflag,
        takes=(Shape.STRINGS, Shape.STRINGS),
        optional=1,
        tags=MATCH_TAGS,
        extension="imap4flags",
    ),
)
