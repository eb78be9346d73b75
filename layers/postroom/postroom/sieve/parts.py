"""The MIME parts of a message as scripts see them (RFC 5703), read when they are asked for."""

from collections.abc import Iterator
from functools import cached_property

from postroom.message import parameters
from postroom.message.decode import ENCODINGS, decoded_octets
from postroom.message.headers import unfold
from postroom.message.html import html_to_text
from postroom.message.scan import scan
from postroom.message.structure import Part
from postroom.message.words import charset_to_str, guess
from postroom.sieve.header import Header

# Octets of a text that scripts see. The message may be much longer than memory has room for: each
# character can take four octets, and a match makes another copy.
LONGEST = 8 << 20

_HTML = frozenset(("text/html", "application/xhtml+xml"))


class MimePart:
    """One part, immutable. Parts are the same only if they are the same object."""

    def __init__(self, text: bytes, part: Part, parent: "MimePart | None" = None) -> None:
        self.source = text
        self.part = part
        self.parent = parent

    @staticmethod
    def read(text: bytes, parent: "MimePart | None" = None) -> "MimePart":
        """The part that a text is the whole of; *parent* is what it lies in."""
        return MimePart(text, scan(text), parent)

    @property
    def media_type(self) -> str:
        """``type/subtype`` in lower case, ``/`` when it cannot be read."""
        return f"{self.part.media_type}/{self.part.subtype}"

    @cached_property
    def header(self) -> Header:
        return Header.of(self.source, self.part.header, self.part.body)

    @cached_property
    def children(self) -> "tuple[MimePart, ...]":
        return tuple([MimePart(self.source, child, self) for child in self.part.children])

    @property
    def boundary(self) -> bytes:
        """Of a multipart; empty when it has none."""
        for value in self.header.raw("content-type")[:1]:
            return parameters.parameter(parameters.content_type(value)[2], b"boundary")
        return b""

    @cached_property
    def content(self) -> tuple[str, ...]:
        """What ``body :content`` looks at (RFC 5173 section 5.2): prologue and epilogue of a
        multipart, the header of a message within, of all else the content as text."""
        part = self.part
        if part.media_type == "multipart":
            return self._around_children()
        if self.media_type in ("message/rfc822", "message/global") and self.children:
            return (guess(self.children[0].header.octets),)
        return (self._decoded(),)

    @cached_property
    def text(self) -> str | None:
        """Text for people, without mark-up (RFC 5173 section 5.3). None when it is none, or its
        transfer encoding is not known."""
        is_html = self.media_type in _HTML
        if not (is_html or self.part.media_type == "text") or self.part.encoding not in ENCODINGS:
            return None
        return html_to_text(self._decoded()) if is_html else self._decoded()

    def _decoded(self) -> str:
        octets = decoded_octets(self.source, self.part, LONGEST)
        return charset_to_str(octets, self.part.charset) if self.part.charset else guess(octets)

    def _around_children(self) -> tuple[str, ...]:
        text, part = self.source, self.part
        if not part.children:
            return (guess(text[part.body : part.end][:LONGEST]),)
        # The line that ends where the first child begins is its boundary, and the line end before
        # that belongs to it (RFC 2046 section 5.1.1).
        boundary = text.rfind(b"\n", part.body, part.children[0].header - 1) + 1
        prologue = text[part.body : boundary].removesuffix(b"\n").removesuffix(b"\r")
        closing = text.find(b"\n--", part.children[-1].end - 1, part.end)
        line_end = text.find(b"\n", closing + 1, part.end) if closing >= 0 else -1
        epilogue = text[line_end + 1 : part.end] if line_end >= 0 else b""
        return guess(prologue[:LONGEST]), guess(epilogue[:LONGEST])


def structured(name: str, raw: bytes) -> tuple[str, str, parameters.Parameters] | None:
    """Type, subtype and parameters of a MIME field (RFC 5703 section 4.1); None when unreadable.

    Content-Disposition has no subtype; other fields have neither, but may have parameters.
    """
    value = unfold(raw)
    if name == "content-type":
        media_type, subtype, found = parameters.content_type(value)
        if not subtype:
            return None
        return guess(media_type), guess(subtype), found
    kind, found = parameters.disposition(value)
    if name == "content-disposition":
        return (guess(kind), "", found) if kind else None
    return "", "", found


def walk(part: MimePart) -> Iterator[MimePart]:
    """A part and all within it, depth first."""
    waiting = [part]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += reversed(part.children)
