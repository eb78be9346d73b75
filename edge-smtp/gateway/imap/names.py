"""Mailbox names on the wire: UTF-8, or modified UTF-7 for IMAP4rev1 (RFC 3501 section 5.1.3)."""

import binascii
import re
from functools import lru_cache

from postroom.errors import BadSyntax

_SHIFTED = re.compile(rb"&([^-&]*)-")
_LONGEST_NAME = 4096  # octets; names are cached, and nobody needs longer ones
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]+")


def decode_name(wire: bytes, utf8: bool) -> str:
    """Return the Unicode name. *utf8*: the session speaks IMAP4rev2 or UTF8=ACCEPT.

    A name with octets above 127 is UTF-8 in any session: clients send it so without ENABLE, and
    modified UTF-7 has no such octets. ``inbox`` in any case is ``INBOX``.
    """
    if len(wire) > _LONGEST_NAME:
        raise BadSyntax("mailbox name", wire, "of at most 4096 octets")
    if utf8 or not wire.isascii():
        try:
            name = wire.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadSyntax("mailbox name in UTF-8", wire, "RFC 9051 section 5.1") from error
    else:
        name = decode_utf7(wire)
    return "INBOX" if len(name) == 5 and name.upper() == "INBOX" else name


def encode_name(name: str, utf8: bool) -> bytes:
    """Return the name as octets, not quoted yet."""
    return name.encode("utf-8", "replace") if utf8 else encode_utf7(name)


def decode_utf7(wire: bytes) -> str:
    """Decode modified UTF-7. Only the one spelling that ``encode_utf7`` gives is accepted, as
    RFC 3501 section 5.1.3 demands: no shift that ends where the next begins, no printable ASCII
    in base64, no stray bits at the end."""
    if b"&" not in wire:
        return wire.decode("ascii")
    parts = []
    end = 0
    for match in _SHIFTED.finditer(wire):
        parts.append(wire[end : match.start()].decode("ascii"))
        parts.append(_unshift(match[1], wire))
        end = match.end()
    parts.append(wire[end:].decode("ascii"))
    name = "".join(parts)
    if encode_utf7(name) != wire:
        raise _bad(wire)
    return name


@lru_cache(maxsize=1024)
def encode_utf7(name: str) -> bytes:
    return _NOT_PRINTABLE.sub(_shift, name.replace("&", "&-")).encode("ascii")


def _shift(match: re.Match[str]) -> str:
    utf16 = match[0].encode("utf-16-be", "replace")
    base64 = binascii.b2a_base64(utf16, newline=False).rstrip(b"=").replace(b"/", b",")
    return "&" + base64.decode("ascii") + "-"


def _unshift(base64: bytes, wire: bytes) -> str:
    if not base64:
        return "&"
    if b"/" in base64 or b"=" in base64:
        raise _bad(wire)
    padded = base64.replace(b",", b"/") + b"=" * (-len(base64) % 4)
    try:
        return binascii.a2b_base64(padded, strict_mode=True).decode("utf-16-be")
    except ValueError as error:  # binascii.Error and UnicodeDecodeError
        raise _bad(wire) from error


def _bad(wire: bytes) -> BadSyntax:
    return BadSyntax("mailbox name in modified UTF-7", wire, "RFC 3501 section 5.1.3")
