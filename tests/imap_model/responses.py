"""A response as a value (RFC 9051 section 7), written without a look at the server's own code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# A word ends at a space or parenthesis, but what stands in brackets belongs to it: BODY[TEXT].
_TOKEN = re.compile(
    rb'(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\]|\\.)*)"|~?\{(?P<size>\d+)\}\r\n'
    rb"|(?P<word>(?:[^\s()\[\]]|\[[^\]]*\])+)|(?P<space>\s+)"
)
_CODE = re.compile(rb"\[([^\]]*)\] ?")


@dataclass
class Response:
    """``tag``: ``*``, ``+`` or a command's. ``name``: in capitals. ``values``: words as octets,
    lists as lists, what follows the name. ``code``: what stood in brackets, as words."""

    tag: bytes
    name: bytes
    number: int = 0
    values: list[Any] = field(default_factory=list)
    code: list[bytes] = field(default_factory=list)
    octets: bytes = b""

    def items(self) -> dict[bytes, Any]:
        """What a FETCH response tells, by item."""
        found = self.values[0]
        return dict(zip((name.upper() for name in found[::2]), found[1::2], strict=True))


def read_response(octets: bytes) -> Response:
    tag, _, rest = octets.removesuffix(b"\r\n").partition(b" ")
    if tag == b"+":
        return Response(tag, b"", octets=octets)
    first, _, after = rest.partition(b" ")
    number = 0
    if first.isdigit():
        number, rest = int(first), after
        first, _, after = rest.partition(b" ")
    response = Response(tag, first.upper(), number, octets=octets)
    if response.name in (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"):
        if code := _CODE.match(after):
            response.code = code[1].split(b" ")
    else:
        response.values = _values(_tokens(after))
    return response


def _tokens(octets: bytes) -> Iterator[tuple[str, bytes]]:
    place = 0
    while place < len(octets):
        match = _TOKEN.match(octets, place)
        assert match is not None, octets[place : place + 80]
        place = match.end()
        kind = match.lastgroup
        assert kind is not None
        if kind == "size":
            end = place + int(match["size"])
            yield "quoted", octets[place:end]
            place = end
        elif kind != "space":
            yield kind, match[kind]


def _values(tokens: Iterator[tuple[str, bytes]]) -> list[Any]:
    found: list[Any] = []
    for kind, text in tokens:
        if kind == "close":
            break
        found.append(_values(tokens) if kind == "open" else text)
    return found


def uid_set(text: bytes) -> list[int]:
    """``1:3,7`` in the order given, each once."""
    found: list[int] = []
    for part in text.split(b","):
        first, _, last = part.partition(b":")
        low, high = sorted((int(first), int(last or first)))
        found += range(low, high + 1)
    return found


def render(numbers: list[int]) -> str:
    """Numbers as a set, those in a row as a range."""
    parts: list[str] = []
    start = previous = 0
    for number in [*sorted(numbers), 0]:
        if previous and number != previous + 1:
            parts.append(f"{start}:{previous}" if previous > start else str(start))
            start = number
        start = start or number
        previous = number
    return ",".join(parts)
