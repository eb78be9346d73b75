"""Addresses that mail is sent to, strictly read (RFC 5228 section 2.4.2.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.sieve.commands.outbound import parse_mailbox_list, parse_outbound


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("bob@example.test", "bob@example.test", id="bare"),
        pytest.param("Bob <bob@example.test>", "bob@example.test", id="with a name"),
        pytest.param('"Bob, the" <bob@example.test>', "bob@example.test", id="with a quoted name"),
        pytest.param("<bob@example.test>", "bob@example.test", id="in brackets alone"),
        pytest.param(" bob  @  example.test ", "bob@example.test", id="obsolete spaces"),
        pytest.param("bob@example.test (Bob (a friend))", "bob@example.test", id="comments"),
        pytest.param('"a b"@example.test', '"a b"@example.test', id="a quoted local part"),
        pytest.param("Bob@EXAMPLE.test", "Bob@EXAMPLE.test", id="case as written"),
        pytest.param("..bob..x@example.test", "..bob..x@example.test", id="dots anywhere"),
        pytest.param("bob@[192.0.2.1]", "bob@[192.0.2.1]", id="an address literal"),
        pytest.param("jürgen@bücher.example", "jürgen@bücher.example", id="letters of RFC 6531"),
        pytest.param("bob@exam_ple.test", "bob@exam_ple.test", id="an underscore in the domain"),
        pytest.param("bob+tag/x=y@example.test", "bob+tag/x=y@example.test", id="signs"),
        pytest.param("", None, id="nothing"),
        pytest.param("bob", None, id="no domain"),
        pytest.param("bob@", None, id="an empty domain"),
        pytest.param("@example.test", None, id="no local part"),
        pytest.param("@", None, id="a sign alone"),
        pytest.param("<>", None, id="the null path"),
        pytest.param("Bob bob@example.test", None, id="a name without brackets"),
        pytest.param("Bob <bob@example.test", None, id="an open bracket"),
        pytest.param("Bob bob@example.test>", None, id="a closing bracket alone"),
        pytest.param("Bob <bob>", None, id="no domain in brackets"),
        pytest.param("a@example.test, b@example.test", None, id="two"),
        pytest.param("friends: a@example.test;", None, id="a group"),
        pytest.param("<@relay.test:bob@example.test>", None, id="a route"),
        pytest.param("bob@example..test", None, id="an empty label"),
        pytest.param("bob@-example.test", None, id="a label that begins with a hyphen"),
        pytest.param("bob@example.test (open", None, id="an open comment"),
        pytest.param("a@b@example.test", None, id="two signs"),
        pytest.param("bob\r\nBcc: eve@example.test", None, id="another header field"),
        pytest.param('"bob\r\nx"@example.test', None, id="a line end in quotes"),
        pytest.param("bob\0@example.test", None, id="NUL"),
        pytest.param("a" * 257 + "@example.test", None, id="a local part too long"),
        pytest.param("a@" + "a." * 128 + "test", None, id="a domain too long"),
    ],
)
def test_an_outbound_address_is_one_mailbox(text: str, expected: str | None) -> None:
    assert parse_outbound(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a@b.test, C <c@d.test>", ("a@b.test", "c@d.test"), id="two"),
        pytest.param("a@b.test,", None, id="an empty item"),
        pytest.param('"x, y" <a@b.test>', ("a@b.test",), id="a comma in quotes"),
    ],
)
def test_a_mailbox_list_has_commas_between(text: str, expected: tuple[str, ...] | None) -> None:
    assert parse_mailbox_list(text) == expected


@given(st.text(alphabet='ab@.<>()"\\,;:[] \r\n\té', max_size=40))
def test_what_is_accepted_has_no_line_end_and_is_stable(text: str) -> None:
    found = parse_outbound(text)
    if found is not None:
        assert not {"\r", "\n", "<", ">", ","} & set(found.rpartition("@")[2])
        assert "\r" not in found
        assert parse_outbound(found) == found
