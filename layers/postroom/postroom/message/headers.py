"""Header fields over raw octets (RFC 5322 section 2.2; RFC 9051 section 6.4.5.1).

Nothing here alters an octet: a field knows where it lies, and its value is unfolded on request.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

# The name, the colon (a line without one is a field with an empty value) and the folded value.
# Each alternative starts with another octet, so that the match is linear.
_FIELD = re.compile(rb"([^:\n]*)(?::([^\n]*(?:\n[ \t][^\n]*)*)|(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
_END_OF_HEADER = re.compile(rb"\n\r?\n")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field. Offsets count from the first octet of the header."""

    name: str  # as written
    start: int
    end: int  # one past its last line end
    value: bytes  # unfolded (RFC 5322 section 2.2.3), without white space around it


def fields(header: bytes) -> list[Field]:
    """Return the fields of a header in their order. It may end with its empty line."""
    found = []
    for match in _FIELD.finditer(header):
        name = match[1].strip()
        if name:
            value = unfold(match[2] or b"")
            found.append(
                Field(name.decode("utf-8", "surrogateescape"), match.start(), match.end(), value)
            )
    return found


def pairs(header: bytes) -> list[tuple[bytes, bytes]]:
    """Return (lower case name, raw value) of each field: the quick way for whole headers.

    The value still has its folds. An empty line gives a pair with an empty name.
    """
    return [(name.rstrip().lower(), value) for name, value in _FIELD.findall(header)]


def unfold(value: bytes) -> bytes:
    """Take out the line ends of folded lines (RFC 5322 section 2.2.3) and trim the value."""
    if b"\n" in value:
        value = _FOLD.sub(b"", value)
    return value.strip(b" \t\r\n")


def end_of_header(message: bytes, start: int = 0, limit: int | None = None) -> int:
    """Return the offset of the body: one past the empty line, or *limit* when there is none."""
    limit = len(message) if limit is None else limit
    if message.startswith(b"\n", start, limit):
        return start + 1
    if message.startswith(b"\r\n", start, limit):
        return start + 2
    match = _END_OF_HEADER.search(message, start, limit)
    return match.end() if match else limit


def header_fields(header: bytes, names: Collection[str], exclude: bool = False) -> bytes:
    """Return the fields of these names (or all but these), exact octets and an empty line.

    RFC 9051 section 6.4.5.1, HEADER.FIELDS and HEADER.FIELDS.NOT: names match without regard
    to case, the order is the message's, the empty line at the end is always there.
    """
    wanted = {name.encode("utf-8", "surrogateescape").lower() for name in names}
    chosen = bytearray()
    for match in _FIELD.finditer(header):
        name = match[1].strip().lower()
        if name and (name in wanted) != exclude:
            chosen += match[0]
    if chosen and not chosen.endswith(b"\n"):
        chosen += b"\r\n"
    bare = chosen.endswith(b"\n") and not chosen.endswith(b"\r\n")
    return bytes(chosen) + (b"\n" if bare else b"\r\n")
