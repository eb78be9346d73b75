"""IMAP flags (RFC 5232): what a message is filed with."""

import pytest

from postroom.sieve.actions import Action, Discard, FileInto, Keep
from postroom.sieve.commands.flags import valid_flags
from tests.unit.sieve.worlds import actions, complaints

_ALL = """require ["imap4flags", "fileinto", "variables", "relational",
"comparator-i;ascii-numeric"];\n"""


@pytest.mark.parametrize(
    ("texts", "flags"),
    [
        pytest.param(["\\seen \\FLAGGED"], ["\\Seen", "\\Flagged"], id="system flags"),
        pytest.param(["  a   b ", "", "c"], ["a", "b", "c"], id="spaces"),
        pytest.param(["Work", "WORK"], ["Work"], id="each once, as first written"),
        pytest.param(["\\Recent", "\\*", "\\Nonsense"], [], id="not for us to set"),
        pytest.param(["a(b", 'a"b', "a%b", "a*b", "a]b", "a{b", "a\\b", "ü"], [], id="no atoms"),
        pytest.param(["$Forwarded", "$MDNSent", "a}b"], ["$Forwarded", "$MDNSent", "a}b"], id="$"),
    ],
)
def test_valid_flags(texts: list[str], flags: list[str]) -> None:
    assert valid_flags(texts) == flags


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param('setflag "a"; setflag "b";', [Keep(("b",), implicit=True)], id="setflag"),
        pytest.param('addflag "a"; addflag ["B", "A c"];', [Keep(("a", "B", "c"), implicit=True)],
                     id="addflag"),
        pytest.param('addflag "a b A"; removeflag "a";', [Keep(("b",), implicit=True)],
                     id="removeflag"),
        pytest.param('addflag "a"; fileinto "m"; addflag "b"; keep;',
                     [FileInto("m", ("a",)), Keep(("a", "b"))], id="as of the moment"),
        pytest.param('addflag "a"; fileinto :flags "x" "m"; keep :flags "";',
                     [FileInto("m", ("x",)), Keep()], id=":flags instead"),
        pytest.param('fileinto :flags "a" "m"; fileinto :flags "b" "m";',
                     [FileInto("m", ("b",))], id="the last win"),
        pytest.param('keep :flags ["\\\\seen", "${none} x"];', [Keep(("\\Seen", "x"))],
                     id="variables in a list"),
        pytest.param('setflag "V" "a"; addflag "v" "b a"; removeflag "v" "A"; keep :flags "${v}";',
                     [Keep(("b",))], id="in a variable"),
        pytest.param('set "v" "a b \\\\Nope"; addflag "v" "c"; fileinto "${v}";',
                     [FileInto("a b c")], id="a variable that set has made"),
        pytest.param('setflag "v" "a"; keep;', [Keep()], id="a variable is another set"),
    ],
)  # fmt: skip
def test_what_a_message_is_filed_with(script: str, expected: list[Action]) -> None:
    assert actions(_ALL + script) == tuple(expected)


@pytest.mark.parametrize(
    ("before", "test", "holds"),
    [
        pytest.param("A B", 'hasflag :is "b A"', True, id="RFC 5232 section 4: words of a string"),
        pytest.param("A B", 'hasflag ["b", "A"]', True, id="RFC 5232 section 4: a list"),
        pytest.param("A", 'hasflag ""', False, id="empty strings are ignored"),
        pytest.param("A", 'hasflag :contains ""', False, id="also for :contains"),
        pytest.param("A B", 'hasflag :count "eq" :comparator "i;ascii-numeric" "2"', True, id="2"),
        pytest.param("\\Seen", 'hasflag :matches "\\\\\\\\s*"', True, id="a glob"),
        pytest.param("", 'hasflag :count "eq" :comparator "i;ascii-numeric" "0"', True, id="none"),
        pytest.param("A", 'hasflag ["x", "v"] "B"', True, id="one of two variables"),
        pytest.param("A", 'hasflag "V" "a"', False, id="not the internal one"),
        pytest.param(
            "A", 'hasflag :count "eq" :comparator "i;ascii-numeric" ["v", "x", "v"] "4"', True,
            id="the sum of variables",
        ),
    ],
)  # fmt: skip
def test_hasflag(before: str, test: str, holds: bool) -> None:
    flags = before.replace("\\", "\\\\")
    script = f'{_ALL}set "v" "B C b"; setflag "{flags}"; if {test} {{ discard; }}'
    assert actions(script)[0] == (
        Discard() if holds else Keep(tuple(before.split()), implicit=True)
    )


@pytest.mark.parametrize(
    "script",
    [
        pytest.param('require "imap4flags"; setflag "v" "a";', id="variables are not required"),
        pytest.param('require "imap4flags"; if hasflag "v" "a" {}', id="nor for hasflag"),
        pytest.param(_ALL + 'setflag "a b" "c";', id="no name"),
        pytest.param(_ALL + 'setflag "a.b" "c";', id="a namespace"),
        pytest.param(_ALL + 'setflag "1" "c";', id="a match variable"),
        pytest.param(_ALL + 'setflag "${v}" "c";', id="the name in a variable"),
    ],
)
def test_names_of_variables_are_checked(script: str) -> None:
    assert complaints(script)
