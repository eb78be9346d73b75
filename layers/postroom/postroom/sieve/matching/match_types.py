"""Match types (RFC 5228 section 2.7.1, RFC 5231, RFC 6134 section 2.2, draft-ietf-sieve-regex)."""

import operator
from collections.abc import Callable, Sequence

from postroom.sieve.commands.lists import list_name
from postroom.sieve.language.definitions import Call, Shape, Tag
from postroom.sieve.language.strings import MOST_CAPTURES
from postroom.sieve.language.words import closest
from postroom.sieve.limits import LIMITS
from postroom.sieve.matching.comparators import BASIC, COMPARATORS, DEFAULT, OCTET, Comparator
from postroom.sieve.matching.expressions import (
    COMPILED,
    BadExpression,
    Expression,
    compile_expression,
)
from postroom.sieve.matching.globs import Glob, compile_glob
from postroom.sieve.run import Run

# One of each: :comparator; :is :contains :matches :regex :count :value :list.
MATCH_TAGS: tuple[Tag, ...] = (
    Tag("comparator", Shape.STRING),
    Tag("is", group="match"),
    Tag("contains", group="match"),
    Tag("matches", group="match"),
    Tag("regex", group="match", extension="regex"),
    Tag("count", Shape.STRING, group="match", extension="relational"),
    Tag("value", Shape.STRING, group="match", extension="relational"),
    Tag("list", group="match", extension="extlists"),
)

# Whether one of the values matches one of the keys; sets ``run.captures`` (RFC 5229 section 3.2).
Match = Callable[[Run, Sequence[str]], bool]
Split = Callable[[Sequence[str]], Sequence[str]]

_RELATIONS: dict[str, Callable[[str, str], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
    "eq": operator.eq,
    "ne": operator.ne,
}
_A_STEP = 8192  # characters looked at
_SHOWN = 80  # characters of a value, to tell why


def matcher(call: Call, keys: int, split: Split = tuple) -> Match:
    """Compile the match that a call asks for by its tags, against the strings at *keys*.

    *split* makes the keys of those strings: flags may share one (RFC 5232 section 2).
    """
    compile_keys = _compiler(call)
    constants = call.constants(keys)
    is_regex = call.chosen("match") == "regex"
    if constants is None:
        texts = call.texts(keys)

        def of_variables(run: Run, values: Sequence[str]) -> bool:
            found = split(texts(run))
            if is_regex:
                run.spend(sum(COMPILED + len(key) // 64 for key in found))
            try:
                return compile_keys(found)(run, values)
            except BadExpression as error:
                raise run.failure(_bad_expression(error)) from error

        return of_variables
    fixed = split(constants)
    if is_regex:
        call.notes.expressions += len(fixed)
        if call.notes.expressions > LIMITS.expressions:
            call.wrong(f"more than {LIMITS.expressions} regular expressions in one script", keys)
            return lambda run, values: False
    try:
        match = compile_keys(fixed)
        return _traced(call, match, fixed, compile_keys) if call.traced else match
    except BadExpression as error:
        call.wrong(_bad_expression(error), keys)
        return lambda run, values: False


def _compiler(call: Call) -> Callable[[Sequence[str]], Match]:
    """What makes a match of keys."""
    kind = call.chosen("match")
    comparator = _comparator(call)
    if kind in ("contains", "matches", "regex") and not comparator.substrings:
        call.wrong(f'the comparator "{comparator.name}" cannot be used with ":{kind}"', kind)
        comparator = DEFAULT
    if kind == "list" and call.has("comparator"):
        # RFC 6134 section 2.2: how they compare is for the lists to say.
        call.wrong('":comparator" cannot be used with ":list"', "comparator")
    captures = "variables" in call.required
    match kind:
        case "contains":
            return lambda keys: _contains(keys, comparator)
        case "matches":
            return lambda keys: _matches(keys, comparator, captures)
        case "regex":
            return lambda keys: _regex(keys, comparator is not OCTET, captures)
        case "count":
            relation = _relation(call, "count")
            if comparator is DEFAULT:
                call.warn(
                    '":count" compares numbers as texts (10 before 9): '
                    'add :comparator "i;ascii-numeric"'
                )
            return lambda keys: _count(keys, comparator, relation)
        case "value":
            relation = _relation(call, "value")
            return lambda keys: _value(keys, comparator, relation)
        case "list":
            return lambda keys: _list(keys, captures)
    return lambda keys: _is(keys, comparator)


def _comparator(call: Call) -> Comparator:
    if not call.has("comparator"):
        return DEFAULT
    name = call.constant("comparator")
    if name is None:
        call.wrong("the name of a comparator cannot be made of variables", "comparator")
        return DEFAULT
    comparator = COMPARATORS.get(name)
    if comparator is None:
        if "ihave" in call.required:  # the script may not come to it
            call.needs(f"comparator-{name}", f'the comparator "{name}"')
        else:
            hint = closest(name, COMPARATORS)
            call.wrong(f'there is no comparator "{name[:80]}" here{hint}', "comparator")
        return DEFAULT
    if comparator.extension not in BASIC:
        call.needs(comparator.extension, f'the comparator "{name}"')
    return comparator


def _relation(call: Call, kind: str) -> Callable[[str, str], bool]:
    name = call.constant(kind)
    relation = _RELATIONS.get((name or "").lower())
    if relation is None:
        call.wrong(f'":{kind}" takes one of "gt", "ge", "lt", "le", "eq" and "ne"', kind)
    return relation or operator.eq


def _bad_expression(error: BadExpression) -> str:
    return f"this is no regular expression that can be used here: {error}"


def _spend(run: Run, values: Sequence[str], keys: int) -> None:
    run.spend(1 + len(values) * keys // 8 + sum(map(len, values)) * keys // _A_STEP)


def _is(keys: Sequence[str], comparator: Comparator) -> Match:
    fold = comparator.fold
    if len(keys) == 1:
        only = fold(keys[0])

        def one(run: Run, values: Sequence[str]) -> bool:
            _spend(run, values, 1)
            return only in map(fold, values)

        return one
    folded = frozenset(map(fold, keys))

    def several(run: Run, values: Sequence[str]) -> bool:
        _spend(run, values, 1)
        return not folded.isdisjoint(map(fold, values))

    return several


def _contains(keys: Sequence[str], comparator: Comparator) -> Match:
    fold = comparator.fold
    folded = tuple(map(fold, keys))

    def match(run: Run, values: Sequence[str]) -> bool:
        _spend(run, values, len(folded))
        for value in map(fold, values):
            for key in folded:
                if key in value:
                    return True
        return False

    return match


def _matches(keys: Sequence[str], comparator: Comparator, captures: bool) -> Match:
    return _found_by([compile_glob(key, comparator) for key in keys], captures)


def _regex(keys: Sequence[str], ignore_case: bool, captures: bool) -> Match:
    return _found_by([compile_expression(key, ignore_case) for key in keys], captures)


def _found_by(patterns: Sequence[Glob | Expression], captures: bool) -> Match:
    def match(run: Run, values: Sequence[str]) -> bool:
        for value in values:
            for pattern in patterns:
                found = pattern(value, run.spend)
                if found is not None:
                    if captures:
                        run.captures = list(found[: MOST_CAPTURES + 1])
                    return True
        return False

    return match


def _count(
    keys: Sequence[str], comparator: Comparator, relation: Callable[[str, str], bool]
) -> Match:
    fold = comparator.fold
    folded = tuple(map(fold, keys))

    def match(run: Run, values: Sequence[str]) -> bool:
        run.spend(1 + len(folded) // 8)
        count = fold(str(len(values)))
        return any(relation(count, key) for key in folded)

    return match


def _value(
    keys: Sequence[str], comparator: Comparator, relation: Callable[[str, str], bool]
) -> Match:
    fold = comparator.fold
    folded = tuple(map(fold, keys))

    def match(run: Run, values: Sequence[str]) -> bool:
        _spend(run, values, len(folded))
        for value in map(fold, values):
            for key in folded:
                if relation(value, key):
                    return True
        return False

    return match


def _list(keys: Sequence[str], captures: bool) -> Match:
    names = tuple(map(list_name, keys))

    def match(run: Run, values: Sequence[str]) -> bool:
        for name in names:
            if not run.world.has_list(name):
                raise run.failure(f'there is no list "{name[:_SHOWN]}"')
            for value in values:
                run.spend(8)  # each may be a read
                if run.world.in_list(name, value):
                    if captures:
                        run.captures = [value]  # RFC 6134 section 2.2
                    return True
        return False

    return match


def _traced(
    call: Call,
    match: Match,
    keys: Sequence[str],
    compile_keys: Callable[[Sequence[str]], Match],
) -> Match:
    """The same, and it notes which value matched which key."""
    if call.chosen("match") == "count":

        def counted(run: Run, values: Sequence[str]) -> bool:
            run.matched = f"there are {len(values)}"
            return match(run, values)

        return counted
    singles = [(key, compile_keys((key,))) for key in keys]

    def traced(run: Run, values: Sequence[str]) -> bool:
        if not match(run, values):
            return False
        captures = run.captures
        for value in values:
            for key, single in singles:
                if single(run, (value,)):
                    run.captures = captures
                    run.matched = f"{_shown(value)} matches {_shown(key)}"
                    return True
        return True

    return traced


def _shown(text: str) -> str:
    return f'"{text[:_SHOWN]}…"' if len(text) > _SHOWN else f'"{text}"'
