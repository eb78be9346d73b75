"""What is wrong with a script, in words its writer understands; and what is not."""

import pytest

from postroom.sieve.engine import CAPABILITIES, compile_script
from postroom.sieve.errors import ScriptError
from postroom.sieve.limits import LIMITS
from tests.unit.sieve.worlds import complaints


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(
            'filinto "x";',
            'line 1, column 1: unknown command "filinto": did you mean "fileinto"?',
            id="a command nearly right",
        ),
        pytest.param("xyzzy;", 'line 1, column 1: unknown command "xyzzy"', id="a command"),
        pytest.param("if heder { }", 'unknown test "heder": did you mean "header"?', id="a test"),
        pytest.param(
            'fileinto "x";',
            '"fileinto" must be required first: add require "fileinto"; at the top',
            id="an extension not required",
        ),
        pytest.param(
            'require "fileinto"; fileinto :copy "x";',
            'column 30: ":copy" must be required first: add require "copy"; at the top',
            id="the extension of a tag",
        ),
        pytest.param(
            'vacation "x";', 'add require "vacation"; at the top', id="one of two that would do"
        ),
        pytest.param(
            'require ["copy", "filein"];',
            'column 18: there is no extension "filein" here: did you mean "fileinto"?',
            id="an extension nearly right",
        ),
        pytest.param('keep; require "copy";', "must stand at the top", id="require below"),
        pytest.param('if true { require "copy"; }', "must stand at the top", id="in a block"),
        pytest.param("require 1;", "must be a string or a list of strings", id="a number"),
        pytest.param("require;", '"require" takes 1 argument, not 0', id="require nothing"),
        pytest.param("if keep { }", '"keep" is no test', id="a command as a test"),
        pytest.param('exists "a";', '"exists" is no command: ask it in an "if"', id="a test alone"),
        pytest.param("keep\nstop;", 'is a ";" missing before "stop"?', id="no semicolon"),
        pytest.param(
            'if header contains "a" "b" { }', 'write ":contains" with a colon', id="no colon"
        ),
        pytest.param("keep { }", '"keep" takes no block', id="a block too many"),
        pytest.param("if true;", '"if" takes a block', id="no block"),
        pytest.param("if { keep; }", '"if" takes one test', id="no test"),
        pytest.param("if (true) { }", "without parentheses", id="a list for if"),
        pytest.param("if not (true) { }", "without parentheses", id="a list for not"),
        pytest.param("if allof { }", "takes tests in parentheses", id="allof of nothing"),
        pytest.param("if allof true { }", "takes tests in parentheses", id="allof of one"),
        pytest.param("if true { } else true { }", '"else" takes no tests', id="else with a test"),
        pytest.param("else { }", 'must follow an "if" or "elsif"', id="else alone"),
        pytest.param("keep; elsif true { }", 'must follow an "if" or "elsif"', id="elsif alone"),
        pytest.param(
            "if true { } else { } elsif true { }", '"elsif" cannot follow "else"', id="after else"
        ),
        pytest.param('keep "a";', '"keep" takes no arguments, not 1', id="an argument too many"),
        pytest.param('if header "a" { }', '"header" takes 2 arguments, not 1', id="one too few"),
        pytest.param(
            'if header 1 "b" { }',
            'argument 1 of "header" must be a string or a list of strings, not a number',
            id="a number for a string",
        ),
        pytest.param(
            'redirect ["a@b.test"];',
            "must be a string, not a list of strings",
            id="a list for a string",
        ),
        pytest.param('if size :over "1" { }', "must be a number, not a string", id="a string"),
        pytest.param(
            'if header :contain "a" "b" { }', 'did you mean ":contains"?', id="a tag nearly right"
        ),
        pytest.param(
            'if header "a" :is "b" { }', "before the other arguments", id="a tag too late"
        ),
        pytest.param('if header :is :is "a" "b" { }', '":is" is given twice', id="a tag twice"),
        pytest.param(
            'if header :is :contains "a" "b" { }',
            '":is" and ":contains" cannot be used together',
            id="two of a group",
        ),
        pytest.param(
            'if header :comparator :is "a" "b" { }',
            '":comparator" must be followed by a string',
            id="a tag without its argument",
        ),
    ],
)
def test_what_is_wrong_is_told(script: str, expected: str) -> None:
    assert any(expected in complaint for complaint in complaints(script)), complaints(script)


def test_all_that_is_wrong_is_told_in_order_and_once() -> None:
    script = 'fileinto "a";\nif header :is "b" { keep 1; }\nstopp;\nif true { exists "x"; }'
    found = complaints(script)
    assert [complaint.partition(":")[0] for complaint in found] == [
        "line 1, column 1",
        "line 2, column 4",
        "line 2, column 26",
        "line 3, column 1",
        "line 4, column 11",
    ]


def test_no_more_is_told_than_somebody_reads() -> None:
    assert len(complaints("wrong;" * 5000)) == LIMITS.problems


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("", id="nothing"),
        pytest.param("# only this", id="a comment"),
        pytest.param('require "fileinto"; require ["copy"];', id="require twice"),
        pytest.param('require ["copy", "copy"];', id="the same twice"),
        pytest.param('require "comparator-i;octet";', id="a comparator that needs no require"),
        pytest.param('REQUIRE "copy"; IF NOT True { Keep; }', id="names in any case"),
        pytest.param("if true { }", id="an empty block"),
        pytest.param('if header :IS :Comparator "i;octet" "a" "b" { }', id="tags in any order"),
    ],
)
def test_what_is_right_is_accepted(script: str) -> None:
    assert compile_script(script.encode()).warnings == ()


@pytest.mark.parametrize("name", ["COPY", "fileinto ", "", "comparator-i;nosuch"])
def test_names_of_extensions_are_exact(name: str) -> None:
    with pytest.raises(ScriptError, match="there is no extension"):
        compile_script(f'require "{name}";'.encode())


def test_every_capability_can_be_required() -> None:
    for name in CAPABILITIES:
        compile_script(f'require "{name}";'.encode())


_EXTENSIONS = """
    body comparator-i;ascii-numeric comparator-i;unicode-casemap copy date duplicate editheader
    enclose encoded-character enotify envelope envelope-deliverby envelope-dsn environment ereject
    extlists extracttext fcc fileinto foreverypart ihave imap4flags include index mailbox mailboxid
    mboxmetadata mime redirect-deliverby redirect-dsn regex reject relational replace servermetadata
    spamtest spamtestplus special-use subaddress vacation vacation-seconds variables virustest
"""


@pytest.mark.parametrize("name", _EXTENSIONS.split())
def test_all_extensions_are_there(name: str) -> None:
    assert name in CAPABILITIES


def test_what_was_meant_is_not_looked_for_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def closest(name: str, known: object) -> str:
        asked.append(name)
        return ""

    monkeypatch.setattr("postroom.sieve.language.checker.closest", closest)
    monkeypatch.setattr("postroom.sieve.language.calls.closest", closest)
    complaints("require [" + ", ".join(['"nope"'] * 1000) + "];" + "nope;" * 1000)
    complaints("keep " + ":nope " * 1000 + ";")
    assert 0 < len(asked) <= 4 * LIMITS.problems
