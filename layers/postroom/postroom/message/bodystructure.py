"""IMAP BODYSTRUCTURE and BODY (RFC 9051 section 7.5.2, RFC 3501 section 7.4.2), as octets to send.

Where this differs from Dovecot 2.3 on purpose: octets are counted as stored, also when lines end
in a bare LF; message/global has an envelope and a structure, as RFC 9051 says.
"""

import re

from postroom.message import parameters
from postroom.message.entity import Entity
from postroom.message.envelope import Fields, envelope
from postroom.message.imap_strings import nstring, string
from postroom.message.parameters import Parameters

_TOKEN = re.compile(rb" |\(|\)|\"(?:[^\"\\]|\\.)*\"|\{([0-9]+)\}\r\n|[^ ()\"{]+")
_EMPTY = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)'


def body_structure(entity: Entity) -> bytes:
    """Return BODYSTRUCTURE."""
    if entity.is_multipart:
        return _multipart(entity)
    parts = [
        string(entity.media_type),
        string(entity.subtype),
        _parameters(entity),
        nstring(entity.line_of(b"content-id")),
        nstring(entity.line_of(b"content-description")),
        string(entity.encoding),
        b"%d" % (entity.end - entity.body),
    ]
    if entity.type_key.startswith(b"text/"):
        parts.append(b"%d" % entity.lines)
    elif entity.is_message and entity.children:
        inner = entity.children[0]
        parts.append(envelope(Fields(inner)))
        parts.append(body_structure(inner))
        parts.append(b"%d" % entity.lines)
    parts.append(nstring(entity.line_of(b"content-md5")))
    parts += _extension(entity)
    return b"(" + b" ".join(parts) + b")"


def _multipart(entity: Entity) -> bytes:
    children = b"".join([body_structure(child) for child in entity.children])
    if not children:  # the grammar asks for one
        children = _EMPTY
    parts = [children, string(entity.subtype), _list(entity.parameters), *_extension(entity)]
    return b"(" + b" ".join(parts) + b")"


def _parameters(entity: Entity) -> bytes:
    found = entity.parameters
    if entity.media_type.lower() == b"text" and not parameters.has(found, b"charset"):
        return _list([*found, (b"charset", b"us-ascii")])
    return _list(found)


def _extension(entity: Entity) -> list[bytes]:
    """Return disposition, language and location."""
    disposition = b"NIL"
    if entity.disposition is not None:
        kind, details = entity.disposition
        disposition = b"(%b %b)" % (string(kind), _list(details))
    tags = parameters.languages(entity.first(b"content-language") or b"")
    language = b"(%b)" % b" ".join([string(tag) for tag in tags]) if tags else b"NIL"
    return [disposition, language, nstring(entity.line_of(b"content-location"))]


def _list(found: Parameters) -> bytes:
    if not found:
        return b"NIL"
    return b"(%b)" % b" ".join([string(name) + b" " + string(value) for name, value in found])


def without_extensions(structure: bytes) -> bytes:
    """Return BODY, made of a BODYSTRUCTURE that ``body_structure`` returned."""
    written = bytearray()
    _Shortener(structure, written).body(0)
    return bytes(written)


class _Shortener:
    """Copies a BODYSTRUCTURE but for its extension data; each octet is looked at once."""

    def __init__(self, structure: bytes, written: bytearray) -> None:
        self._structure = structure
        self._written = written

    def body(self, start: int) -> int:
        """Copy the body that begins at *start*; return the offset of what follows."""
        structure = self._structure
        self._written += b"("
        at = start + 1
        if structure.startswith(b"(", at):
            while structure.startswith(b"(", at):
                at = self.body(at)
            at = self._copy(at, 2)  # a space and the subtype
        else:
            media_type = structure[at : at + 7].lower()
            at = self._copy(at, 13)  # seven values and the spaces between them
            if media_type.startswith(b'"text"'):
                at = self._copy(at, 2)
            elif structure.startswith(b" (", at):  # no extension data begins so: an envelope
                at = self._copy(at, 3)
                at = self.body(at)
                at = self._copy(at, 2)
        self._written += b")"
        while structure[at] != 41:
            at = self._end_of_value(at)
        return at + 1

    def _copy(self, start: int, values: int) -> int:
        at = start
        for _ in range(values):
            at = self._end_of_value(at)
        self._written += self._structure[start:at]
        return at

    def _end_of_value(self, at: int) -> int:
        """Return where the value (or the one space) at an offset ends, lists as a whole."""
        depth = 0
        while True:
            match = _TOKEN.match(self._structure, at)
            if match is None:
                return len(self._structure)
            at = match.end() + int(match[1] or 0)
            if match[0] == b"(":
                depth += 1
            elif match[0] == b")":
                depth -= 1
            if depth == 0:
                return at
