"""Pattern aliases: ``sales-*@``, ``*-info@``, ``a*b@``.

One ``*`` stands for one or more characters of a local part without quotes. Of several patterns
that fit, the one with the most letters before its ``*`` has the say, then the one with the most
behind it; so ``*`` alone comes last.

The patterns of a domain stand in its record, which every look-up reads anyway; where the mail
goes stands in an address record of its own, as with any alias. So a pattern costs a look-up of
other addresses nothing, and the record stays small: at most MOST_PATTERNS local parts, 6.4 KB.
"""

from collections.abc import Iterable, Sequence

from postroom.directory.addresses import Address, BadAddress

MOST_PATTERNS = 100  # of a domain


def is_pattern(address: Address) -> bool:
    return "*" in address.local and not address.local.startswith('"')


def check_pattern(address: Address) -> None:
    """Raises BadAddress unless the pattern is one that we understand."""
    if address.local.count("*") > 1:
        raise BadAddress(str(address), "a pattern has one *")


def matches(pattern: str, local: str) -> bool:
    before, _, behind = pattern.partition("*")
    return (
        len(local) > len(before) + len(behind)
        and local.startswith(before)
        and local.endswith(behind)
    )


def most_specific_first(patterns: Iterable[str]) -> tuple[str, ...]:
    def rank(pattern: str) -> tuple[int, int, str]:
        before, _, behind = pattern.partition("*")
        return -len(before), -len(behind), pattern

    return tuple(sorted(set(patterns), key=rank))


def best_match(patterns: Sequence[str], names: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """The first of the patterns that fits one of *names* (local part, detail), with the detail."""
    for pattern in patterns:
        for local, detail in names:
            if matches(pattern, local):
                return pattern, detail
    return None
