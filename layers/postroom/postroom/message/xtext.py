"""Addresses and envelope ids as DSN parameters carry them (RFC 3461 section 4, RFC 6533 section 3).

Values are text; who made them may be anyone.
"""

import re
from typing import NamedTuple

from postroom.errors import BadSyntax
from postroom.message.words import guess

LONGEST = 2000  # characters read; ORCPT may have 500, ENVID 100 (RFC 3461 sections 4.2 and 4.4)
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEXCHAR = re.compile(rb"\+([0-9A-F]{2})")
_TYPE = re.compile(r"[A-Za-z0-9.+_-]{1,40}")
_EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_TO_EMBED = re.compile(r"[^!-*,-<>-\[\]-~]")  # all but QCHAR


class Typed(NamedTuple):
    """A value with the name of its syntax, as ``rfc822; bob@example.test`` has both."""

    kind: str  # lower case: "rfc822", "utf-8", "dns", "smtp"
    value: str


def decode_xtext(text: str) -> str:
    """``a+2Bb`` means ``a+b``. Raises BadSyntax."""
    if len(text) > LONGEST or _XTEXT.fullmatch(text) is None:
        raise BadSyntax("xtext", text.encode("utf-8", "replace"), "RFC 3461 section 4")
    octets = _HEXCHAR.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode())
    return guess(octets)


def parse_original_recipient(text: str) -> Typed:
    """Decode the value of ORCPT: ``rfc822;bob+2Bx@example.test``. Raises BadSyntax."""
    kind, semicolon, value = text.partition(";")
    if not semicolon or _TYPE.fullmatch(kind) is None or not value:
        raise BadSyntax("ORCPT value", text.encode("utf-8", "replace"), "RFC 3461 section 4.2")
    if kind.lower() == "utf-8":
        return Typed("utf-8", decode_unitext(value))
    return Typed(kind.lower(), decode_xtext(value))


def decode_unitext(text: str) -> str:
    r"""``j\x{FC}rgen`` means ``jürgen`` (RFC 6533 section 3); what is no such form stays."""

    def character(found: re.Match[str]) -> str:
        code = int(found[1], 16)
        is_character = code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
        return chr(code) if is_character else found[0]

    return _EMBEDDED.sub(character, text)


def encode_unitext(address: str) -> str:
    """The form of an address of type utf-8 that is pure ASCII (RFC 6533, utf-8-addr-xtext)."""
    return _TO_EMBED.sub(lambda found: f"\\x{{{ord(found[0]):02X}}}", address)
