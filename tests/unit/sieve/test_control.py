"""Control structures and tests of tests (RFC 5228 sections 3 and 5)."""

import pytest

from postroom.sieve.actions import Discard, FileInto, Keep
from tests.unit.sieve.asking import holds
from tests.unit.sieve.worlds import LETTER, actions

_KEPT = (Keep(implicit=True),)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param("true", True, id="true"),
        pytest.param("false", False, id="false"),
        pytest.param("not false", True, id="not"),
        pytest.param("not not false", False, id="not not"),
        pytest.param("allof (true, true)", True, id="all"),
        pytest.param("allof (true, false)", False, id="not all"),
        pytest.param("anyof (false, true)", True, id="any"),
        pytest.param("anyof (false, false)", False, id="none"),
        pytest.param("allof (true)", True, id="a list of one"),
        pytest.param('not allof (exists "subject", not exists "x-none")', False, id="together"),
    ],
)
def test_tests_are_made_of_tests(test: str, expected: bool) -> None:
    assert holds(test, LETTER) is expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("true", "true", "a"),
        ("false", "true", "b"),
        ("false", "false", "c"),
        ("true", "false", "a"),
    ],
)
def test_the_first_branch_whose_test_is_true_is_taken(
    first: str, second: str, expected: str
) -> None:
    script = f"""require "fileinto"; if {first} {{ fileinto "a"; }}
        elsif {second} {{ fileinto "b"; }} else {{ fileinto "c"; }}"""
    assert actions(script) == (FileInto(expected),)


def test_stop_ends_the_script_wherever_it_stands() -> None:
    assert actions("if true { if true { stop; } discard; } discard;") == _KEPT
    assert actions("discard; stop; keep;") == (Discard(),)


@pytest.mark.parametrize("kind", ["anyof (true, {0})", "not allof (false, {0})"])
def test_no_more_tests_are_made_than_needed(kind: str) -> None:
    test = kind.format('string :matches "abc" "a*"')
    found = actions(
        'require ["variables", "fileinto"]; if string :matches "x-y" "*-*" { }'
        f'if {test} {{ fileinto "${{1}}"; }}'
    )
    assert found == (FileInto("x"),)
