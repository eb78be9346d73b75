"""Summaries as they are stored: small, and the parts asked for most at fixed places.

    format (1 octet) | octets of ENVELOPE (4) | octets of BODYSTRUCTURE (4) | ENVELOPE |
    rest = BODYSTRUCTURE | details as a MessagePack array, the rest deflated in format 2

BODY is BODYSTRUCTURE without its extension data and is made of it when asked for; the parts are
stored as one flat array. A table bills by the KB, so what is over one KB is deflated, all but the
ENVELOPE, when that saves something.
"""

import struct
import zlib
from typing import Any

import msgspec

from postroom.message.bodystructure import without_extensions
from postroom.message.structure import Part

_HEAD = struct.Struct("<BII")
_PLAIN, _DEFLATED = 1, 2
_SMALL = 1024
_WINDOW, _MEMORY = 12, 5  # 4 KiB: to clear zlib's usual 256 KiB takes longer than to deflate

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_USUAL = ["text", "plain", "", "7bit", "", ""]


def encode(envelope: bytes, body_structure: bytes, details: tuple[Any, ...]) -> bytes:
    """Put the pieces together; *details* are whatever MessagePack takes."""
    rest = body_structure + _encode(details)
    form = _PLAIN
    if _HEAD.size + len(envelope) + len(rest) > _SMALL:
        deflater = zlib.compressobj(6, zlib.DEFLATED, _WINDOW, _MEMORY)
        deflated = deflater.compress(rest) + deflater.flush()
        if len(deflated) < len(rest):
            form, rest = _DEFLATED, deflated
    return _HEAD.pack(form, len(envelope), len(body_structure)) + envelope + rest


def envelope_of(encoded: bytes) -> bytes:
    """Return ENVELOPE of an encoded summary."""
    return encoded[9 : 9 + int.from_bytes(encoded[1:5], "little")]


def body_structure_of(encoded: bytes) -> bytes:
    """Return BODYSTRUCTURE of an encoded summary."""
    _, envelope, length = _HEAD.unpack_from(encoded)
    if encoded[0] == _PLAIN:
        return encoded[9 + envelope : 9 + envelope + length]
    return zlib.decompressobj().decompress(encoded[9 + envelope :], length)


def body_of(encoded: bytes) -> bytes:
    """Return BODY of an encoded summary."""
    return without_extensions(body_structure_of(encoded))


def structure_of(encoded: bytes) -> Part:
    """Return where the parts lie, from an encoded summary."""
    return unflatten(details_of(encoded)[1])


def details_of(encoded: bytes) -> list[Any]:
    """Return the details as ``encode`` was given them."""
    form, envelope, length = _HEAD.unpack_from(encoded)
    rest = encoded[9 + envelope :]
    if form == _DEFLATED:
        rest = zlib.decompress(rest)
    details: list[Any] = _decode(memoryview(rest)[length:])
    return details


def flatten(part: Part) -> list[Any]:
    """Return a tree of parts as one array: what differs from a plain text part, then children."""
    offsets = [part.header, part.body - part.header, part.end - part.body, part.lines]
    texts = [
        part.media_type,
        part.subtype,
        part.charset,
        part.encoding,
        part.filename,
        part.disposition,
    ]
    while texts and texts[-1] == _USUAL[len(texts) - 1]:
        texts.pop()
    return [*offsets, [flatten(child) for child in part.children], *texts]


def unflatten(array: list[Any], number: str = "") -> Part:
    """Return the tree of parts that ``flatten`` made an array of."""
    header, to_body, to_end, lines, children, *written = array
    texts = [*written, *_USUAL[len(written) :]]
    prefix = number + "." if number else ""
    within = tuple(
        [
            unflatten(child, prefix + str(position) if texts[0] == "multipart" else number)
            for position, child in enumerate(children, 1)
        ]
    )
    body = header + to_body
    media_type, subtype, charset, encoding, filename, disposition = texts
    return Part(
        number,
        header,
        body,
        body + to_end,
        lines,
        media_type,
        subtype,
        charset,
        encoding,
        filename,
        disposition,
        within,
    )
