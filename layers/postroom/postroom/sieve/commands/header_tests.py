"""The tests header, exists and size (RFC 5228 sections 5.5, 5.7 and 5.9; RFC 5703 section 4)."""

from collections.abc import Callable, Sequence

from postroom.message import parameters
from postroom.sieve.commands.fields import INDEX_TAGS, MIME_TAGS, Choose, choice, headers, names
from postroom.sieve.language.definitions import Call, Definition, Shape, Tag, Test
from postroom.sieve.matching.match_types import MATCH_TAGS, matcher
from postroom.sieve.parts import structured
from postroom.sieve.run import Run

EXTENSIONS = ("index", "mime")

Field = tuple[str, bytes]  # its name in lower case, its value
_OPTIONS = ("type", "subtype", "contenttype", "param")


def _header(call: Call) -> Test:
    option = call.chosen("option")
    if option:
        if not call.has("mime"):
            call.wrong(f'":{option}" is of MIME fields: add ":mime"', option)
        return _mime_header(call, option)
    match = matcher(call, 1)
    named = names(call, 0)
    read = headers(call)
    choose: Choose[str] = choice(call)
    constant = call.constants(0)
    whole = not call.has("index") and not call.has("mime")
    if whole and constant is not None and len(constant) == 1:
        only = constant[0].lower()
        return lambda run: match(run, run.letter.values(only))

    def test(run: Run) -> bool:
        wanted = named(run)
        found = [text for header in read(run) for name in wanted for text in header.values(name)]
        return match(run, choose(found))

    return test


def _mime_header(call: Call, option: str) -> Test:
    match = matcher(call, 1)
    named = names(call, 0)
    read = headers(call)
    choose: Choose[Field] = choice(call)
    look = _option(call, option)

    def test(run: Run) -> bool:
        wanted, looks = named(run), look(run)
        found = [
            (name, value) for header in read(run) for name in wanted for value in header.raw(name)
        ]
        return match(run, [text for field in choose(found) for text in looks(*field)])

    return test


def _option(call: Call, option: str) -> Callable[[Run], Callable[[str, bytes], Sequence[str]]]:
    """What an option of ``:mime`` sees of a field. Nothing of one that cannot be parsed, and an
    empty string of fields that are not structured so (RFC 5703 section 4.1)."""
    if option == "param":
        texts = call.texts("param")

        def params(run: Run) -> Callable[[str, bytes], Sequence[str]]:
            wanted = [name.lower().encode("utf-8", "replace") for name in texts(run)]
            return lambda name, value: _parameters(name, value, wanted)

        return params
    return lambda run: _ASPECTS[option]


def _type(name: str, value: bytes) -> Sequence[str]:
    found = structured(name, value)
    return () if found is None else (found[0],)


def _subtype(name: str, value: bytes) -> Sequence[str]:
    found = structured(name, value)
    return () if found is None else (found[1],)


def _content_type(name: str, value: bytes) -> Sequence[str]:
    found = structured(name, value)
    return () if found is None else ("/".join(filter(None, found[:2])),)


def _parameters(name: str, value: bytes, wanted: Sequence[bytes]) -> Sequence[str]:
    found = structured(name, value)
    if found is None:
        return ()
    there = found[2]
    return [
        parameters.decoded(there, key)
        for key in wanted
        if parameters.has(there, key) or parameters.has(there, key + b"*")
    ]


_ASPECTS = {"type": _type, "subtype": _subtype, "contenttype": _content_type}


def _exists(call: Call) -> Test:
    named = names(call, 0)
    read = headers(call)
    if not call.has("mime"):

        def in_message(run: Run) -> bool:
            header = run.letter.header
            return all(map(header.has, named(run)))

        return in_message

    def in_parts(run: Run) -> bool:
        # With :anychild each field in some part: RFC 5703 section 4.3 could be read otherwise, but
        # Pigeonhole does so.
        missing = set(named(run))
        for header in read(run):
            missing -= {name for name in missing if header.has(name)}
            if not missing:
                return True
        return False

    return in_parts


def _size(call: Call) -> Test:
    limit = call.number(0)
    if call.chosen("bound") == "over":
        return lambda run: run.letter.size > limit
    if not call.chosen("bound"):
        call.wrong('size is asked for with ":over" or ":under"')
    return lambda run: run.letter.size < limit


DEFINITIONS = (
    Definition(
        "header",
        "test",
        _header,
        takes=(Shape.STRINGS, Shape.STRINGS),
        tags=(
            *MATCH_TAGS,
            *INDEX_TAGS,
            *MIME_TAGS,
            *(
                Tag(
                    option,
                    Shape.STRINGS if option == "param" else None,
                    extension="mime",
                    group="option",
                )
                for option in _OPTIONS
            ),
        ),
    ),
    Definition("exists", "test", _exists, takes=(Shape.STRINGS,), tags=MIME_TAGS),
    Definition(
        "size",
        "test",
        _size,
        takes=(Shape.NUMBER,),
        tags=(Tag("over", group="bound"), Tag("under", group="bound")),
    ),
)
