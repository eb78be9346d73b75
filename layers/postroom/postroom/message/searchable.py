"""What is searched of a message, and what it is compared with: the same for a search that reads
messages and for an index of them, so that both find the same.

Texts are compared as the collation ``casemap`` has them, in UTF-8, as substrings: a search for
octets finds exactly what a search for characters would. NUL stands between the pieces and occurs
in none, so that nothing is found across them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from postroom.message.collation import casemap
from postroom.message.decode import decoded_text
from postroom.message.headers import end_of_header, pairs, unfold
from postroom.message.structure import Part
from postroom.message.words import decode_words

# Octets of a header, and octets of text parts as they are encoded, that are looked at: a text
# grows up to eighteenfold when it is decomposed.
LONGEST = 4 * 1024 * 1024
_BETWEEN = b"\x00"


@dataclass(frozen=True, slots=True)
class Needle:
    """What is looked for: in the header, in the texts, in either, or in one field of the header.

    ``field`` is its name in capitals; a text of no octets is in every field of the name.
    """

    text: bytes  # as ``folded`` makes it
    in_header: bool = False
    in_body: bool = False
    field: bytes | None = None

    @property
    def mark(self) -> bytes:
        """What stands before a value of the field in a header as ``header_text`` returns it."""
        return _BETWEEN + (self.field or b"") + b": "

    def is_in_header(self, header: bytes) -> bool:
        """*header* as ``header_text`` returns it."""
        if self.field is None:
            return self.text in header
        return any(self.text in value for value in self._values(header))

    def is_in_body(self, body: bytes) -> bool:
        """*body* as ``body_text`` returns it."""
        return self.text in body

    def _values(self, header: bytes) -> Iterator[bytes]:
        mark = self.mark
        at = header.find(mark)
        while at >= 0:
            start = at + len(mark)
            at = header.find(_BETWEEN, start)
            yield header[start:at]
            at = header.find(mark, at)


def anywhere(text: str) -> Needle:
    """SEARCH TEXT (RFC 9051 section 6.4.4)."""
    return Needle(folded(text), in_header=True, in_body=True)


def in_body(text: str) -> Needle:
    """SEARCH BODY."""
    return Needle(folded(text), in_body=True)


def in_field(name: str, text: str) -> Needle:
    """SEARCH HEADER, and FROM, TO, CC, BCC, SUBJECT."""
    # A name with a colon is no name, and would be taken for one with the start of its value.
    field = name.encode("ascii", "replace").upper().replace(b":", _BETWEEN)
    return Needle(folded(text), in_header=True, field=field)


def folded(text: str) -> bytes:
    """A text as it is compared."""
    # What UTF-8 cannot write is "?", and NUL the sign for what cannot be read.
    return casemap(text).replace("\x00", "\ufffd").encode("utf-8", "replace")


def header_text(prefix: bytes, blob: bytes) -> bytes:
    """All fields as ``NAME: value``, unfolded and decoded, each between two NULs."""
    header = prefix + blob[: min(end_of_header(blob), LONGEST)]
    lines = [
        name.upper().decode("latin-1").replace("\x00", "\ufffd").encode()
        + b": "
        + folded(decode_words(unfold(value)))
        for name, value in pairs(header)
        if name
    ]
    return _BETWEEN + _BETWEEN.join(lines) + _BETWEEN


def body_text(blob: bytes, root: Part) -> bytes:
    """The text parts, attached ones too, decoded, HTML as it is shown; headers of messages inside.

    Of a multipart without parts its text.
    """
    return _BETWEEN.join(_texts(blob, root))


def _texts(blob: bytes, root: Part) -> Iterator[bytes]:
    waiting = [root]
    left = LONGEST
    while waiting and left > 0:
        part = waiting.pop()
        if part.children:
            if part.media_type == "message":
                inner = part.children[0]
                header = blob[inner.header : min(inner.body, inner.header + left)]
                left -= len(header)
                yield folded(decode_words(unfold(header)))
            waiting.extend(reversed(part.children))
        elif part.media_type in ("text", "multipart"):
            limit, left = left, left - (part.end - part.body)
            yield folded(decoded_text(blob, part, limit))
