"""Canonical forms of header fields and bodies (RFC 6376 section 3.4), fit for large messages.

Everything is done by searches and replacements over whole pieces, never line by line.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal, NamedTuple

from postroom.errors import BadSyntax

Form = Literal["simple", "relaxed"]

_CRLF = b"\r\n"
_PIECE = 4096  # empty lines hashed at a time
_EMPTY_LINES = _CRLF * _PIECE


class Canonicalization(NamedTuple):
    """The tag c= (RFC 6376 section 3.5)."""

    header: Form
    body: Form

    def __str__(self) -> str:
        return f"{self.header}/{self.body}"


RELAXED = Canonicalization("relaxed", "relaxed")


def parse_canonicalization(text: str) -> Canonicalization:
    """Read c=: "relaxed" alone means relaxed/simple, "" simple/simple. Raises BadSyntax."""
    header, _, body = text.partition("/")
    forms: dict[str, Form] = {"": "simple", "simple": "simple", "relaxed": "relaxed"}
    if header in forms and body in forms and not (text.endswith("/") or text.startswith("/")):
        return Canonicalization(forms[header], forms[body])
    raise BadSyntax("canonicalization", text.encode(), "RFC 6376 section 3.5")


def canonical_fields(fields: Sequence[bytes], form: Form) -> bytes:
    """The canonical forms of header fields (RFC 6376 sections 3.4.1 and 3.4.2), each with CRLF.

    *fields* as they stand, without the CRLF at their ends. Relaxed is a lower-case name, one line,
    single spaces, none around the colon nor at the end.
    """
    if form == "simple":
        return b"".join([field + _CRLF for field in fields])
    lines = []
    for field in fields:
        name, _, value = field.partition(b":")
        lines.append(name.rstrip(b" \t").lower() + b":" + value.strip(b" \t\r\n") + _CRLF)
    # What is left to do lies within values, so all can be done at once.
    text = b"".join(lines)
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    if b"\r\n " in text:
        text = text.replace(b"\r\n ", b" ")
    return _single_spaces(text)


class BodyHash:
    """SHA-256 of a body that comes in pieces of any size (RFC 6376 sections 3.4.3 and 3.4.4).

    Where a piece ends makes no difference. Keeps a few octets, however long a run of white space
    or of empty lines is.
    """

    def __init__(self, form: Form) -> None:
        self._relaxed = form == "relaxed"
        self._hash = hashlib.sha256()
        self._held = b""  # octets at a piece's end that the next one decides about
        self._empty_lines = 0  # that count only if something follows them
        self._is_empty = True

    def update(self, piece: bytes) -> None:
        if self._held:
            piece = self._held + piece
        self._held = b""
        # A CR may be half a line end; white space may be at the end of a line.
        if piece.endswith(b"\r"):
            piece, self._held = piece[:-1], b"\r"
        if self._relaxed:
            if piece.endswith((b" ", b"\t")):
                piece, self._held = piece.rstrip(b" \t"), b" " + self._held
            piece = _relaxed_lines(piece)
        text, empty_lines = _without_empty_lines(piece)
        if text:
            self._write_lines(self._empty_lines)
            self._hash.update(text)
            self._empty_lines = 0
            self._is_empty = False
        self._empty_lines += empty_lines

    def digest(self) -> bytes:
        """Take the end of the body as reached."""
        # White space at the end of the last line goes, also when that line has no CRLF; a CR
        # there is an octet as any other.
        if self._held.endswith(b"\r"):
            self._write_lines(self._empty_lines)
            self._hash.update(self._held)
            self._is_empty = False
        self._held = b""
        # "If there is no body [...] a CRLF is added" holds for simple only.
        if not self._is_empty or not self._relaxed:
            self._hash.update(_CRLF)
        return self._hash.digest()

    def _write_lines(self, count: int) -> None:
        while count > _PIECE:
            self._hash.update(_EMPTY_LINES)
            count -= _PIECE
        self._hash.update(_EMPTY_LINES[: 2 * count])


def _relaxed_lines(text: bytes) -> bytes:
    """Single spaces, none at the end of a line."""
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    text = _single_spaces(text)
    return text.replace(b" \r\n", _CRLF) if b" \r\n" in text else text


def _single_spaces(text: bytes) -> bytes:
    # Most text has no runs, and finding that out is a fraction of the work.
    while b"  " in text:  # each turn halves them
        text = text.replace(b"  ", b" ")
    return text


def _without_empty_lines(text: bytes) -> tuple[bytes, int]:
    """*text* without the CRLFs at its end, and how many there were."""
    tail = text[len(text.rstrip(_CRLF)) :]
    pairs = len(tail) // 2
    if tail != _CRLF * pairs:
        # Bare CRs and LFs among them, which are content: whole pairs follow the last of those.
        if tail.endswith(b"\r"):
            return text, 0
        start = max(tail.rfind(b"\n\n"), tail.rfind(b"\r\r")) + 1
        if tail.startswith(b"\n", start):
            start += 1
        pairs = (len(tail) - start) // 2
    return (text[: len(text) - 2 * pairs] if pairs else text), pairs
