"""One question about one message, asked of the engine; and what an edit made of a message."""

from postroom.sieve.actions import Discard, Keep
from tests.unit.sieve.worlds import TableWorld, actions

_REQUIRED = (
    "body comparator-i;ascii-numeric date editheader enclose encoded-character extracttext "
    "foreverypart index mime relational replace spamtestplus subaddress variables virustest"
)
REQUIRE = "require [{}];\n".format(", ".join(f'"{name}"' for name in _REQUIRED.split()))


def crlf(text: str) -> bytes:
    """A message written with line feeds."""
    return text.replace("\n", "\r\n").encode()


def holds(test: str, message: bytes, world: TableWorld | None = None, before: str = "") -> bool:
    """Whether a test is true of a message."""
    script = f"{REQUIRE}{before}\nif {test} {{ discard; }}"
    return actions(script, letter=message, world=world) == (Discard(),)


def edited(script: str, message: bytes) -> bytes:
    """The message that is kept after a script."""
    (kept,) = actions(REQUIRE + script, letter=message)
    assert isinstance(kept, Keep)
    return message if kept.message is None else kept.message


def values(expression: str, message: bytes, world: TableWorld | None = None) -> str:
    """What a test with ``:matches`` and the key ``*`` has found first."""
    script = f'{REQUIRE}if {expression} {{ addheader "X-Found" "${{0}}"; }}'
    (kept,) = actions(script, letter=message, world=world)
    assert isinstance(kept, Keep)
    assert kept.message is not None, expression
    line, _, _ = kept.message.partition(b"\r\n")
    return line.decode().removeprefix("X-Found: ")
