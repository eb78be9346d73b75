"""Which header fields a test looks at: names, ``:index`` (RFC 5260), ``:mime`` (RFC 5703)."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from postroom.sieve.header import Header
from postroom.sieve.language.definitions import Call, Shape, Tag, Texts
from postroom.sieve.run import Run

INDEX_TAGS = (Tag("index", Shape.NUMBER, extension="index"), Tag("last", extension="index"))
MIME_TAGS = (Tag("mime", extension="mime"), Tag("anychild", extension="mime"))

_FIELD_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322 section 3.6.8

T = TypeVar("T")
Choose = Callable[[Sequence[T]], Sequence[T]]


def is_field_name(name: str) -> bool:
    return _FIELD_NAME.fullmatch(name) is not None


def names(call: Call, key: int | str) -> Texts:
    """The field names at *key*, in lower case.

    A name that cannot be one is no error, it matches nothing (RFC 5228 section 2.4.2.2): its
    writer is warned.
    """
    constant = call.constants(key)
    if constant is None:
        texts = call.texts(key)
        return lambda run: [name.lower() for name in texts(run)]
    for name in constant:
        if not is_field_name(name):
            hint = f': write "{name[:-1]}"' if is_field_name(name.removesuffix(":")) else ""
            call.warn(f'"{name}" is not the name of a header field and never matches{hint}')
    lower = tuple([name.lower() for name in constant])
    return lambda run: lower


def choice(call: Call) -> Choose[T]:
    """What ``:index`` and ``:last`` choose of the fields there are (RFC 5260 section 6)."""
    if not call.has("index"):
        if call.has("last"):
            call.wrong('":last" counts from the end: say which one with ":index 1"', "last")
        return lambda found: found
    index = call.number("index")
    if index < 1:
        call.wrong('":index" counts from 1', "index")
        return lambda found: found
    if call.has("last"):
        return lambda found: found[-index : len(found) - index + 1] if index <= len(found) else ()
    return lambda found: found[index - 1 : index]


def headers(call: Call) -> Callable[[Run], Iterator[Header]]:
    """The header of the message; with ``:mime``, of the part that foreverypart has come to, and
    with ``:anychild`` of all parts in it (RFC 5703 section 4)."""
    if not call.has("mime"):
        if call.has("anychild"):
            call.wrong('":anychild" looks into the parts that ":mime" names: add ":mime"')
        return lambda run: iter((run.letter.header,))
    return _of_all_parts if call.has("anychild") else _of_part


def _of_part(run: Run) -> Iterator[Header]:
    yield run.letter.header if run.part is None else run.letter.header_of(run.part)


def _of_all_parts(run: Run) -> Iterator[Header]:
    letter = run.letter
    for part in letter.within(letter.root if run.part is None else run.part):
        run.spend()
        yield letter.header_of(part)
