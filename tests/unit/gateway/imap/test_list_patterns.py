"""Mailbox patterns (RFC 9051 section 6.3.9)."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.imap.list_patterns import matcher


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        pytest.param("*", "a/b/c", True, id="a star crosses levels"),
        pytest.param("%", "a", True, id="a percent sign is one level"),
        pytest.param("%", "a/b", False, id="and no more"),
        pytest.param("a/%", "a/b", True, id="below a name"),
        pytest.param("a/%", "a", False, id="a name is not below itself"),
        pytest.param("a*", "a", True, id="a star may be nothing"),
        pytest.param("%/%", "a/b", True, id="two levels"),
        pytest.param("%*", "a/b", True, id="the wider of two wildcards counts"),
        pytest.param("*b", "a/b/c", False, id="the end counts"),
        pytest.param("inbox", "INBOX", True, id="INBOX in any case"),
        pytest.param("Inbox/%", "INBOX/x", True, id="also above others"),
        pytest.param("Archive", "archive", False, id="case counts elsewhere"),
        pytest.param("a.c", "abc", False, id="nothing else is special"),
        pytest.param("", "a", False, id="an empty pattern"),
    ],
)
def test_pattern(pattern: str, name: str, expected: bool) -> None:
    assert matcher(pattern)(name) is expected


@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=10))
@settings(max_examples=300)
def test_it_agrees_with_a_regular_expression(pattern: str, name: str) -> None:
    meaning = {"*": ".*", "%": "[^/]*"}
    regex = "".join(meaning.get(c, re.escape(c)) for c in pattern)
    assert matcher(pattern)(name) == bool(re.fullmatch(regex, name))


def test_a_hostile_pattern_takes_no_longer() -> None:
    matches = matcher("*a%" * 300 + "x")
    started = time.process_time()
    assert not matches("a" * 900)
    assert time.process_time() - started < 1
