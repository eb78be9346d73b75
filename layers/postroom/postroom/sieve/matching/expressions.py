"""Regular expressions that users write (draft-ietf-sieve-regex): POSIX extended ones, by RE2, whose
time grows with the text and with the expression, and no faster."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

Spend = Callable[[int], None]
# The captures of a value, the matched part first; None when nothing of it matches. What it costs
# is told beforehand.
Expression = Callable[[str, Spend], Sequence[str] | None]

COMPILED = 100  # steps that it takes to compile an expression: two milliseconds, at worst
_MEMORY = 1 << 18  # octets for one expression, its cache included
_A_STEP = 3000  # instructions at an octet, 7 ns each when nothing can be cached


class BadExpression(Exception):
    """What is no expression, or too much of one."""


@lru_cache(64)  # those of variables are compiled when they are met
def compile_expression(pattern: str, ignore_case: bool) -> Expression:
    """Raises BadExpression."""
    import re2  # only those who use it wait for it

    try:
        compiled = re2.compile(pattern.encode("utf-8", "replace"), _options(re2, ignore_case))
    except re2.error as error:
        raise BadExpression(_reason(error)) from error

    size = compiled.programsize

    def expression(value: str, spend: Spend) -> Sequence[str] | None:
        octets = value.encode("utf-8", "replace")
        spend(1 + size * len(octets) // _A_STEP)
        match = compiled.search(octets)
        if match is None:
            return None
        groups = (match.group(), *match.groups(b""))
        return [group.decode("utf-8", "replace") for group in groups]

    return expression


def _options(re2: Any, ignore_case: bool) -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.case_sensitive = not ignore_case
    # POSIX: the longest match, lines are nothing special, and what GNU adds, as \w and \b.
    options.posix_syntax = options.longest_match = True
    options.dot_nl = options.one_line = True
    options.perl_classes = options.word_boundary = True
    return options


def _reason(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    return text or "it cannot be read"


def quoted(text: str) -> str:
    """With a backslash before each character that means something (draft section 5.1)."""
    return "".join(
        f"\\{character}" if character in r"\.[]{}()*+?|^$" else character for character in text
    )
