"""The scripts beside this file, each below a line `### its name [@letter]`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_HEADING = re.compile(r"^### (.*)\n", re.MULTILINE)
_LETTER = re.compile(r" @(\w+)$")

SENDER = "sender@example.org"
RECIPIENT = "bob+box@example.test"


class Case(NamedTuple):
    name: str
    script: str
    letter: str  # a key of LETTERS


def cases() -> Iterator[Case]:
    for path in sorted(Path(__file__).parent.glob("*.sieve")):
        _, *pieces = _HEADING.split(path.read_text())
        for heading, script in zip(pieces[::2], pieces[1::2], strict=True):
            letter = _LETTER.search(heading)
            name = f"{path.stem}: {_LETTER.sub('', heading)}"
            yield Case(name, script, letter[1] if letter else "plain")
