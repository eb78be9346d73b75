"""addheader and deleteheader (RFC 5293)."""

import pytest

from postroom.sieve.actions import FileInto, Keep
from postroom.sieve.engine import compile_script, run
from postroom.sieve.errors import ScriptError
from postroom.sieve.letter import Letter
from postroom.sieve.limits import LIMITS, Limits
from tests.unit.sieve.asking import REQUIRE, crlf, edited, holds
from tests.unit.sieve.worlds import ENVELOPE, TableWorld, actions, outcome

MESSAGE = crlf(
    "Received: by mx.example.test\n\tid 1\nX-A: one\nX-B: first\nX-A: two\n folded\n"
    "Auto-Submitted: no\nX-A: three\nSubject: Frop!\n\nbody\n"
)


@pytest.mark.parametrize(
    ("command", "field"),
    [
        pytest.param('addheader "X-New" "value"', b"X-New: value\r\n", id="as it is"),
        pytest.param(
            'addheader "X-New" "Ein unerhörter Test"',
            b"X-New: Ein =?utf-8?b?dW5lcmjDtnJ0ZXI=?= Test\r\n",
            id="encoded",
        ),
        pytest.param(
            'addheader "X-New" "over\r\n lines\nand  more"',
            b"X-New: over lines and  more\r\n",
            id="line ends are spaces",
        ),
        pytest.param('addheader "X-New" "a${hex:07}b"', b"X-New: a b\r\n", id="no controls"),
        pytest.param(
            'addheader "X-New" "a\r\nBcc: eve@example.test"',
            b"X-New: a Bcc: eve@example.test\r\n",
            id="one field only",
        ),
        pytest.param('addheader "X-New" ""', b"X-New: \r\n", id="empty"),
        pytest.param(
            f'addheader "X-New" "{"word " * 20}end"',
            b"X-New: " + b"word " * 13 + b"word\r\n" + b" word" * 6 + b" end\r\n",
            id="folded",
        ),
    ],
)
def test_a_field_is_added(command: str, field: bytes) -> None:
    assert edited(command + ";", MESSAGE) == field + MESSAGE
    head, body = MESSAGE[: -len(b"\r\nbody\r\n")], b"\r\nbody\r\n"
    last = command.replace("addheader", "addheader :last")
    assert edited(last + ";", MESSAGE) == head + field + body


@pytest.mark.parametrize(
    ("command", "gone"),
    [
        pytest.param('deleteheader "x-a"', ["one", "two folded", "three"], id="all"),
        pytest.param('deleteheader :index 1 "X-A"', ["one"], id="the first"),
        pytest.param('deleteheader :index 2 :last "X-A"', ["two folded"], id="the last but one"),
        pytest.param('deleteheader :index 4 "X-A"', [], id="the fourth of three"),
        pytest.param('deleteheader "X-A" "two folded"', ["two folded"], id="of a value"),
        pytest.param('deleteheader :contains "X-A" ["o", "x"]', ["one", "two folded"], id="any"),
        pytest.param(
            'deleteheader :index 1 :contains "X-A" "three"', [], id="counted before matched"
        ),
        pytest.param(
            'deleteheader :matches "X-A"', ["one", "two folded", "three"], id="no pattern"
        ),
        pytest.param('deleteheader :is :comparator "i;octet" "X-A" "ONE"', [], id="a comparator"),
        pytest.param('deleteheader "X-None"', [], id="no such field"),
    ],
)
def test_fields_are_deleted(command: str, gone: list[str]) -> None:
    after = edited(command + ";", MESSAGE)
    kept = [value for value in ("one", "two folded", "three") if value not in gone]
    for value in ("one", "two folded", "three"):
        assert holds(f'header "x-a" "{value}"', after) is (value in kept)
    assert holds('header "x-b" "first"', after)
    assert after.endswith(b"Subject: Frop!\r\n\r\nbody\r\n")


def test_what_finds_loops_is_not_deleted() -> None:
    script = 'deleteheader "Received"; deleteheader :contains "auto-submitted" "no";'
    assert edited(script, MESSAGE) == MESSAGE
    assert edited('addheader "Auto-Submitted" "x";', MESSAGE).startswith(b"Auto-Submitted: x\r\n")


def test_the_subject_may_be_deleted_and_added() -> None:
    script = 'deleteheader "Subject"; addheader :last "Subject" "Other";'
    assert edited(script, MESSAGE) == MESSAGE.replace(b"Frop!", b"Other")


def test_edits_follow_each_other() -> None:
    script = 'deleteheader :index 1 "X-A"; deleteheader :index 2 "X-A";'
    assert edited(script, MESSAGE).count(b"X-A: two") == 1
    assert edited('addheader "X-H" "w"; deleteheader :index 1 "X-H";', MESSAGE) == MESSAGE


def test_later_tests_see_the_edited_header() -> None:
    before = 'addheader "X-Hello" "World"; deleteheader "X-B";'
    assert holds('header "x-hello" "world"', MESSAGE, before=before)
    assert not holds('exists "x-b"', MESSAGE, before=before)
    size = len(MESSAGE) + len("X-Hello: World\r\n") - len("X-B: first\r\n")
    assert holds(f"not size :over {size}", MESSAGE, before=before)
    assert holds(f"not size :under {size}", MESSAGE, before=before)


def test_what_is_filed_is_as_it_was_then() -> None:
    script = 'require ["fileinto", "editheader", "copy"]; addheader "X-1" "a"; fileinto "one"; '
    script += 'deleteheader "X-1"; fileinto "two"; addheader "X-2" "b"; keep;'
    assert actions(script, letter=MESSAGE) == (
        FileInto("one", message=b"X-1: a\r\n" + MESSAGE),
        FileInto("two"),
        Keep(message=b"X-2: b\r\n" + MESSAGE),
    )


def test_an_error_keeps_the_message_as_it_came() -> None:
    script = 'addheader "X-1" "a"; set "name" "X 1"; addheader "${name}" "b";'
    found = outcome(REQUIRE + script, letter=MESSAGE)
    assert found.error is not None
    assert '"X 1" is not the name' in found.error.problem.message
    assert found.actions == (Keep(implicit=True),)


def test_a_script_adds_so_much_and_no_more() -> None:
    script = f'set "v" "{"x" * (LIMITS.edited // 5)}"; ' + 'addheader "X" "${v}";' * 6
    found = outcome(REQUIRE + script, letter=MESSAGE)
    assert found.error is not None
    assert "octets added" in found.error.problem.message


def test_texts_of_a_message_are_held_as_long_as_there_is_room() -> None:
    edits = [f'addheader "X" "{n}"; fileinto "m{n}"; fileinto "n{n}";' for n in range(5)]
    program = compile_script((REQUIRE + 'require "fileinto"; ' + "".join(edits)).encode())
    letter = Letter(MESSAGE + b"x" * (1 << 20))
    found = run([program], letter, ENVELOPE, TableWorld(), Limits(steps=1_000))
    assert found.error is not None
    assert "too much" in found.error.problem.message
    assert run([program], letter, ENVELOPE, TableWorld(), Limits(steps=4_000)).error is None


def test_a_deleted_value_can_be_used() -> None:
    script = 'deleteheader :matches "x-b" "*st"; addheader "X-Was" "${1}";'
    assert edited(script, MESSAGE).startswith(b"X-Was: fir\r\n")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param('addheader "X-Field:" "a"', "not the name", id="a colon"),
        pytest.param('addheader "X Field" "a"', "not the name", id="a space"),
        pytest.param('addheader "" "a"', "not the name", id="nothing"),
        pytest.param('deleteheader "Überschrift"', "not the name", id="beyond ASCII"),
        pytest.param('addheader "X-Field" "a${hex:00}b"', "NUL", id="a NUL"),
        pytest.param('deleteheader :last "X-A"', '":last"', id="last alone"),
    ],
)
def test_what_cannot_be_done_is_said(command: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        compile_script(f"{REQUIRE}{command};".encode())


@pytest.mark.parametrize(
    "command",
    [
        "addheader",
        'addheader "x-frop"',
        'addheader "x-frop" 2',
        'addheader "x-frop" ["frop"]',
        'addheader :tag "x-frop" "frop"',
        "deleteheader",
        'deleteheader :index "frop" "x-frop"',
        'deleteheader "x-frop" 1',
    ],
)
def test_wrong_arguments_are_refused(command: str) -> None:
    with pytest.raises(ScriptError):
        compile_script(f"{REQUIRE}{command};".encode())
