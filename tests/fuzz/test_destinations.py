"""Parsers of what strangers publish return a value or raise BadSyntax, whatever they are given."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postroom.errors import BadSetting, BadSyntax
from postroom.relay.destinations.dane import parse_tlsa
from postroom.relay.destinations.mx import parse_mx
from postroom.relay.destinations.patterns import candidates, canonical_pattern
from postroom.relay.destinations.sts_policy import (
    StsPolicy,
    parse_sts_policy,
    parse_sts_record,
    policy_id,
)
from postroom.relay.destinations.urls import parse_route_url
from postroom.relay.tls_reports.records import parse_tlsrpt_record, places


def near(*pieces: str) -> st.SearchStrategy[str]:
    """Text made of what the grammar is made of, and of anything."""
    piece = st.one_of(st.sampled_from(pieces), st.text(max_size=8), st.characters())
    return st.lists(piece, max_size=20).map("".join)


def given_up_or(parse: Callable[[Any], Any], text: Any) -> Any:
    try:
        return parse(text)
    except BadSyntax:
        return None


URLS = near(
    "mx:", "ses:", "smtp:", "smtps:", "//", "me@", "host.test", "[::1]", "192.0.2.1", ":25", "%41",
    "?tls=", "none", "verify", "dane", "/", "#", "@", "[", "]", "\u00fc", "%", ":",
)  # fmt: skip


@given(URLS)
@example("smtp://[::ffff:127.0.0.1%1]")
@example("smtp://\ud800@x")
def test_route_urls(text: str) -> None:
    found = given_up_or(parse_route_url, text)
    if found is not None:
        assert parse_route_url(str(found)) == found
        assert 1 <= found.port <= 65535


@given(near("from:", ".", "*", "example", "test", "xn--", "\u00fc", "-"))
def test_patterns(text: str) -> None:
    try:
        found = canonical_pattern(text)
    except BadSetting:
        return
    assert canonical_pattern(found) == found
    if not found.startswith("from:"):
        domain = {"*": "a.test"}.get(found, f"sub{found}" if found[0] == "." else found)
        assert found in candidates("", domain)


POLICY = near(
    "version: STSv1\n", "mode: enforce\r\n", "mode: none\n", "mx: *.x.test\n", "mx: x.test\n",
    "max_age: 86400\n", "max_age: ", "mx", ":", "\r", "\n", " ", "*.", "STSv1", "9" * 11, "\u0661",
)  # fmt: skip


@given(st.one_of(POLICY.map(lambda text: text.encode("utf-8", "replace")), st.binary()))
def test_sts_policies(octets: bytes) -> None:
    found = given_up_or(parse_sts_policy, octets)
    if found is not None:
        assert isinstance(found, StsPolicy)
        assert found.mx or found.mode == "none"
        assert 0 <= found.max_age <= 31_557_600
        assert parse_sts_policy("\n".join(found.lines).encode()) == found


@given(near("v=STSv1", ";", " ", "\t", "id=", "id=1a", "x=y", "=", "\udc80", "\u0661"))
def test_sts_records(text: str) -> None:
    found = given_up_or(parse_sts_record, text)
    assert found is None or re.fullmatch("[A-Za-z0-9]{1,32}", found)
    given_up_or(policy_id, (text, "v=STSv1; id=1;"))


@given(
    near("v=TLSRPTv1", ";", "rua=", "mailto:", "a@x.test", "https://x.test/", ",", "%41", "%ff",
         "?", "[", "\udc80", " ", "!10m")
)  # fmt: skip
def test_tlsrpt_records(text: str) -> None:
    found = given_up_or(parse_tlsrpt_record, text)
    if found is not None:
        assert all("\r" not in one and "\n" not in one and "@" in one for one in found.mail)
        assert all(one.isascii() and one.isprintable() for one in found.web)
    given_up_or(places, (text,))


@given(near("3 1 1 ", "ab", "0", " ", "256", "-1", "\u0661", "AB CD"))
def test_tlsa_records(text: str) -> None:
    found = given_up_or(parse_tlsa, text)
    if found is not None:
        again = f"{found.usage} {found.selector} {found.matching} {found.association.hex()}"
        assert parse_tlsa(again) == found


@given(near("10 ", "mx.test.", ".", "\\032", "65536", "-", "_", "\u0661", "@"))
def test_mx_records(text: str) -> None:
    found = given_up_or(parse_mx, text)
    if found is not None:
        assert 0 <= found[0] <= 65535
        assert not found[1].endswith(".")


@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_length_costs_little(size: int) -> None:
    """Bounded by limits, not by patience: a pattern that backtracks would not come back."""
    for text in ("v=STSv1;" + " " * size, "v=STSv1; " + "a=b;" * size, "v=TLSRPTv1; rua=" * size):
        given_up_or(parse_sts_record, text)
        given_up_or(parse_tlsrpt_record, text)
    given_up_or(parse_tlsa, "3 1 1 " + "a " * size + "z")
    given_up_or(parse_mx, "10 " + "a." * size + "!")
    given_up_or(parse_route_url, "smtp://" + "a" * size)
    given_up_or(parse_sts_policy, b"mx: " + b"a-" * size)
    given_up_or(parse_sts_policy, b"\n" * size)
