"""All that scripts may say: commands, tests and extensions, from the files that define them."""

from itertools import chain
from typing import Any

from postroom.sieve.commands import (
    addresses,
    body,
    control,
    dates,
    destinations,
    duplicate,
    editing,
    enveloping,
    environment,
    extracting,
    filing,
    flags,
    header_tests,
    ihave,
    include,
    lists,
    looping,
    mailboxes,
    notifying,
    redirecting,
    rejecting,
    rewriting,
    screened,
    vacationing,
    variables,
)
from postroom.sieve.language.definitions import Definition
from postroom.sieve.matching import address_parts
from postroom.sieve.matching.comparators import BASIC, COMPARATORS

_MODULES: tuple[Any, ...] = (
    address_parts,
    addresses,
    body,
    control,
    dates,
    destinations,
    duplicate,
    editing,
    environment,
    extracting,
    enveloping,
    filing,
    flags,
    header_tests,
    ihave,
    include,
    lists,
    looping,
    mailboxes,
    notifying,
    redirecting,
    rejecting,
    rewriting,
    screened,
    vacationing,
    variables,
)

_DEFINITIONS: tuple[Definition, ...] = tuple(
    chain.from_iterable(getattr(module, "DEFINITIONS", ()) for module in _MODULES)
)
COMMANDS = {known.name: known for known in _DEFINITIONS if known.kind != "test"}
TESTS = {known.name: known for known in _DEFINITIONS if known.kind == "test"}
EXTENSIONS = frozenset(
    chain(
        ("encoded-character", "regex", "relational"),
        BASIC,
        (comparator.extension for comparator in COMPARATORS.values()),
        *(getattr(module, "EXTENSIONS", ()) for module in _MODULES),
    )
)
