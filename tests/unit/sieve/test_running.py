"""Programs that run one after the other; what becomes of errors; limits; and why."""

import pytest

from postroom.sieve.actions import Discard, FileInto, Keep
from postroom.sieve.engine import Reason, compile_script, run
from postroom.sieve.letter import Letter
from postroom.sieve.limits import Limits
from tests.unit.sieve.worlds import ENVELOPE, LETTER, TableWorld, actions, failure, outcome

_KEPT = Keep(implicit=True)
_COPY = 'require ["fileinto", "copy"]; fileinto :copy "a";'
_INTO = 'require "fileinto"; fileinto "b";'
_WRONG = 'require "ihave"; error "wrong";'


@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        pytest.param([], (_KEPT,), id="no program keeps"),
        pytest.param(["", ""], (_KEPT,), id="nor do empty ones decide"),
        pytest.param(["", "discard;"], (Discard(),), id="the next runs while nothing is decided"),
        pytest.param(["discard;", "keep;"], (Discard(),), id="and no longer"),
        pytest.param(["keep;", "discard;"], (Discard(),), id="an explicit keep lets it run, too"),
        pytest.param(["keep;", "", "stop;"], (Keep(),), id="and is done when nothing else is"),
        pytest.param(["keep;", "keep;"], (Keep(),), id="or once more"),
        pytest.param([f"{_COPY} keep;", _INTO], (FileInto("a"), FileInto("b")), id="beside others"),
        pytest.param([f"{_INTO} keep;", "discard;"], (FileInto("b"),), id="behind others"),
        pytest.param([_INTO, "keep;"], (FileInto("b"),), id="but nothing brings it back"),
        pytest.param(["stop;", "discard;"], (Discard(),), id="stop ends its own program"),
        pytest.param([_COPY, "discard;"], (FileInto("a"),), id="copies let the next run"),
        pytest.param([_COPY, ""], (FileInto("a"), _KEPT), id="and keep stays in effect"),
    ],
)
def test_programs_run_while_the_message_is_to_be_kept(
    scripts: list[str], expected: tuple[object, ...]
) -> None:
    assert actions(*scripts) == expected


def test_edits_pass_to_the_next_program() -> None:
    found = actions(
        'require "editheader"; deleteheader "subject"; addheader "X-Seen" "1";',
        'require "fileinto"; if allof (exists "x-seen", not exists "subject") { fileinto "a"; }',
    )
    (filed,) = found
    assert isinstance(filed, FileInto)
    assert filed.message == b"X-Seen: 1\r\n" + LETTER.replace(b"Subject: Hello\r\n", b"")


def test_flags_pass_to_the_next_program() -> None:
    assert actions('require "imap4flags"; setflag "\\\\Seen";', "keep;") == (Keep(("\\Seen",)),)
    assert actions('require "imap4flags"; setflag "\\\\Seen";', "") == (
        Keep(("\\Seen",), implicit=True),
    )


def test_what_was_kept_is_kept_with_its_flags_and_later_edits() -> None:
    found = actions(
        'require "imap4flags"; keep :flags "a";',
        'require ["imap4flags", "editheader"]; addflag "b"; addheader "X-Seen" "1";',
    )
    assert found == (Keep(("a", "b"), b"X-Seen: 1\r\n" + LETTER),)


def test_what_was_kept_stays_when_the_next_program_fails() -> None:
    found = outcome("keep;", f"{_WRONG}", "discard;")
    assert found.error is not None
    assert found.actions == (Keep(),)


def test_variables_do_not_pass_to_the_next_program() -> None:
    head = 'require ["variables", "fileinto"];'
    found = actions(
        head + 'set "a" "x"; if string :matches "y" "*" { }', head + 'fileinto "=${a}${1}";'
    )
    assert found == (FileInto("="),)


def test_an_error_keeps_the_message_and_drops_what_the_program_decided() -> None:
    found = outcome(f'require ["ihave", "fileinto"]; fileinto "a"; {_WRONG.partition(";")[2]}')
    assert found.actions == (_KEPT,)
    assert str(found.error) == "line 1, column 47: wrong"


def test_an_error_does_not_undo_earlier_programs() -> None:
    edit = 'require "editheader"; addheader "X-Seen" "1";'
    other = 'require ["ihave", "editheader", "imap4flags"]; setflag "x"; deleteheader "x-seen";'
    found = outcome(_COPY, edit, f'{other} error "wrong";', "discard;")
    assert found.error is not None
    assert found.actions == (
        FileInto("a"),
        Keep(message=b"X-Seen: 1\r\n" + LETTER, implicit=True),
    )


def test_a_letter_and_a_program_serve_several_runs() -> None:
    program = compile_script(
        b'require ["editheader", "variables"]; addheader "X-${a}" "1"; set "a" "b";'
    )
    letter = Letter(LETTER)
    first, second = (run([program], letter, ENVELOPE, TableWorld()) for _ in range(2))
    assert first == second
    assert letter.edited is None


@pytest.mark.parametrize(
    ("script", "limits", "expected"),
    [
        pytest.param("if true { } " * 9, Limits(steps=8), "does too much", id="commands"),
        pytest.param(
            "if anyof (" + "false, " * 9 + "false) { }", Limits(steps=8), "too much", id="tests"
        ),
        pytest.param(
            'redirect "a@x.test"; redirect "b@x.test"; redirect "c@x.test";',
            Limits(redirects=2),
            "more than 2 redirects",
            id="redirects",
        ),
        pytest.param(
            'require "fileinto"; fileinto "a"; fileinto "b";',
            Limits(actions=1),
            "more than 1 actions",
            id="actions",
        ),
    ],
)
def test_a_run_has_limits(script: str, limits: Limits, expected: str) -> None:
    program = compile_script(script.encode())
    found = run([program], Letter(LETTER), ENVELOPE, TableWorld(), limits)
    assert expected in str(found.error)
    assert found.actions == (_KEPT,)


def test_a_failure_is_where_the_command_stands() -> None:
    script = 'require "variables";\nif true {\n  if false { }\n  redirect "${x}";\n}'
    assert failure(script).startswith("line 4, column 3: ")


def _why(script: str) -> tuple[Reason, ...]:
    program = compile_script(script.encode(), traced=True)
    return run([program], Letter(LETTER), ENVELOPE, TableWorld()).why


def test_a_traced_program_tells_why() -> None:
    script = """require ["fileinto", "relational"];
if header :contains "subject" ["money", "hell"] {
  fileinto "x";
}
if allof (address :domain "to" "example.org", true) { discard; }
if header :count "gt" "to" "0" { redirect "bob@example.net"; stop; }
"""
    assert _why(script) == (
        Reason(2, 'header :contains "subject" ["money", "hell"]', 'true: "Hello" matches "hell"'),
        Reason(3, 'fileinto "x"', "decides FileInto"),
        Reason(5, 'address :domain "to" "example.org"', "false"),
        Reason(5, 'allof (address :domain "to" "example.org", true)', "false"),
        Reason(6, 'header :count "gt" "to" "0"', "true: there are 1"),
        Reason(6, 'redirect "bob@example.net"', "decides Redirect"),
        Reason(6, "stop", "done"),
    )


def test_tracing_changes_nothing() -> None:
    script = """require ["variables", "fileinto"];
if header :matches "subject" ["x*", "h*o"] { fileinto "${0}-${1}"; } else { discard; }"""
    program = compile_script(script.encode(), traced=True)
    found = run([program], Letter(LETTER), ENVELOPE, TableWorld())
    assert found.actions == actions(script) == (FileInto("Hello-ell"),)


def test_what_is_not_traced_tells_nothing() -> None:
    assert outcome("keep;").why == ()


def test_a_failure_is_told_with_what_came_before() -> None:
    program = compile_script(b'require "ihave"; if true { error "no"; }', traced=True)
    found = run([program], Letter(LETTER), ENVELOPE, TableWorld())
    assert found.why == (Reason(1, 'error "no"', "done"),)
    assert found.error is not None
