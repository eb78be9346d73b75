"""Names of scripts (RFC 5804 section 1.6)."""

import pytest

from postroom.scripts.errors import BadScriptName
from postroom.scripts.names import canonical


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("a", "a", id="one character"),
        pytest.param("x" * 128, "x" * 128, id="the longest that everybody allows"),
        pytest.param("e\u0301te\u0301", "été", id="composed, so that it is found again"),
        pytest.param('a "b" \\ /c', 'a "b" \\ /c', id="quotes, backslash, slash and spaces"),
        pytest.param("\U0001f4ec" * 128, "\U0001f4ec" * 128, id="characters count, not octets"),
    ],
)
def test_a_name_is_kept_composed(name: str, expected: str) -> None:
    assert canonical(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 129, id="too long, and never cut"),
        pytest.param("a\0", id="NUL"),
        pytest.param("a\r\nb", id="two lines"),
        pytest.param("a\tb", id="TAB"),
        pytest.param("a\x7f", id="DELETE"),
        pytest.param("a\x85b", id="a control character above ASCII"),
        pytest.param("a\u2028b", id="LINE SEPARATOR"),
        pytest.param("a\u2029b", id="PARAGRAPH SEPARATOR"),
        pytest.param("a\ud800", id="half a pair of surrogates"),
    ],
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(BadScriptName):
        canonical(name)
