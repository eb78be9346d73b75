"""Looking through SPF records."""

import pytest

from postroom.deliverability.spf import Term, is_spf, look_through, parse_spf
from postroom.errors import BadSyntax
from tests.unit.deliverability.domains import Zones


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        pytest.param("v=spf1", (), id="nothing"),
        pytest.param("V=SPF1 -ALL", (Term("-", "all", ""),), id="case"),
        pytest.param("v=spf1  a   ~all ", (Term("+", "a", ""), Term("~", "all", "")), id="spaces"),
        pytest.param(
            "v=spf1 a:x.test/24//64", (Term("+", "a", "x.test", (24, 64)),), id="prefixes"
        ),
        pytest.param("v=spf1 mx//64", (Term("+", "mx", "", (32, 64)),), id="IPv6 prefix only"),
        pytest.param("v=spf1 ?ip4:192.0.2.9/24", (Term("?", "ip4", "192.0.2.0/24"),), id="ip4"),
        pytest.param("v=spf1 ip6:2001:DB8::1", (Term("+", "ip6", "2001:db8::1/128"),), id="ip6"),
        pytest.param("v=spf1 redirect=X.test", (Term("+", "redirect", "x.test"),), id="redirect"),
        pytest.param("v=spf1 exp=e.test x-new=1 ptr", (Term("+", "ptr", ""),), id="modifiers"),
        pytest.param("v=spf1 include:%{d}.x", (Term("+", "include", "%{d}.x"),), id="macro"),
    ],
)
def test_terms(text: str, terms: tuple[Term, ...]) -> None:
    assert is_spf(text)
    assert parse_spf(text) == terms


@pytest.mark.parametrize(
    "text",
    [
        "v=spf10 -all", "v=spf1 all:x", "v=spf1 include", "v=spf1 include:", "v=spf1 include:x/24",
        "v=spf1 ip4", "v=spf1 ip4:1.2.3", "v=spf1 ip4:1.2.3.4/33", "v=spf1 ip4:2001:db8::1",
        "v=spf1 ip6:1.2.3.4", "v=spf1 a:x.test/33", "v=spf1 mx//129", "v=spf1 --all", "v=spf1 a;mx",
        "v=spf1 redirect=", "v=spf1 ipv4:1.2.3.4", "v=spf1 mx\tall", "v=spf1 " + "a " * 300,
    ],
)  # fmt: skip
def test_what_is_no_record(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse_spf(text)


ZONES = Zones(
    {
        ("d.test", "A"): ("192.0.2.1",),
        ("d.test", "AAAA"): ("2001:db8::1",),
        ("d.test", "MX"): ("10 mx.test.", "nonsense", "20 ."),
        ("mx.test", "A"): ("192.0.2.2",),
        ("one.test", "TXT"): ("v=spf1 ip4:192.0.2.3 -all", "something else"),
        ("two.test", "TXT"): ("v=spf1 a -all", "v=spf1 mx -all"),
        ("bad.test", "TXT"): ("v=spf1 nonsense",),
        ("loop.test", "TXT"): ("v=spf1 include:loop.test include:loop.test -all",),
        ("deep.test", "TXT"): ("v=spf1 include:one.test a mx ?all",),
    }
)


@pytest.mark.parametrize(
    ("text", "address", "expected"),
    [
        ("a -all", "192.0.2.1", "pass"),
        ("a -all", "2001:db8::1", "pass"),
        ("a/24 -all", "192.0.2.99", "pass"),
        ("a -all", "192.0.2.2", "fail"),
        ("mx ~all", "192.0.2.2", "pass"),
        ("mx ~all", "192.0.2.9", "softfail"),
        ("-ip4:192.0.2.2 mx", "192.0.2.2", "fail"),
        ("ip4:192.0.2.0/24 ?all", "2001:db8::1", "neutral"),
        ("include:one.test ~all", "192.0.2.3", "pass"),
        ("include:one.test ~all", "192.0.2.4", "softfail"),  # their -all is not ours
        ("redirect=one.test", "192.0.2.4", "fail"),
        ("redirect=one.test ~all", "192.0.2.3", "softfail"),
        ("a", "192.0.2.4", "neutral"),
        ("exists:%{i}.x -all", "192.0.2.4", "unknown"),
        ("include:%{i}.x -all", "192.0.2.4", "unknown"),
        ("a exists:%{i}.x -all", "192.0.2.1", "pass"),
        ("include:deep.test -all", "192.0.2.1", "fail"),  # a of deep.test, which has none
        ("include:loop.test -all", "192.0.2.1", "unknown"),
    ],
)
def test_coverage(text: str, address: str, expected: str) -> None:
    found = look_through(ZONES, "d.test", f"v=spf1 {text}", (address,))
    assert found.covered == {address: expected}


@pytest.mark.parametrize(
    ("text", "lookups", "problem"),
    [
        ("ip4:192.0.2.1 -all", 0, ""),
        ("a mx -all", 2, ""),
        ("include:deep.test -all", 4, ""),
        ("redirect=deep.test", 4, ""),
        ("redirect=deep.test -all", 0, ""),
        ("ptr -all", 1, "ptr, which nobody should"),
        ("include:none.test -all", 1, "include of none.test, which has no SPF record"),
        ("include:two.test -all", 1, "two.test has 2 SPF records"),
        ("include:bad.test -all", 1, "bad.test: b'nonsense' is not a term"),
        (" ".join(f"a:{n}.test" for n in range(10)), 10, ""),
        (" ".join(f"a:{n}.test" for n in range(11)), 11, "11 DNS look-ups, 10 are allowed"),
    ],
)
def test_what_a_record_costs(text: str, lookups: int, problem: str) -> None:
    found = look_through(ZONES, "d.test", f"v=spf1 {text}", ())
    assert found.lookups == lookups
    assert problem in "; ".join(found.problems)
    assert bool(found.problems) == bool(problem)


def test_records_that_include_each_other_end() -> None:
    assert look_through(ZONES, "d.test", "v=spf1 include:loop.test", ("192.0.2.1",)).problems
