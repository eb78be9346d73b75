"""Test valid_ext_list: whether there are such external lists (RFC 6134 section 2.8)."""

from postroom.sieve.language.definitions import Call, Definition, Shape, Test

EXTENSIONS = ("extlists",)

_URN = "urn:ietf:params:sieve:"


def list_name(written: str) -> str:
    """As the world knows it: ``:addrbook:default`` is short for a URN (RFC 6134)."""
    return written[len(_URN) - 1 :] if written[: len(_URN)].lower() == _URN else written


def _valid_ext_list(call: Call) -> Test:
    names = call.texts(0)
    return lambda run: all(run.world.has_list(list_name(name)) for name in names(run))


DEFINITIONS = (
    Definition(
        "valid_ext_list", "test", _valid_ext_list, takes=(Shape.STRINGS,), extension="extlists"
    ),
)
