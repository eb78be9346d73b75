"""Actions addheader and deleteheader (RFC 5293): they change the header for all that follows."""

import re

from postroom.errors import BadSyntax
from postroom.message import compose
from postroom.sieve.commands.fields import Choose, choice, is_field_name
from postroom.sieve.header import Header
from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Tag
from postroom.sieve.matching.match_types import MATCH_TAGS, matcher
from postroom.sieve.run import Run

EXTENSIONS = ("editheader",)

# Loops are found by them: they stay (RFC 5293 section 6).
_PROTECTED = frozenset(("received", "delivered-to", "auto-submitted"))
_LINE_END = re.compile(r"[ \t]*[\r\n]+[ \t]*")
_A_STEP = 1024  # octets of a header that is read again for an edit
_LINES_A_STEP = 4


def _addheader(call: Call) -> Step:
    name, value = call.text(0), call.text(1)
    last = call.has("last")
    _check_name(call)
    if "\x00" in (call.constant(1) or ""):
        call.wrong("the value of a header field cannot hold a NUL", 1)

    def step(run: Run) -> None:
        count_reading(run)
        field = composed(run, name(run), value(run))
        edit(run, run.letter.header.with_field(field, last=last), len(field))

    return step


def _deleteheader(call: Call) -> Step:
    name = call.text(0)
    match = matcher(call, 1) if call.has(1) else None
    choose: Choose[int] = choice(call)
    _check_name(call)

    def step(run: Run) -> None:
        key = name(run).lower()
        if not is_field_name(key):
            raise run.failure(_no_name(key))
        if key in _PROTECTED:
            return
        header = run.letter.header
        values = header.values(key)
        dropped = choose(range(len(values)))
        if match is not None:
            # As if by the test header: match variables are set, too.
            dropped = [at for at in dropped if match(run, (values[at],))]
        if dropped:
            count_reading(run)
            edit(run, header.without(key, frozenset(dropped)))

    return step


def composed(run: Run, name: str, value: str) -> bytes:
    """A header field; line ends in the value, with the white space around them, are one space, and
    so are controls, NUL included: the value may be of the message, whose sender must not be able to
    end a script so."""
    try:
        return compose.header(name, _LINE_END.sub(" ", value))
    except BadSyntax as error:
        raise run.failure(_no_name(name)) from error


def edit(run: Run, header: Header, added: int = 0) -> None:
    """Go on with another header. Raises ScriptFailure when a script adds too much."""
    count_added(run, added)
    run.letter = run.letter.with_header(header, added)


def count_reading(run: Run) -> None:
    """Count the work that it is to read all fields of the header for an edit."""
    octets = run.letter.header.octets
    run.spend(len(octets) // _A_STEP + octets.count(b"\n") // _LINES_A_STEP)


def count_added(run: Run, octets: int) -> None:
    """Raise ScriptFailure when so many more octets in the message are too many."""
    if run.letter.added + octets > run.limits.edited:
        raise run.failure(f"more than {run.limits.edited} octets added to the message")


def _check_name(call: Call) -> None:
    constant = call.constant(0)
    if constant is not None and not is_field_name(constant):
        call.wrong(_no_name(constant), 0)


def _no_name(name: str) -> str:
    return (
        f'"{name[:80]}" is not the name of a header field: '
        "it is made of ASCII letters, digits and signs, without spaces and colons"
    )


DEFINITIONS = (
    Definition(
        "addheader",
        "action",
        _addheader,
        takes=(Shape.STRING, Shape.STRING),
        tags=(Tag("last"),),
        extension="editheader",
    ),
    Definition(
        "deleteheader",
        "action",
        _deleteheader,
        takes=(Shape.STRING, Shape.STRINGS),
        optional=-1,
        tags=(*MATCH_TAGS, Tag("index", Shape.NUMBER), Tag("last")),
        extension="editheader",
    ),
)
