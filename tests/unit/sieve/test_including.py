"""Scripts within scripts (RFC 6609)."""

from collections.abc import Mapping

import pytest

from postroom.sieve.actions import Action, Discard, FileInto, Keep
from postroom.sieve.engine import compile_script
from postroom.sieve.limits import LIMITS
from tests.unit.sieve.asking import crlf
from tests.unit.sieve.worlds import TableWorld, actions, complaints, failure

HEAD = 'require ["include", "variables", "fileinto"];\n'
_KEPT = (Keep(implicit=True),)


def world(scripts: Mapping[str, str]) -> TableWorld:
    """Personal scripts, and global ones whose name begins with a slash."""
    return TableWorld(
        scripts={
            ("global" if name[0] == "/" else "personal", name.lstrip("/")): text.encode()
            for name, text in scripts.items()
        }
    )


def run(main: str, **scripts: str) -> tuple[Action, ...]:
    headed = {name: HEAD + text for name, text in scripts.items()}
    return actions(HEAD + main, world=world(headed))


@pytest.mark.parametrize(
    ("main", "a", "expected"),
    [
        pytest.param('include "a";', "discard;", (Discard(),), id="what it decides is decided"),
        pytest.param('include "a"; discard;', "return;", (Discard(),), id="return comes back"),
        pytest.param('include "a"; discard;', "if true { return; } keep;", (Discard(),), id="any"),
        pytest.param('include "a"; discard;', "stop;", _KEPT, id="stop stops all"),
        pytest.param("return; discard;", "", _KEPT, id="return in the first script is stop"),
        pytest.param('if false { include "a"; }', "discard;", _KEPT, id="where it stands"),
        pytest.param('include :optional "b"; discard;', "", (Discard(),), id="optional"),
        pytest.param('include :optional "a";', "discard;", (Discard(),), id="optional and there"),
        pytest.param(
            'include "a"; include "a";',
            'set "x" "${x}."; fileinto "${x}";',
            (FileInto("."),),
            id="twice, with variables of its own",
        ),
        pytest.param(
            'include :once "a"; include :once "a"; include "a";',
            'global "n"; set "n" "${n}."; fileinto "${n}";',
            (FileInto("."), FileInto("..")),
            id="once",
        ),
        pytest.param(
            'set "x" "mine"; include "a"; fileinto "${x}";',
            'if not string "${x}" "" { discard; } set "x" "its";',
            (FileInto("mine"),),
            id="variables are private",
        ),
        pytest.param(
            'if string :matches "mine" "*" { include "a"; fileinto "${1}"; }',
            'if string :matches "its" "${1}*" { fileinto "${1}"; }',
            (FileInto("its"), FileInto("mine")),
            id="match variables, too",
        ),
        pytest.param(
            'global "x"; set "x" "shared"; include "a"; fileinto "${x}";',
            'global ["x", "y"]; fileinto "${x}${y}"; set "X" "changed";',
            (FileInto("shared"), FileInto("changed")),
            id="global ones are shared",
        ),
        pytest.param(
            'global "x"; set "x" "global"; include "a";',
            'set "x" "local"; fileinto "${x}"; fileinto "${global.x}";',
            (FileInto("local"), FileInto("global")),
            id="a local one of the same name",
        ),
        pytest.param(
            'set "global.x" "1"; include "a"; fileinto "${GLOBAL.X}";',
            'global "x"; set "x" "${x}2";',
            (FileInto("12"),),
            id="the namespace is another way to say it",
        ),
        pytest.param(
            'include "a"; fileinto "x${global.y}";', "", (FileInto("x"),), id="one that is not set"
        ),
    ],
)
def test_a_script_includes_another(main: str, a: str, expected: tuple[Action, ...]) -> None:
    assert run(main, a=a) == expected


def test_personal_and_global_scripts_are_two_things() -> None:
    scripts = world(
        {"a": 'require "fileinto"; fileinto "mine";', "/a": 'require "fileinto"; fileinto "all";'}
    )
    main = 'require "include"; include :personal "a"; include :global "a"; include :once "a";'
    assert actions(main, world=scripts) == (FileInto("mine"), FileInto("all"))


@pytest.mark.parametrize(
    ("main", "scripts", "expected"),
    [
        pytest.param('include "b";', {}, 'no personal script "b"', id="missing"),
        pytest.param('include :global "a";', {"a": ""}, 'no global script "a"', id="elsewhere"),
        pytest.param('include "a";', {"a": 'include "a";'}, "includes itself", id="itself"),
        pytest.param(
            'include "a";', {"a": 'include "b";', "b": 'include "a"; #'}, "itself", id="in a circle"
        ),
        pytest.param('include "a";', {"a": "nonsense;"}, 'in the script "a", line 2', id="wrong"),
        pytest.param(
            'include "a";', {"a": 'if true { error "no"; }'}, "ihave", id="its own require"
        ),
        pytest.param('include "a";' * 65, {"a": ""}, "more than 64 scripts", id="too many"),
    ],
)
def test_what_cannot_be_included_ends_the_run(
    main: str, scripts: dict[str, str], expected: str
) -> None:
    headed = {name: HEAD + text for name, text in scripts.items()}
    assert expected in failure(HEAD + main, world=world(headed))


def test_once_includes_no_script_in_itself() -> None:
    assert run('include "a"; discard;', a='include :once "a";') == (Discard(),)
    main = HEAD + 'include :once "main"; discard;'
    assert actions(main, world=world({"main": main})) == (Discard(),)


def test_scripts_lie_in_one_another_so_deep_and_no_deeper() -> None:
    def chain(length: int) -> dict[str, str]:
        middle = {f"s{n}": f'{HEAD}include "s{n + 1}";' for n in range(1, length)}
        return middle | {f"s{length}": "discard;"}

    main = f'{HEAD}include "s1";'
    assert actions(main, world=world(chain(LIMITS.depth))) == (Discard(),)
    assert "include one another" in failure(main, world=world(chain(LIMITS.depth + 1)))


def test_blocks_in_includes_in_blocks_end_the_run_at_worst() -> None:
    def nested(body: str) -> str:
        return HEAD + "if true {" * 31 + body + "}" * 31

    scripts = {f"s{n}": nested(f'include "s{n + 1}";') for n in range(1, 8)}
    scripts["s8"] = nested("if " + "not " * 30 + "true { discard; }")
    assert actions(nested('include "s1";'), world=world(scripts)) == (Discard(),)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param('include "${a}";', "cannot be made of variables", id="a name of variables"),
        pytest.param('include "";', "cannot be the name of a script", id="no name"),
        pytest.param(
            'include "./../..//etc/passwd";', "cannot be the name", id="RFC 6609 section 4"
        ),
        pytest.param('include "a\r\nb";', "cannot be the name", id="a line end"),
        pytest.param(f'include "{"a" * 513}";', "cannot be the name", id="too long"),
        pytest.param('include :personal :global "a";', "cannot be used together", id="both"),
        pytest.param('global "a.b";', 'namespace "a"', id="a namespace"),
        pytest.param('global "global.b";', "give its name alone", id="its own namespace"),
        pytest.param('global "1";', "cannot be the name", id="a match variable"),
        pytest.param('global "${a}";', "cannot itself hold", id="a variable"),
        pytest.param('set "a" "b"; global "a";', "was set before", id="set before"),
        pytest.param('set "global.1" "b";', "cannot be the name", id="RFC 6609 section 3.4.2"),
        pytest.param('set "global.a.b" "c";', "no variables of a namespace", id="a sub-namespace"),
    ],
)
def test_wrong_names_are_told(script: str, expected: str) -> None:
    assert expected in complaints(HEAD + script)[0]


def test_global_needs_both_extensions() -> None:
    assert "needs variables" in complaints('require "include"; global "a";')[0]
    assert 'require "include"' in complaints('require "variables"; global "a";')[0]


def test_missing_scripts_are_no_error_of_the_script() -> None:
    program = compile_script(
        b'require "include"; include "a"; include :global "b"; include :once "a";'
    )
    assert program.includes == (("personal", "a"), ("global", "b"))


PARTS = crlf(
    "Subject: all\nContent-Type: multipart/mixed; boundary=x\n\n"
    "--x\nSubject: one\n\n1\n--x\nSubject: two\n\n2\n--x--\n"
)


def test_in_a_loop_the_part_is_the_message() -> None:
    found = actions(
        'require ["include", "foreverypart"]; foreverypart { include "a"; }',
        letter=PARTS,
        world=world({"a": HEAD + 'if header :matches "subject" "*" { fileinto "${1}"; }'}),
    )
    assert found == (FileInto("all"), FileInto("one"), FileInto("two"))


def test_in_a_loop_edits_are_of_the_part() -> None:
    script = 'require "editheader"; if header "subject" "two" { deleteheader "subject"; }'
    (kept,) = actions(
        'require ["include", "foreverypart"]; foreverypart { include "a"; }',
        letter=PARTS,
        world=world({"a": script}),
    )
    assert isinstance(kept, Keep)
    assert kept.message == PARTS.replace(b"Subject: two\r\n", b"")
