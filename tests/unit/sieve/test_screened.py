"""spamtest and virustest (RFC 5235)."""

import pytest

from postroom.sieve.engine import compile_script
from postroom.sieve.errors import ScriptError
from tests.unit.sieve.asking import holds
from tests.unit.sieve.worlds import LETTER, TableWorld


@pytest.mark.parametrize(
    ("score", "ten", "percent"),
    [
        pytest.param(None, "0", "0", id="nobody looked"),
        pytest.param((-1.6, 5.0), "1", "0", id="below zero"),
        pytest.param((0.0, 5.0), "1", "0", id="clear"),
        pytest.param((0.001, 5.0), "1", "1", id="hardly anything"),
        pytest.param((1.0, 5.0), "2", "20", id="low"),
        pytest.param((0.29, 1.0), "3", "29", id="not rounded down"),
        pytest.param((4.0, 5.0), "8", "80", id="high"),
        pytest.param((4.999, 5.0), "9", "99", id="not quite for certain"),
        pytest.param((5.0, 5.0), "10", "100", id="for certain"),
        pytest.param((7.6, 5.0), "10", "100", id="beyond"),
    ],
)
def test_a_score_has_a_place_on_both_scales(
    score: tuple[float, float] | None, ten: str, percent: str
) -> None:
    world = TableWorld(spam_score=score)
    assert holds(f'spamtest "{ten}"', LETTER, world)
    assert holds(f'spamtest :percent "{percent}"', LETTER, world)
    assert holds(f'spamtest :count "eq" "{int(score is not None)}"', LETTER, world)
    numeric = ':comparator "i;ascii-numeric"'
    assert holds(f'spamtest :value "le" {numeric} "{ten}"', LETTER, world)


@pytest.mark.parametrize(
    ("score", "value", "count"), [(None, "0", "0"), (0, "0", "0"), (1, "1", "1"), (5, "5", "1")]
)
def test_a_virus_has_a_number(score: int | None, value: str, count: str) -> None:
    world = TableWorld(virus_score=score)
    assert holds(f'virustest "{value}"', LETTER, world)
    assert holds(f'virustest :count "eq" "{count}"', LETTER, world)


def test_percent_is_of_spamtestplus_only() -> None:
    with pytest.raises(ScriptError, match="spamtestplus"):
        compile_script(b'require "spamtest"; if spamtest :percent "1" { stop; }')
    compile_script(b'require "spamtest"; if spamtest "1" { stop; }')
