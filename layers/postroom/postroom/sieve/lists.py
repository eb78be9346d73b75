"""Test valid_ext_list: whether there are such external lists (RFC 6134 section 2.8)."""

from postroom.sieve.definitions import Call, Definition, Shape, Test

EXTENSIONS = ("extlists",)


def _valid_ext_list(call: Call) -> Test:
    names = call.texts(0)
    return lambda run: all(run.world.has_list(name) for name in names(run))


DEFINITIONS = (
    Definition(
        "valid_ext_list", "test", _valid_ext_list, takes=(Shape.STRINGS,), extension="extlists"
    ),
)
