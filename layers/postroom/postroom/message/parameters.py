"""Structured MIME fields: a value and its parameters (RFC 2045 section 5.1, RFC 2231).

Tolerant as mail in the wild needs it, and in agreement with Dovecot 2.3 about the odd cases,
except where ``_rejoin`` says otherwise.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from postroom.message.headers import unfold
from postroom.message.words import charset_to_str, decode_words, guess

_TOKEN = rb"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+"
_TYPE = re.compile(
    rb"[ \t\r\n]*(%b)[ \t\r\n]*(?:/[ \t\r\n]*(%b)[ \t\r\n]*)?(?:;|\Z)" % ((_TOKEN,) * 2)
)
_VALUE = re.compile(rb"[ \t\r\n]*(%b)" % _TOKEN)
_PARAMETER = re.compile(
    rb";[ \t\r\n]*(%b)[ \t\r\n]*=[ \t\r\n]*(?:\"((?:[^\"\\]|\\.)*)|([^;\s\"]*))" % _TOKEN, re.DOTALL
)
QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_FOLD = re.compile(rb"\r?\n[ \t]*|\r")
_CONTINUED = re.compile(rb"([^*]+)\*(?:([0-9]{1,9})(\*?))?")
_COMMENT_OR_STRING = re.compile(rb"[()\"\\]")

Parameters = list[tuple[bytes, bytes]]


def content_type(value: bytes) -> tuple[bytes, bytes, Parameters]:
    """Return type, subtype (both as written) and parameters; empty strings when unreadable."""
    if b"(" in value:
        value = without_comments(value)
    match = _TYPE.match(value)
    if match is None:
        return b"", b"", []
    rest = value[match.end() - 1 :]
    return match[1], match[2] or b"", _rejoin(list(_parameters(rest))) if b";" in rest else []


def disposition(value: bytes) -> tuple[bytes, Parameters]:
    """Return the disposition as written and its parameters (RFC 2183)."""
    if b"(" in value:
        value = without_comments(value)
    match = _VALUE.match(value)
    rest = value[match.end() :] if match else value
    return match[1] if match else b"", _rejoin(list(_parameters(rest))) if b";" in rest else []


def token(value: bytes) -> bytes:
    """Return the first token of a value such as Content-Transfer-Encoding."""
    if b"(" in value:
        value = without_comments(value)
    match = _VALUE.match(value)
    return match[1] if match else b""


def languages(value: bytes) -> list[bytes]:
    """Return the tags of a Content-Language field (RFC 3282)."""
    if b"(" in value:
        value = without_comments(value)
    return [tag for item in value.split(b",") if (tag := token(item))]


def parameter(parameters: Parameters, name: bytes) -> bytes:
    """Return the first parameter of this (lower case) name as written, empty when none."""
    for key, value in parameters:
        if key.lower() == name:
            return value
    return b""


def has(parameters: Parameters, name: bytes) -> bool:
    """Tell whether there is a parameter of this (lower case) name, empty ones included."""
    return any(key.lower() == name for key, _ in parameters)


def decoded(parameters: Parameters, name: bytes) -> str:
    """Return a parameter as text: RFC 2231 if it is so encoded, else RFC 2047 as many write it."""
    extended = parameter(parameters, name + b"*")
    if extended:
        charset, mark, rest = extended.partition(b"'")
        if mark:
            text = unquote_to_bytes(rest.partition(b"'")[2])
            return charset_to_str(text, charset.decode("latin-1"))
        return guess(unquote_to_bytes(extended))
    return decode_words(parameter(parameters, name))


def without_comments(value: bytes) -> bytes:
    """Replace each comment (RFC 5322 section 3.2.2) by a space, outside quoted strings only."""
    kept = []
    depth = start = position = 0
    quoted = False
    while match := _COMMENT_OR_STRING.search(value, position):
        position = match.end()
        sign = match[0]
        if sign == b"\\":
            position += 1
        elif sign == b'"':
            quoted ^= not depth
        elif quoted:
            continue
        elif sign == b"(":
            if not depth:
                kept.append(value[start : match.start()])
            depth += 1
        elif depth:
            depth -= 1
            start = position
    if not depth:
        kept.append(value[start:])
    return b" ".join(kept)


def _parameters(rest: bytes) -> Iterator[tuple[bytes, bytes]]:
    for match in _PARAMETER.finditer(rest):
        name, quoted, bare = match.groups()
        if quoted is None:
            yield name, bare
            continue
        if b"\n" in quoted or b"\r" in quoted:
            quoted = unfold(_FOLD.sub(b" ", quoted))
        if b"\\" in quoted:
            quoted = QUOTED_PAIR.sub(rb"\1", quoted)
        yield name, quoted


def _rejoin(parameters: Parameters) -> Parameters:
    """Put continued parameters together (RFC 2231 section 3).

    As Dovecot does: ordinary parameters first, continued ones sorted by name; an encoded one
    stays encoded and keeps the star after its name, so that a client decodes the charset. A gap
    in the numbers leaves the pieces as they were written. Dovecot 2.3.19 numbers ``name*=`` after
    the piece before it and then finds a gap; here it stands alone, as RFC 2231 section 4 has it.
    """
    if not any(b"*" in name for name, _ in parameters):
        return parameters
    ordinary: Parameters = []
    continued: dict[bytes, list[tuple[int, bytes, bytes, bytes]]] = {}
    for name, value in parameters:
        match = _CONTINUED.fullmatch(name)
        if match is None:
            ordinary.append((name, value))
            continue
        number = int(match[2] or 0)
        star = b"*" if match[3] is None else match[3]
        continued.setdefault(match[1].lower(), []).append((number, match[1], star, value))
    for _, pieces in sorted(continued.items()):
        pieces.sort(key=lambda piece: piece[0])
        name = pieces[0][1]
        encoded = any(star for _, _, star, _ in pieces)
        if [number for number, *_ in pieces] != list(range(len(pieces))):
            ordinary += [
                (b"%b*%d%b" % (key, number, star), value) for number, key, star, value in pieces
            ]
        elif encoded:
            whole = b"".join(
                value if star else value.replace(b"%", b"%25") for _, _, star, value in pieces
            )
            ordinary.append((name + b"*", whole))
        else:
            ordinary.append((name, b"".join(value for *_, value in pieces)))
    return ordinary
