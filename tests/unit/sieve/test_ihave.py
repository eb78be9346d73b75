"""ihave and error (RFC 5463): scripts that use what is there."""

import pytest

from postroom.sieve.actions import Action, Discard, FileInto, Keep
from postroom.sieve.engine import compile_script
from tests.unit.sieve.worlds import actions, complaints, failure

IHAVE = 'require "ihave";\n'
_KEPT = (Keep(implicit=True),)
_FILED = (FileInto("x"),)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param('if ihave "fileinto" { fileinto "x"; }', _FILED, id="what is there"),
        pytest.param('if ihave "fileinto" { } fileinto "x";', _FILED, id="beyond the block"),
        pytest.param('if ihave "nonsense" { nonsense :a ["b"] (c); }', _KEPT, id="what is not"),
        pytest.param(
            'if ihave "nonsense" { nonsense; } else { discard; }', (Discard(),), id="else"
        ),
        pytest.param('if ihave "copy" { discard; } else { nonsense; }', (Discard(),), id="no else"),
        pytest.param(
            'if ihave "nonsense" { nonsense; } elsif ihave "fileinto" { fileinto "x"; }',
            _FILED,
            id="one or the other",
        ),
        pytest.param('if not ihave "nonsense" { discard; }', (Discard(),), id="not"),
        pytest.param('if not ihave "nonsense" { stop; } nonsense;', _KEPT, id="stop if not"),
        pytest.param(
            'if ihave ["fileinto", "nonsense"] { nonsense; } else { discard; }',
            (Discard(),),
            id="all must be there",
        ),
        pytest.param(
            'if allof (ihave "nonsense", nonsense "a") { nonsense; }', _KEPT, id="allof, not all"
        ),
        pytest.param(
            'if allof (ihave "fileinto", exists "subject") { fileinto "x"; }', _FILED, id="allof"
        ),
        pytest.param(
            'if anyof (not ihave "nonsense", nonsense) { discard; }', (Discard(),), id="anyof"
        ),
        pytest.param(
            'if anyof (ihave "nonsense", exists "subject") { discard; }', (Discard(),), id="or more"
        ),
        pytest.param('if ihave "comparator-i;octet" { discard; }', (Discard(),), id="comparators"),
        pytest.param(
            'if ihave "comparator-i;nonsense" {'
            ' if header :comparator "i;nonsense" "a" "b" { } } discard;',
            (Discard(),),
            id="comparators that are not",
        ),
        pytest.param(
            'if ihave ["relational", "comparator-i;ascii-numeric"] {'
            ' if header :comparator "i;ascii-numeric" :count "eq" "subject" "1" { discard; } }',
            (Discard(),),
            id="of both",
        ),
        pytest.param('if ihave "variables" { discard; }', _KEPT, id="variables must be required"),
        pytest.param('if ihave "encoded-character" { discard; }', _KEPT, id="so must these"),
        pytest.param('if ihave "IHAVE" { discard; }', _KEPT, id="names have their case"),
        pytest.param("if false { nonsense; }", _KEPT, id="what is not come to"),
        pytest.param('if exists "x-none" { nonsense; }', _KEPT, id="what is not come to here"),
    ],
)
def test_scripts_use_what_is_there(script: str, expected: tuple[Action, ...]) -> None:
    assert actions(IHAVE + script) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param('nonsense "a";', 'unknown command "nonsense"', id="an unknown command"),
        pytest.param("if nonsense { }", 'unknown test "nonsense"', id="an unknown test"),
        pytest.param('fileinto "x";', "no ihave has found", id="an extension that is there"),
        pytest.param(
            'fileinto "x"; if ihave "fileinto" { }', "no ihave has found", id="used too early"
        ),
        pytest.param(
            'if exists "x-none" { if ihave "fileinto" { } } fileinto "x";',
            "no ihave has found",
            id="an ihave that is not come to",
        ),
        pytest.param(
            'if anyof (exists "subject", ihave "fileinto") { fileinto "x"; }',
            "no ihave has found",
            id="a test that is not made",
        ),
        pytest.param(
            'if anyof (ihave ["fileinto", "nonsense"], true) { fileinto "x"; }',
            "no ihave has found",
            id="not all are there",
        ),
        pytest.param('error "It is over.";', "It is over.", id="error"),
        pytest.param(
            'if header :comparator "i;nonsense" "a" "b" { }', "i;nonsense", id="a comparator"
        ),
    ],
)
def test_what_is_not_there_ends_the_run(script: str, expected: str) -> None:
    assert expected in failure(IHAVE + script)


def test_what_is_required_need_not_be_found() -> None:
    script = 'require ["ihave", "variables"]; if ihave "variables" { set "a" "b"; discard; }'
    assert actions(script) == (Discard(),)


def test_what_may_be_missing_is_warned_of() -> None:
    program = compile_script(b'require "ihave"; if exists "x" { nonsense; }')
    assert "unknown command" in program.warnings[0].message


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param('if ihave "copy" { }', 'require "ihave"', id="ihave not required"),
        pytest.param('error "a";', 'require "ihave"', id="error not required"),
        pytest.param('require ["ihave", "nonsense"];', "no extension", id="require is strict"),
        pytest.param('require "ihave"; keep 1;', "takes no arguments", id="wrong use is wrong"),
        pytest.param(
            'require ["ihave", "variables"]; if ihave "${a}" { }', "variables", id="not constant"
        ),
    ],
)
def test_other_errors_stay_errors(script: str, expected: str) -> None:
    assert expected in complaints(script)[0]
