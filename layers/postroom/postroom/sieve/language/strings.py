"""What a string of a script stands for: encoded characters (RFC 5228 section 2.4.2.4), then
variables (RFC 5229 section 3)."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from postroom.sieve.language.definitions import Text
from postroom.sieve.run import Run

MOST_CAPTURES = 32  # RFC 5229 section 6 asks for 9
LONGEST_NAME = 64  # RFC 5229 section 6 asks for 32

_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
VARIABLE_NAME = re.compile(
    rf"(?P<namespace>(?:{_IDENTIFIER}\.)(?:(?:[0-9]+|{_IDENTIFIER})\.)*)?"
    rf"(?P<name>[0-9]+|{_IDENTIFIER})"
)
_REFERENCE = re.compile(r"\$\{([A-Za-z0-9_.]+)\}")
_BLANK = r"(?:[ \t]|\r\n)"
_ENCODED = re.compile(
    rf"\$\{{(?:hex:({_BLANK}*+[0-9A-F]{{1,2}}(?:{_BLANK}++[0-9A-F]{{1,2}})*+{_BLANK}*+)"
    rf"|unicode:({_BLANK}*+[0-9A-F]+(?:{_BLANK}++[0-9A-F]+)*+{_BLANK}*+))\}}",
    re.IGNORECASE,
)
_A_STEP = 256  # characters put together


class BadString(Exception):
    """A string of a script that stands for nothing."""


@dataclass(frozen=True, slots=True)
class Template:
    """A string: ``constant`` when it is the same in every run, else None."""

    constant: str | None
    text: Text


def template(written: str, required: Collection[str]) -> Template:
    """Compile a string, with the extensions in force. Raises BadString."""
    if "$" in written:
        if "encoded-character" in required:
            written = _decoded(written)
        if "variables" in required:
            pieces = list(_pieces(written, "include" in required))
            if any(not isinstance(piece, str) for piece in pieces):
                return Template(None, _filled(pieces))
    return Template(written, lambda run: written)


def variable(name: str, includes: bool) -> str:
    """The name as `Run.variables` has it. Raises BadString for those that cannot be set."""
    match = VARIABLE_NAME.fullmatch(name)
    if match is None or match["name"].isdigit():
        raise BadString(f'"{name[:80]}" cannot be the name of a variable')
    if len(match["name"]) > LONGEST_NAME:
        raise BadString(f"the name of a variable cannot be longer than {LONGEST_NAME} characters")
    _check_namespace(match["namespace"], includes)
    return name.lower()


def _check_namespace(namespace: str | None, includes: bool) -> None:
    if namespace is None:
        return
    if namespace.lower() == "global.":
        if not includes:
            raise BadString('variables of "global" need require "include"; at the top')
    else:
        raise BadString(f'there are no variables of a namespace "{namespace[:80].rstrip(".")}"')


def _pieces(written: str, includes: bool) -> "list[str | Text]":
    pieces: list[str | Text] = []
    start = 0
    for found in _REFERENCE.finditer(written):
        match = VARIABLE_NAME.fullmatch(found[1])
        if match is None:
            continue  # stays as it is
        if match["name"].isdigit() and match["namespace"] is None:
            value = _capture(match["name"])
        else:
            value = _variable(variable(found[1], includes))
        if found.start() > start:
            pieces.append(written[start : found.start()])
        pieces.append(value)
        start = found.end()
    if start < len(written):
        pieces.append(written[start:])
    return pieces


def _variable(name: str) -> Text:
    return lambda run: run.variables.get(name, "")


def _capture(digits: str) -> Text:
    digits = digits.lstrip("0") or "0"
    if len(digits) > 2 or int(digits) > MOST_CAPTURES:
        raise BadString(f"${{{digits[:20]}}} cannot be: ${{{MOST_CAPTURES}}} is the last")
    index = int(digits)

    def text(run: Run) -> str:
        captures = run.captures
        return captures[index] if index < len(captures) else ""

    return text


def _filled(pieces: "list[str | Text]") -> Text:
    """The pieces put together when the script runs, cut at the limit (RFC 5229 section 6)."""
    texts: list[Callable[[Run], str]] = [_same(p) if isinstance(p, str) else p for p in pieces]
    if len(texts) == 1:
        (only,) = texts

        def one(run: Run) -> str:
            run.spend()
            return only(run)

        return one

    def text(run: Run) -> str:
        found = []
        room = run.limits.string
        for piece in texts:
            part = piece(run)
            found.append(part)
            room -= len(part)
            if room < 0:
                break
        filled = "".join(found)[: run.limits.string]
        run.spend(1 + len(found) // 8 + len(filled) // _A_STEP)
        return filled

    return text


def _same(text: str) -> Text:
    return lambda run: text


def _decoded(written: str) -> str:
    """With the octets and characters that hexadecimal numbers stand for. Octets that are no
    UTF-8 in the end become U+FFFD."""
    if _ENCODED.search(written) is None:
        return written
    octets = []
    start = 0
    for found in _ENCODED.finditer(written):
        octets.append(written[start : found.start()].encode())
        if found[1] is not None:
            octets.append(bytes(int(pair, 16) for pair in found[1].split()))
        else:
            octets += [_character(digits).encode() for digits in found[2].split()]
        start = found.end()
    octets.append(written[start:].encode())
    return b"".join(octets).decode("utf-8", "replace")


def _character(digits: str) -> str:
    code = int(digits.lstrip("0")[:7] or "0", 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise BadString(f"U+{digits[:20].upper()} is no character of Unicode")
    return chr(code)
