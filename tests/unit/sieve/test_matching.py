"""Comparators and match types (RFC 4790, RFC 5051, RFC 5228 section 2.7, RFC 5231, RFC 6134)."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.sieve.actions import Discard, FileInto
from postroom.sieve.engine import compile_script
from postroom.sieve.limits import LIMITS
from postroom.sieve.matching.comparators import COMPARATORS, DEFAULT, UNICODE, Comparator
from postroom.sieve.matching.expressions import compile_expression
from postroom.sieve.matching.globs import compile_glob
from tests.unit.sieve.worlds import TableWorld, actions, complaints, failure, outcome

REQUIRE = (
    'require ["variables", "fileinto", "relational", "regex", "extlists", '
    '"comparator-i;ascii-numeric", "comparator-i;unicode-casemap"];\n'
)


def holds(test: str, world: TableWorld | None = None) -> bool:
    return actions(f"{REQUIRE}if {test} {{ discard; }}", world=world) == (Discard(),)


@pytest.mark.parametrize(
    ("comparator", "ascending"),
    [
        pytest.param("i;octet", ["", "A", "Z", "_", "a", "ab", "b", "ä"], id="octets"),
        pytest.param("i;ascii-casemap", ["", "a", "AB", "b", "Z", "_", "Ä", "ä"], id="ASCII"),
        pytest.param(
            "i;ascii-numeric", ["0", "1", "9b", "10", "4294967298", "9" * 30, ""], id="numbers"
        ),
        pytest.param("i;unicode-casemap", ["", "a", "B", "e", "É", "f"], id="Unicode"),
    ],
)
def test_comparators_put_texts_in_order(comparator: str, ascending: list[str]) -> None:
    fold = COMPARATORS[comparator].fold
    for less, greater in pairwise(ascending):
        assert fold(less) < fold(greater), (less, greater)


@pytest.mark.parametrize(
    ("comparator", "one", "other", "expected"),
    [
        pytest.param("i;ascii-casemap", "Az", "aZ", True, id="letters of ASCII"),
        pytest.param("i;ascii-casemap", "Ä", "ä", False, id="other letters"),
        pytest.param("i;ascii-casemap", "ß", "SS", False, id="no full mapping"),
        pytest.param(
            "i;ascii-numeric", "4294967298b", "04294967298", True, id="RFC 4790 section 9.1.1"
        ),
        pytest.param("i;ascii-numeric", "x", "y", True, id="both infinite"),
        pytest.param("i;ascii-numeric", "-1", "", True, id="a sign is no digit"),
        pytest.param("i;ascii-numeric", "0", "000", True, id="zeros"),
        pytest.param("i;ascii-numeric", "0", "", False, id="nothing is not zero"),
        pytest.param("i;ascii-numeric", "1", "\u0661", False, id="digits are those of ASCII"),
        pytest.param("i;unicode-casemap", "Ä", "ä", True, id="letters of Unicode"),
        pytest.param("i;unicode-casemap", "\xe4", "a\u0308", True, id="composed or not"),
        pytest.param("i;unicode-casemap", "①", "1", True, id="compatible"),
    ],
)
def test_comparators_know_what_is_equal(
    comparator: str, one: str, other: str, expected: bool
) -> None:
    fold = COMPARATORS[comparator].fold
    assert (fold(one) == fold(other)) is expected


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        pytest.param("", "", [""], id="nothing"),
        pytest.param("", "a", None, id="nothing is not a"),
        pytest.param("*", "", ["", ""], id="a star is nothing"),
        pytest.param("?", "", None, id="a question mark is not"),
        pytest.param("a*b", "AxB", ["AxB", "x"], id="letters have no case"),
        pytest.param("a*a", "a", None, id="ends do not overlap"),
        pytest.param("a*a", "aa", ["aa", ""], id="they may touch"),
        pytest.param("*a*", "xaya", ["xaya", "x", "ya"], id="as soon as possible"),
        pytest.param("*?X", "X", None, id="not enough"),
        pytest.param("*??@b", "foo12@b", ["foo12@b", "foo", "1", "2"], id="at the end"),
        pytest.param("*a?c*", "abbabc.", ["abbabc.", "abb", "b", "."], id="a segment with any"),
        pytest.param("*?b?*", "abcbd", ["abcbd", "", "a", "c", "bd"], id="in the first place"),
        pytest.param("**", "ab", ["ab", "", "ab"], id="the first star is empty"),
        pytest.param("***", "ab", ["ab", "", "", "ab"], id="so is the second"),
        pytest.param("*ab*ab", "abab", ["abab", "", ""], id="one after the other"),
        pytest.param("*ab*ab", "aab", None, id="once is not twice"),
        pytest.param("\\*\\?\\\\", "*?\\", ["*?\\"], id="quoted"),
        pytest.param(r"\a\bc", "abc", ["abc"], id="what needs no quoting"),
        pytest.param("slash\\", "slash\\", ["slash\\"], id="a backslash at the end"),
        pytest.param("a\n*", "a\nb\r\n", ["a\nb\r\n", "b\r\n"], id="line ends are nothing special"),
    ],
)
def test_wildcards_match(pattern: str, value: str, expected: list[str] | None) -> None:
    assert compile_glob(pattern, DEFAULT)(value, lambda steps: None) == expected


@pytest.mark.parametrize(
    ("comparator", "pattern", "value", "expected"),
    [
        pytest.param(DEFAULT, "?", "ä", None, id="an octet"),
        pytest.param(DEFAULT, "??", "ä", ["ä", "\ufffd", "\ufffd"], id="two octets"),
        pytest.param(DEFAULT, "ä*?", "äxyz", ["äxyz", "xy", "z"], id="around"),
        pytest.param(DEFAULT, "*ä*", "xäö", ["xäö", "x", "ö"], id="stars take all of them"),
        pytest.param(UNICODE, "?", "ä", ["ä", "ä"], id="a character of Unicode"),
        pytest.param(UNICODE, "?", "a\u0308", ["ä", "ä"], id="in two"),
        pytest.param(
            UNICODE,
            "*GRÜSS*",
            "Viele grüße, grüss Dich",
            ["Viele grüße, grüss Dich", "Viele grüße, ", " Dich"],
            id="letters of Unicode have no case",
        ),
        pytest.param(UNICODE, "*2*", "x½y", ["x½y", "x", "y"], id="one that is several"),
    ],
)
def test_a_character_is_what_the_comparator_says(
    comparator: Comparator, pattern: str, value: str, expected: list[str] | None
) -> None:
    assert compile_glob(pattern, comparator)(value, lambda steps: None) == expected


@settings(max_examples=300, deadline=None)
@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_wildcards_match_what_slow_trial_matches(pattern: str, value: str) -> None:
    found = compile_glob(pattern, COMPARATORS["i;octet"])(value, lambda steps: None)
    assert found == _tried(pattern, value)


def _tried(pattern: str, value: str) -> list[str] | None:
    """All ways tried, the shortest for the first wildcard first."""

    def captures(at: int, place: int) -> list[str] | None:
        if at == len(pattern):
            return [] if place == len(value) else None
        if pattern[at] == "*":
            for end in range(place, len(value) + 1):
                rest = captures(at + 1, end)
                if rest is not None:
                    return [value[place:end], *rest]
            return None
        if place < len(value) and pattern[at] in ("?", value[place]):
            rest = captures(at + 1, place + 1)
            if rest is not None and pattern[at] == "?":
                return [value[place], *rest]
            return rest
        return None

    found = captures(0, 0)
    return None if found is None else [value, *found]


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 2000,
        "*a?" * 2000 + "c",
        "?" * 5000 + "*b",
        "*" * 8000 + "c",
        "*" + "a?" * 4000 + "b*",
    ],
)
def test_hostile_wildcards_take_no_more_steps_than_there_are(pattern: str) -> None:
    glob = f'{REQUIRE}set "a" "{"a" * 50_000}"; if string :matches "${{a}}" "{pattern}" {{ }}'
    outcome(glob)  # ends, and soon


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param('string :regex "hello" "l+"', True, id="a part is enough"),
        pytest.param('string :regex "hello" "^l+$"', False, id="unless it is anchored"),
        pytest.param('string :regex "Hello" "^hELLO$"', True, id="no case by default"),
        pytest.param('string :regex :comparator "i;octet" "Hello" "hello"', False, id="i;octet"),
        pytest.param('string :regex "ÄB" "äb"', True, id="of all letters"),
        pytest.param(
            'string :regex "a1" "^[[:alpha:]][[:digit:]]{1}$"', True, id="classes of POSIX"
        ),
        pytest.param('string :regex "a1" "^\\\\w\\\\d$"', True, id="and their short forms"),
        pytest.param('string :regex "a.b" "a\\\\.b"', True, id="quoted"),
        pytest.param('string :regex "axb" "a\\\\.b"', False, id="quoted is itself"),
        pytest.param('string :regex "a\r\nb" "a.+b"', True, id="a dot is any character"),
        pytest.param('string :regex "a\r\nb" "^b"', False, id="lines have no beginning"),
        pytest.param('string :regex "x" ["a", "(b|x)"]', True, id="any key"),
        pytest.param('string :regex "" ""', True, id="empty"),
        pytest.param('string :regex "ä" "^.$"', True, id="a character, not an octet"),
    ],
)
def test_expressions_match(test: str, expected: bool) -> None:
    assert holds(test) is expected


def test_match_variables_are_what_groups_match() -> None:
    script = f"""{REQUIRE}if string :regex "x: the cat, 42!" "the (cat|dog), ([0-9]+)(z)?" {{
        fileinto "${{0}}|${{1}}|${{2}}|${{3}}"; }}"""
    assert actions(script) == (FileInto("the cat, 42|cat|42|"),)


def test_the_longest_alternative_matches() -> None:
    script = f'{REQUIRE}if string :regex "foobar" "foo|foobar" {{ fileinto "${{0}}"; }}'
    assert actions(script) == (FileInto("foobar"),)


@pytest.mark.parametrize(
    "expression",
    ["(", "[a", "*a", "a**b(", "(a)\\\\1", "(?<=a)b", "a{1001}", "(((a{100}){100}){100})"],
)
def test_what_is_no_expression_is_told(expression: str) -> None:
    found = complaints(f'{REQUIRE}if string :regex "x" "{expression}" {{ }}')
    assert "no regular expression that can be used" in found[0]


def test_there_can_be_too_many_expressions() -> None:
    keys = ", ".join(f'"{number}"' for number in range(LIMITS.expressions + 1))
    assert "regular expressions" in complaints(f'{REQUIRE}if string :regex "x" [{keys}] {{ }}')[0]


@pytest.mark.parametrize("expression", ["(a*)*b", "(a|a)*b", "(a?){50}a{50}b", ".*.*.*.*=.*b"])
def test_hostile_expressions_take_linear_time(expression: str) -> None:
    spent: list[int] = []
    assert compile_expression(expression, True)("a" * 50_000, spent.append) is None
    assert sum(spent) < LIMITS.steps


def test_an_expression_costs_what_its_size_and_the_text_make_it_cost() -> None:
    spent: list[int] = []
    for expression in ("((a?){5}){5}b", "((a?){20}){20}b"):
        compile_expression(expression, True)("a" * 50_000, spent.append)
    small, large = spent
    assert large > 10 * small


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            'set "text" "a";'
            + 'set "text" "${text}${text}";' * 16
            + 'if string :regex "${text}" "((a?){20}){20}b" { keep; }' * 4,
            id="a large one on a long text",
        ),
        pytest.param(
            'if string :regex "a" "${key}" { keep; } set "key" "${key}b";' * 1001,
            id="another one each time",
        ),
    ],
)
def test_expressions_again_and_again_are_too_much(script: str) -> None:
    assert "does too much" in str(outcome(REQUIRE + script).error)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param(
            'string :value "gt" :comparator "i;ascii-numeric" "10" "9"', True, id="numbers"
        ),
        pytest.param('string :value "gt" "10" "9"', False, id="texts"),
        pytest.param('string :value "lt" "a" "B"', True, id="no case"),
        pytest.param('string :value "lt" :comparator "i;octet" "a" "B"', False, id="i;octet"),
        pytest.param('string :value "ge" "a" "A"', True, id="ge"),
        pytest.param('string :value "le" "a" "A"', True, id="le"),
        pytest.param('string :value "eq" "a" ["b", "A"]', True, id="any key"),
        pytest.param('string :value "ne" ["a", "b"] "a"', True, id="any value"),
        pytest.param('string :value "NE" "a" "a"', False, id="relations have no case"),
        pytest.param('header :value "ne" "x-none" "a"', False, id="no value, no relation"),
        pytest.param('header :count "eq" "x-none" "0"', True, id="but a count"),
        pytest.param('address :count "eq" ["to", "from"] "2"', True, id="counts add up"),
        pytest.param(
            'string :count "ge" :comparator "i;ascii-numeric" ["a", "b"] ["3", "2"]', True, id="any"
        ),
    ],
)
def test_values_and_counts_are_related(test: str, expected: bool) -> None:
    assert holds(test) is expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param('string :value "gx" "a" "b"', '":value" takes one of', id="relation"),
        pytest.param('string :value "${a}" "a" "b"', '":value" takes one of', id="of variables"),
        pytest.param(
            'string :value "gt" :count "gt" "a" "b"', "cannot be used together", id="both"
        ),
        pytest.param(
            'string :contains :comparator "i;ascii-numeric" "a" "b"',
            'cannot be used with ":contains"',
            id="no parts of numbers",
        ),
        pytest.param(
            'string :matches :comparator "i;ascii-numeric" "a" "b"',
            'cannot be used with ":matches"',
            id="no wildcards in numbers",
        ),
        pytest.param(
            'string :comparator "i;ascii-casmap" "a" "b"',
            'did you mean "i;ascii-casemap"?',
            id="comparator",
        ),
        pytest.param(
            'string :comparator "${a}" "a" "b"', "cannot be made of variables", id="a variable"
        ),
        pytest.param(
            'address :list :comparator "i;octet" "from" ":addrbook:default"',
            '":comparator" cannot be used with ":list"',
            id="a comparator for a list",
        ),
    ],
)
def test_what_cannot_be_compared_is_told(test: str, expected: str) -> None:
    assert expected in complaints(f"{REQUIRE}if {test} {{ }}")[0]


def test_a_comparator_must_be_required() -> None:
    script = 'if header :comparator "i;ascii-numeric" "a" "1" { }'
    assert 'add require "comparator-i;ascii-numeric"' in complaints(script)[0]


def test_counting_by_letters_is_warned_of() -> None:
    program = compile_script(b'require "relational"; if header :count "gt" "to" "9" { }')
    assert "i;ascii-numeric" in program.warnings[0].message


def test_values_are_looked_up_in_lists() -> None:
    world = TableWorld(lists={":addrbook:default": ["alice@example.org"], "tag:x": ["Hello"]})
    assert holds('address :list "from" ":addrbook:default"', world)
    assert holds('address :list ["to", "from"] ["tag:x", ":addrbook:default"]', world)
    assert holds('address :list "from" "urn:ietf:params:sieve:addrbook:default"', world)
    assert not holds('address :list "to" ":addrbook:default"', world)
    found = actions(
        f'{REQUIRE}if header :list "subject" "tag:x" {{ fileinto "${{0}}"; }}', world=world
    )
    assert found == (FileInto("Hello"),)


def test_a_list_that_is_not_there_ends_the_run() -> None:
    assert "no list" in failure(f'{REQUIRE}if header :list "subject" "tag:x" {{ }}')


def test_very_many_keys_end_in_time() -> None:
    keys = ", ".join(f'"{number}"' for number in range(12_000))
    long = b"Subject: " + b"x" * 200_000 + b"\r\n\r\n"
    found = outcome(f'if header :contains "subject" [{keys}] {{ }}', letter=long)
    assert found.error is not None
    assert "too much" in str(found.error)
