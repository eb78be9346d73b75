"""Which part of an address a test looks at (RFC 5228 section 2.7.4, RFC 5233)."""

import re
from collections.abc import Callable

from postroom.sieve.language.definitions import Call, Tag
from postroom.sieve.run import Run

EXTENSIONS = ("subaddress",)

PART_TAGS = (
    Tag("all", group="part"),
    Tag("localpart", group="part"),
    Tag("domain", group="part"),
    Tag("user", group="part", extension="subaddress"),
    Tag("detail", group="part", extension="subaddress"),
)

_ATOMS = r"[^\x00-\x20\x7f\"(),:;<>@\[\\\]]++"
_ADDRESS = re.compile(rf'({_ATOMS}|"(?:[^"\\]++|\\.)*+")@({_ATOMS}|\[[^\[\]]*+\])', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)

# None: there is no such part, and nothing matches it.
Part = Callable[[Run, str], str | None]


def address_part(call: Call) -> Part:
    """What a call asks for of a ``local@domain``. Of what is no address there is the whole only."""
    match call.chosen("part"):
        case "localpart":
            return lambda run, address: _local(address)
        case "domain":
            return lambda run, address: _domain(address)
        case "user":
            return _user
        case "detail":
            return _detail
    return lambda run, address: address


def is_address(text: str) -> bool:
    """Whether it has parts: dots may stand anywhere, as they do in addresses that are in use."""
    return _ADDRESS.fullmatch(text) is not None


def _local(address: str) -> str | None:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        return None
    local = match[1]
    return _QUOTED_PAIR.sub(r"\1", local[1:-1]) if local.startswith('"') else local


def _domain(address: str) -> str | None:
    match = _ADDRESS.fullmatch(address)
    return match and match[2]


def _user(run: Run, address: str) -> str | None:
    local = _local(address)
    return local if local is None else local[: _separator(run, local)]


def _detail(run: Run, address: str) -> str | None:
    """What follows the separator; empty if nothing does, None if there is no separator."""
    local = _local(address)
    if local is None:
        return None
    at = _separator(run, local)
    return local[at + 1 :] if at < len(local) else None


def _separator(run: Run, local: str) -> int:
    """Where the first one stands; the length if there is none."""
    places = [at for mark in run.envelope.separator if (at := local.find(mark)) >= 0]
    return min(places, default=len(local))
