"""What has the say when several could: exact, without detail, pattern, catch-all; and its price."""

from dataclasses import replace

import pytest

from postroom.directory.addresses import BadAddress, canonical
from postroom.directory.errors import InUse
from postroom.directory.lookup import splits, undotted
from postroom.directory.patterns import matches, most_specific_first
from postroom.directory.records import Alias, Domain
from postroom.directory.routes import MOST_ALIASES, MOST_TARGETS
from postroom.directory.store import Directory
from postroom.errors import BadSetting
from tests.unit.directory.test_directory import count_reads, reached

OUTSIDE = ("x@elsewhere.test",)


def goes_to(directory: Directory, address: str) -> str:
    """Where the one target of the address is, with its detail."""
    [route] = directory.routes([address])
    kind = directory.verdict(address).kind
    assert (kind == "local") is bool(route.targets or route.elsewhere), address
    found = [*(f"{target.address} {target.detail}".strip() for target in route.targets)]
    return ", ".join([*found, *route.elsewhere]) or "nobody"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("sales-eu@example.test", "sales@x.test", id="a pattern"),
        pytest.param("SALES-EU@Example.TEST", "sales@x.test", id="whatever the case"),
        pytest.param("sales-de@example.test", "exact@x.test", id="the exact address first"),
        pytest.param("sales-de+x@example.test", "exact@x.test", id="also with a detail"),
        pytest.param("sales-us-ny@example.test", "us@x.test", id="the longer beginning"),
        pytest.param("sales-us-@example.test", "sales@x.test", id="a star is one letter at least"),
        pytest.param("sales-@example.test", "rest@x.test", id="nothing is no letter"),
        pytest.param("shop-info@example.test", "info@x.test", id="by its end"),
        pytest.param("sales-info@example.test", "sales@x.test", id="the beginning before the end"),
        pytest.param("an-x-info@example.test", "an@x.test", id="of two ends the longer"),
        pytest.param("alice+sales-x@example.test", "alice@example.test sales-x", id="detail first"),
        pytest.param("sales-eu+x@example.test", "sales@x.test", id="a pattern with a detail"),
        pytest.param("shop-info+x@example.test", "info@x.test", id="an end before the detail"),
        pytest.param('"sales-a b"@example.test', "caught@example.test", id="not in quotes"),
        pytest.param("sales-*@example.test", "sales@x.test", id="a pattern's own name"),
        pytest.param("sales-eu@example.org", "sales@x.test", id="through a domain alias"),
        pytest.param("whoever@example.test", "rest@x.test", id="the rest"),
    ],
)
def test_the_most_specific_has_the_say(directory: Directory, address: str, expected: str) -> None:
    directory.add_account("alice@example.test", "secret")
    directory.add_account("caught@example.test", "secret")
    directory.add_domain(Domain("example.org", alias_of="example.test"))
    for name, target in (
        ("*-info", "info@x.test"),
        ("*-x-info", "an@x.test"),
        ("sales-us-*", "us@x.test"),
        ("sales-*", "sales@x.test"),
        ("*", "rest@x.test"),
        ("sales-de", "exact@x.test"),
    ):
        directory.add_alias(Alias(f"{name}@example.test", (target,)))
    directory.change_domain(
        "example.test", lambda found: replace(found, catch_all="caught@example.test")
    )
    assert goes_to(directory, address) == expected


def test_a_pattern_goes_when_its_alias_does(directory: Directory) -> None:
    directory.add_alias(Alias("sales-*@example.test", OUTSIDE))
    assert goes_to(directory, "sales-x@example.test") == "x@elsewhere.test"
    directory.remove_alias("sales-*@example.test")
    assert goes_to(directory, "sales-x@example.test") == "nobody"
    domain = directory.domain("example.test")
    assert domain is not None
    assert domain.patterns == ()


@pytest.mark.parametrize(
    ("pattern", "local", "fits"),
    [
        ("a*b", "axb", True),
        ("a*b", "ab", False),
        ("ab*b", "ab", False),
        ("aba*aba", "ababa", False),
        ("*", "a", True),
        ("a*", "ba", False),
    ],
)
def test_a_star_stands_for_letters(pattern: str, local: str, fits: bool) -> None:
    assert matches(pattern, local) is fits


def test_patterns_are_in_one_order() -> None:
    given = ["*", "*b", "*bb", "a*", "aa*", "a*b", "a*"]
    assert most_specific_first(given) == ("aa*", "a*b", "a*", "*bb", "*b", "*")


def test_a_pattern_is_an_alias_with_one_star(directory: Directory) -> None:
    with pytest.raises(BadAddress, match="one"):
        directory.add_alias(Alias("a*b*@example.test", OUTSIDE))
    with pytest.raises(BadAddress, match="pattern"):
        directory.add_account("a*@example.test", "secret")
    directory.add_alias(Alias('"a*"@example.test', OUTSIDE))  # an address, in quotes no longer
    domain = directory.domain("example.test")
    assert domain is not None
    assert domain.patterns == ("a*",)


@pytest.mark.parametrize(
    ("separator", "address", "expected"),
    [
        pytest.param("+-", "anne+x", [("anne", "x")], id="the one"),
        pytest.param("+-", "anne-x", [("anne", "x")], id="the other"),
        pytest.param(
            "+-", "anne-marie+x", [("anne-marie", "x"), ("anne", "marie+x")], id="both: longest"
        ),
        pytest.param(
            "-+", "anne-marie+x", [("anne-marie", "x"), ("anne", "marie+x")], id="in any order"
        ),
        pytest.param("+", "anne+x+y", [("anne", "x+y")], id="the first of several"),
        pytest.param("+", "anne+", [("anne", "")], id="an empty detail"),
        pytest.param("+", "+anne", [], id="no name"),
        pytest.param("", "anne+x", [], id="no separator"),
        pytest.param("+", '"an+ne x"', [], id="in quotes"),
    ],
)
def test_a_separator_is_any_of_several(
    separator: str, address: str, expected: list[tuple[str, str]]
) -> None:
    found = splits(canonical(f"{address}@example.test"), separator)
    assert [(name.local, detail) for name, detail in found] == expected


def test_a_name_with_a_separator_in_it_has_details(directory: Directory) -> None:
    directory.change_domain("example.test", lambda found: replace(found, separator="+-"))
    for name in ("anne", "anne-marie"):
        directory.add_account(f"{name}@example.test", "secret")
    for address, expected in (
        ("anne-marie", "anne-marie@example.test"),
        ("anne-marie+x", "anne-marie@example.test x"),
        ("anne-x+y", "anne@example.test x+y"),
        ("anne-marie-x", "anne@example.test marie-x"),
    ):
        assert goes_to(directory, f"{address}@example.test") == expected


@pytest.mark.parametrize("separator", ["++", "a", ".", "*", "@", " ", "+ö"])
def test_what_is_no_separator(directory: Directory, separator: str) -> None:
    with pytest.raises(BadSetting, match="separate"):
        directory.change_domain("example.test", lambda found: replace(found, separator=separator))
    with pytest.raises(BadSetting, match="separate"):
        directory.add_domain(Domain("other.test", separator=separator))


def test_a_domain_alias_has_nothing_of_its_own_to_change(directory: Directory) -> None:
    directory.add_domain(Domain("example.org", alias_of="example.test"))
    with pytest.raises(InUse, match="stands for"):
        directory.change_domain("example.org", lambda found: replace(found, separator="-"))


def test_a_known_domain_costs_one_read_whatever_it_has(directory: Directory) -> None:
    """And a change of the domain by another process costs one more, never a wrong answer."""
    directory.add_account("alice@example.test", "secret")
    directory.add_domain(Domain("example.org", alias_of="example.test"))
    directory.add_alias(Alias("sales-*@example.test", OUTSIDE))
    elsewhere = Directory(directory._table, directory._clock, directory._randomness)
    counted = count_reads(directory)
    addresses = ("alice-x", "sales-x", "anybody", "alice", "a.lice")
    for change in (
        {"separator": "-"},
        {"catch_all": "alice@example.test"},
    ):
        elsewhere.change_domain(
            "example.test", lambda found, change=change: replace(found, **change)
        )  # type: ignore[misc]
        for turn in range(2):
            for domain in ("example.test", "example.org"):
                for name in addresses:
                    counted.reads = 0
                    verdict = directory.verdict(f"{name}@{domain}")
                    fresh = Directory(elsewhere._table, directory._clock, directory._randomness)
                    assert verdict == fresh.verdict(f"{name}@{domain}")
                    assert counted.reads <= (3 if turn == 0 else 1), name


def test_a_pattern_and_a_catch_all_cost_one_read(directory: Directory) -> None:
    directory.add_account("alice@example.test", "secret")
    directory.add_alias(Alias("sales-*@example.test", OUTSIDE))
    directory.change_domain(
        "example.test", lambda found: replace(found, catch_all="alice@example.test")
    )
    counted = count_reads(directory)
    directory.verdict("first@example.test")
    for address in ("sales-x@example.test", "any@example.test", "alice+x@example.test"):
        counted.reads = 0
        assert directory.verdict(address).kind == "local"
        assert counted.reads == 1, address


def test_a_web_of_aliases_is_walked_once(directory: Directory) -> None:
    """Ten levels of eight aliases, each of which names all eight below: 8^10 ways."""
    directory.add_account("alice@example.test", "secret")
    for level in range(10):
        below = [f"a{level + 1}-{number}@example.test" for number in range(8)]
        targets = tuple(below) if level < 9 else ("alice@example.test",)
        for number in range(8):
            directory.add_alias(Alias(f"a{level}-{number}@example.test", targets))
    assert reached(directory, "a0-0@example.test") == ["alice@example.test"]


def test_what_a_recipient_may_reach_is_bounded(directory: Directory) -> None:
    names = [f"a{number}@example.test" for number in range(MOST_TARGETS)]
    directory.add_alias(Alias("all@example.test", tuple(names)))
    directory.put_aliases(
        [Alias(name, (f"x{n}@elsewhere.test", "y@elsewhere.test")) for n, name in enumerate(names)]
    )
    [route] = directory.routes(["all@example.test"])
    assert len(route.elsewhere) == MOST_ALIASES
    assert any("more than" in reason for reason in route.reasons)


@pytest.mark.parametrize(
    ("written", "filed"),
    [("j.doe", "jdoe"), ("j.d.o.e+x.y", "jdoe+xy"), ('"j. doe"', '"j. doe"'), ("jdoe", "jdoe")],
)
def test_dots_go(written: str, filed: str) -> None:
    assert undotted(canonical(f"{written}@example.test")).local == filed
