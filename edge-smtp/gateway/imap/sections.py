"""Which octets of a message a section names (RFC 9051 section 6.4.5.1).

Positions are those of what a client sees: the prefix of this recipient, then the blob.
"""

import re
from collections.abc import Callable, Sequence

from postroom.message.structure import Part

Span = tuple[int, int]  # first octet, one past the last

_FIELD = re.compile(rb"^[^\r\n].*(?:\n[ \t].*)*(?:\n|\Z)", re.MULTILINE)


def locate(root: Part, prefix: int, part: str, text: str) -> Span | None:
    """Return where the section lies, or None when the message has no such section.

    *prefix*: its length in octets. *text*: "" HEADER TEXT or MIME; a section of header fields
    is cut from its HEADER.
    """
    if not part:
        if text == "HEADER":
            return 0, prefix + root.body
        if text == "TEXT":
            return prefix + root.body, prefix + root.end
        return 0, prefix + root.end
    found = find_part(root, part)
    if found is None:
        return None
    if text == "MIME":
        # Part 1 of a message that is not a multipart has the header of the message.
        return (0 if found is root else prefix + found.header), prefix + found.body
    if not text:
        return prefix + found.body, prefix + found.end
    if found.media_type != "message" or not found.children:
        return None
    inner = found.children[0]
    if text == "HEADER":
        return prefix + inner.header, prefix + inner.body
    return prefix + inner.body, prefix + inner.end


def find_part(root: Part, part: str) -> Part | None:
    """Return the part with that number. For a message that is no multipart, its part 1 is
    the Part of the message itself: look at its body only."""
    node, is_message = root, True
    for number in map(int, part.split(".")):
        if not is_message and node.media_type == "message" and node.children:
            node, is_message = node.children[0], True
        if node.media_type == "multipart" and node.children:
            if number > len(node.children):
                return None
            node, is_message = node.children[number - 1], False
        elif is_message and number == 1:
            is_message = False
        else:
            return None
    return node


def fields_of(names: Sequence[bytes], others: bool) -> Callable[[bytes], bytes]:
    """Return what cuts the named header fields (or with *others* all but them) from a header.

    In their order, as they are, with the empty line that RFC 9051 wants at the end.
    """
    named = b"|".join(re.escape(name) for name in names)
    if others:
        is_named = re.compile(rb"(?:%b)[ \t]*:" % named, re.IGNORECASE)

        def cut_others(header: bytes) -> bytes:
            kept = [field for field in _FIELD.findall(header) if not is_named.match(field)]
            return _ended(kept)

        return cut_others
    field = re.compile(
        rb"^(?:%b)[ \t]*:.*(?:\n[ \t].*)*(?:\n|\Z)" % named, re.IGNORECASE | re.MULTILINE
    )
    return lambda header: _ended(field.findall(header))


def _ended(fields: list[bytes]) -> bytes:
    if fields and not fields[-1].endswith(b"\n"):
        fields.append(b"\r\n")
    fields.append(b"\r\n")
    return b"".join(fields)


def cut(span: Span, partial: Span | None) -> Span:
    """Apply ``<first.length>``: nothing is left of a section that ends before it."""
    if partial is None:
        return span
    start = min(span[0] + partial[0], span[1])
    return start, min(start + partial[1], span[1])
