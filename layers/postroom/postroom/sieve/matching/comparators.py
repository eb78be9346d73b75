"""Comparators: what makes two strings equal, and one less than another (RFC 4790, RFC 5051)."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from postroom.message.collation import casemap

_UPPER = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}
_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Comparator:
    """``fold`` maps strings to others that are equal, in order, or parts of one another just when
    the comparator says so of the strings."""

    name: str
    fold: Callable[[str], str]
    substrings: bool = True  # :contains and :matches make sense
    octets: bool = True  # a character is an octet: what "?" matches (RFC 5228 section 2.7.1)

    @property
    def extension(self) -> str:
        return f"comparator-{self.name}"


def _octets(text: str) -> str:
    return text  # UTF-8 sorts as its code points do


def _upper_ascii(text: str) -> str:
    """RFC 4790 section 9.2: a to z only."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


def _numeric(text: str) -> str:
    """RFC 4790 section 9.1: how many digits, then these; what begins with none is infinite."""
    match = _DIGITS.match(text)
    if match is None:
        return "~"
    digits = match[0].lstrip("0")
    return f"{len(digits):020}{digits}"


DEFAULT = Comparator("i;ascii-casemap", _upper_ascii)  # RFC 5228 section 2.7.3
OCTET = Comparator("i;octet", _octets)
NUMERIC = Comparator("i;ascii-numeric", _numeric, substrings=False)
UNICODE = Comparator("i;unicode-casemap", casemap, octets=False)
COMPARATORS = {known.name: known for known in (DEFAULT, OCTET, NUMERIC, UNICODE)}

# These need no require (RFC 5228 section 2.7.3).
BASIC = frozenset((DEFAULT.extension, OCTET.extension))
