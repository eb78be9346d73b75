"""Making a DKIM-Signature field (RFC 6376 sections 3.5, 3.7 and 5; RFC 8301; RFC 8463)."""

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from postroom.authentication.dkim.canonical import (
    RELAXED,
    BodyHash,
    Canonicalization,
    canonical_fields,
)
from postroom.authentication.dkim.header import select
from postroom.authentication.dkim.records import Algorithm
from postroom.message.downgrade import canonical

_WIDTH = 78  # columns of a line (RFC 5322 section 2.1.1)
_TAB = 8  # columns, of the white space that lines are continued with
_NAME = "DKIM-Signature"
_PIECE = 256 * 1024  # octets of the body made canonical at a time: what a core's cache holds


class SigningKey(Protocol):
    """A private key that is ready for use."""

    @property
    def selector(self) -> str: ...
    @property
    def algorithm(self) -> Algorithm: ...

    def sign(self, octets: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 over *octets*, or Ed25519 over their SHA-256."""


class Digested(NamedTuple):
    """A message as all its signatures need it."""

    canonicalization: Canonicalization
    names: tuple[str, ...]  # for h=
    fields: bytes  # the signed fields, canonical, each with its CRLF
    body_hash: bytes


def digest(message: bytes, canonicalization: Canonicalization = RELAXED) -> Digested:
    """Choose the fields to sign and hash the body. Bare CRs and LFs count as the line ends that
    they become on the way (RFC 6376 section 5.3)."""
    message = canonical(message)
    end = 0 if message.startswith(b"\r\n") else message.find(b"\r\n\r\n") + 2
    if end == 1:  # no empty line: all is header
        header, start = message, len(message)
    else:
        header, start = message[:end], end + 2
    body = BodyHash(canonicalization.body)
    for position in range(start, len(message), _PIECE):
        body.update(message[position : position + _PIECE])
    selection = select(header)
    return Digested(
        canonicalization,
        selection.names,
        canonical_fields(selection.fields, canonicalization.header),
        body.digest(),
    )


def signature_field(
    digested: Digested, domain: str, key: SigningKey, signed: int, expires: int = 0
) -> bytes:
    """The whole field, folded, with its CRLF. Times in seconds since 1970; *expires* 0: never.

    No l=: whoever adds to a body makes another message (RFC 6376 section 8.2).
    """
    tags = [
        "v=1;",
        f"a={key.algorithm};",
        f"c={digested.canonicalization};",
        f"d={domain};",
        f"s={key.selector};",
        f"t={signed};",
    ]
    if expires:
        tags.append(f"x={expires};")
    head = _folded(tags, len(_NAME) + 2)
    body_hash = base64.b64encode(digested.body_hash).decode()
    unsigned = (
        f"{_NAME}: {head}\r\n\t{_listed(digested.names)}\r\n\tbh={body_hash};\r\n\tb="
    ).encode()
    # The field itself is signed last, with an empty b= and without a CRLF (section 3.7).
    last = canonical_fields((unsigned,), digested.canonicalization.header)
    octets = digested.fields + last.removesuffix(b"\r\n")
    value = base64.b64encode(key.sign(octets))
    return unsigned + _wrapped(value) + b"\r\n"


def hashed(octets: bytes) -> bytes:
    """What Ed25519 signs (RFC 8463 section 3)."""
    return hashlib.sha256(octets).digest()


@lru_cache(maxsize=256)  # most messages of a day have one of a few sets of fields
def _listed(names: tuple[str, ...]) -> str:
    """h=, with white space where it may stand: before a colon."""
    return _folded([f"h={names[0]}", *(f":{name}" for name in names[1:])], _TAB, gap="") + ";"


def _folded(pieces: Sequence[str], column: int, gap: str = " ") -> str:
    """The pieces in lines of less than _WIDTH columns, as far as they are shorter themselves;
    the first line begins at *column*."""
    lines: list[str] = []
    line, width = pieces[0], _WIDTH - 1 - column
    for piece in pieces[1:]:
        if len(line) + len(gap) + len(piece) <= width:
            line += gap + piece
        else:
            lines.append(line)
            line, width = piece, _WIDTH - 1 - _TAB
    return "\r\n\t".join([*lines, line])


def _wrapped(value: bytes) -> bytes:
    first = _WIDTH - _TAB - len("b=")
    lines = [value[:first]]
    lines += [value[at : at + first + 2] for at in range(first, len(value), first + 2)]
    return b"\r\n\t".join(lines)
