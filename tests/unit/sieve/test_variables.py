"""Variables (RFC 5229): references, set and its modifiers, match variables, the test string."""

import pytest

from postroom.sieve.actions import FileInto
from postroom.sieve.language.strings import template
from postroom.sieve.limits import LIMITS
from tests.unit.sieve.worlds import actions, complaints, failure

REQUIRE = (
    'require ["variables", "fileinto", "relational", "comparator-i;ascii-numeric", "regex", '
    '"enotify", "encoded-character"];\n'
)


def value(text: str, before: str = "") -> str:
    """What a string stands for."""
    script = f'{REQUIRE}{before}\nif string :matches "{text}" "*" {{ fileinto "=${{0}}"; }}'
    (filed,) = actions(script)
    assert isinstance(filed, FileInto)
    return filed.mailbox.removeprefix("=")


def holds(test: str, before: str = "") -> bool:
    return bool(
        actions(f'{REQUIRE}{before}\nif {test} {{ fileinto "yes"; }}') == (FileInto("yes"),)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("${company}", "ACME", id="the value"),
        pytest.param("${COMPANY}", "ACME", id="names have no case"),
        pytest.param("${full}", "", id="unknown"),
        pytest.param("&%${}!", "&%${}!", id="no name"),
        pytest.param("${doh!}", "${doh!}", id="no identifier"),
        pytest.param("${BAD${Company}", "${BADACME", id="within a wrong one"),
        pytest.param("${President, ${Company} Inc.}", "${President, ACME Inc.}", id="around"),
        pytest.param("${0.s}", "${0.s}", id="a number is no namespace"),
        pytest.param("${a..b}${.a}${a.}", "${a..b}${.a}${a.}", id="no namespaces"),
        pytest.param("${dollar}{company}", "${company}", id="one pass only"),
        pytest.param("${comp\\any}", "ACME", id="escapes come first"),
        pytest.param("\\${company}", "ACME", id="a dollar cannot be escaped"),
        pytest.param("${comp\\\\any}", "${comp\\any}", id="a backslash is in no name"),
        pytest.param("${hex:24 7b 63}ompany}", "ACME", id="encoded characters come first"),
        pytest.param("$${company}$", "$ACME$", id="dollars around"),
    ],
)
def test_references_are_filled_in(text: str, expected: str) -> None:
    assert value(text, 'set "dollar" "$"; set "company" "ACME";') == expected


@pytest.mark.parametrize(
    ("modifiers", "text", "expected"),
    [
        pytest.param("", "juMBlEd lETteRS", "juMBlEd lETteRS", id="none"),
        pytest.param(":length", "juMBlEd lETteRS", "15", id="length"),
        pytest.param(":length", "", "0", id="length of nothing"),
        pytest.param(":length", "aä€𝄞", "4", id="characters, not octets"),
        pytest.param(":lower", "juMBlEd lETteRS Ä", "jumbled letters Ä", id="lower, of ASCII"),
        pytest.param(":upper", "juMBlEd ä", "JUMBLED ä", id="upper, of ASCII"),
        pytest.param(":upperfirst", "juMBlEd lETteRS", "JuMBlEd lETteRS", id="upperfirst"),
        pytest.param(":lowerfirst", "JUMBLED", "jUMBLED", id="lowerfirst"),
        pytest.param(":upperfirst", "", "", id="upperfirst of nothing"),
        pytest.param(":upperfirst :lower", "juMBlEd", "Jumbled", id="in their own order"),
        pytest.param(":lower :upperfirst", "juMBlEd", "Jumbled", id="whatever the order written"),
        pytest.param(":quotewildcard", "Rock*?\\\\", "Rock\\*\\?\\\\", id="quotewildcard"),
        pytest.param(":length :quotewildcard", "a*", "3", id="length comes last"),
        pytest.param(":quoteregex", "a.b(c)|[d]", "a\\.b\\(c\\)\\|\\[d\\]", id="quoteregex"),
        pytest.param(":encodeurl", "a b/ä", "a%20b%2F%C3%A4", id="encodeurl"),
        pytest.param(":length :encodeurl", "ä", "6", id="length of the encoded"),
    ],
)
def test_modifiers_change_a_value(modifiers: str, text: str, expected: str) -> None:
    assert value("${x}", f'set {modifiers} "x" "{text}";') == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param('set :lower :upper "a" "b";', "cannot be used together", id="one precedence"),
        pytest.param(
            'set :quotewildcard :quoteregex "a" "b";', "cannot be used together", id="two quotings"
        ),
        pytest.param('set :lenght "a" "b";', 'did you mean ":length"?', id="unknown modifier"),
        pytest.param('set "1" "b";', "cannot be the name", id="a match variable"),
        pytest.param('set "a b" "c";', "cannot be the name", id="a space"),
        pytest.param('set "" "c";', "cannot be the name", id="no name"),
        pytest.param('set "${a}" "c";', "cannot itself hold variables", id="a name of variables"),
        pytest.param('set "a.b" "c";', 'namespace "a"', id="a namespace"),
        pytest.param('set "global.b" "c";', 'require "include"', id="globals without include"),
        pytest.param('set "x" "${a.b}";', 'namespace "a"', id="a reference to a namespace"),
        pytest.param('set "x" "${33}";', "${32} is the last", id="beyond the match variables"),
        pytest.param('set "x" "${99999999999}";', "is the last", id="far beyond"),
        pytest.param(f'set "{"v" * 65}" "";', "longer than 64", id="a long name"),
        pytest.param('set ["a"] "b";', "must be a string", id="a list"),
        pytest.param(f'set "a" "{"x" * (LIMITS.string + 1)}";', "cannot hold more", id="too long"),
    ],
)
def test_wrong_names_and_modifiers_are_told(script: str, expected: str) -> None:
    assert any(expected in complaint for complaint in complaints(REQUIRE + script))


def test_without_require_nothing_is_filled_in() -> None:
    assert actions('require "fileinto"; fileinto "${a}";') == (FileInto("${a}"),)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        pytest.param('"frop:frup:frop" "*:*:*"', "frop:frup:frop|frop|frup|frop", id="each star"),
        pytest.param(
            '"frop...frop.....frop" "?*frop*"',
            "frop...frop.....frop|f|rop...|.....frop",
            id="as short as possible",
        ),
        pytest.param('"abc" "???"', "abc|a|b|c", id="each question mark"),
        pytest.param('"beter van niet?" "*\\\\?"', "beter van niet?|beter van niet||", id="quoted"),
        pytest.param(
            '"klopfropstroptop" "*?op"', "klopfropstroptop|klopfropstrop|t|", id="at the end"
        ),
        pytest.param(
            '"klopfropstroptop" "*?op*"', "klopfropstroptop|k|l|fropstroptop", id="between"
        ),
        pytest.param('"coyote@ACME.com" "coyote@**.com"', "coyote@ACME.com||ACME|", id="two stars"),
        pytest.param('"test" ["x*", "t*t"]', "test|es||", id="of the key that matches"),
        pytest.param('["x", "test"] "t*t"', "test|es||", id="of the value that matches"),
    ],
)
def test_match_variables_are_what_wildcards_stand_for(match: str, expected: str) -> None:
    before = f"if not string :matches {match} {{ stop; }}"
    assert value("${0}|${1}|${2}|${3}", before) == expected


def test_match_variables_are_of_the_last_match_that_succeeded() -> None:
    before = 'if string :matches "a-b" "*-*" { } if string :matches "c" "d*" { }'
    assert value("${1}${2}", before) == "ab"
    assert value("${1}${2}", f'{before} if string :matches "e" "*" {{ }}') == "e"
    assert value("${1}${2}", f'{before} if string :is "e" "e" {{ }}') == "ab"


def test_leading_zeros_of_match_variables_are_ignored() -> None:
    assert value("${0001}", 'if string :matches "a-b" "*-*" { }') == "a"


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param('string "${a}" "Value"', True, id="is"),
        pytest.param('string "${a}" "value"', True, id="by i;ascii-casemap"),
        pytest.param('string :comparator "i;octet" "${a}" "value"', False, id="by i;octet"),
        pytest.param('string " ${a} " "Value"', False, id="white space stays"),
        pytest.param('string :matches " ${a} " "* value *"', True, id="matches"),
        pytest.param('string ["b", "${a}"] ["c", "Value"]', True, id="any of both"),
        pytest.param('string :count "eq" ["", "b", "${a}", "${none}"] "2"', True, id="count"),
        pytest.param('string :count "eq" "" "0"', True, id="count of the empty string"),
        pytest.param('string :contains "" ""', True, id="the empty string is in it"),
        pytest.param('string "x" "${X}${Y}"', True, id="keys of variables"),
        pytest.param('string :matches "x.y" "${glob}"', True, id="a glob of a variable"),
        pytest.param('string :regex "xxy" "^${expression}y$"', True, id="an expression of one"),
    ],
)
def test_strings_are_compared(test: str, expected: bool) -> None:
    before = 'set "a" "Value"; set "x" "x"; set "glob" "x?*"; set "expression" "x+";'
    assert holds(test, before) is expected


def test_long_values_are_cut() -> None:
    doubled = "".join('set "a" "${a}${a}";' for _ in range(20))
    assert value("${n}", f'set "a" "x"; {doubled} set :length "n" "${{a}}";') == str(LIMITS.string)


def test_no_quoted_character_is_cut_in_two() -> None:
    doubled = "".join('set "a" "${a}${a}";' for _ in range(16))
    before = f'set "a" "*"; {doubled} set "a" "x${{a}}"; set :quotewildcard "a" "${{a}}";'
    assert value("${n}", f'{before} set :length "n" "${{a}}";') == str(LIMITS.string - 1)


def test_there_can_be_too_many_variables() -> None:
    script = REQUIRE + "".join(f'set "v{number}" "x";' for number in range(LIMITS.variables + 1))
    assert f"more than {LIMITS.variables} variables" in failure(script)


def test_an_expression_of_variables_that_is_none_ends_the_run() -> None:
    script = REQUIRE + 'set "a" "("; if string :regex "x" "${a}" { }'
    assert "no regular expression" in failure(script)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("$${hex:40}", "$@", id="RFC 1"),
        pytest.param("${hex: 40 }", "@", id="RFC 2"),
        pytest.param("${HEX: 40}", "@", id="RFC 3"),
        pytest.param("${hex:40", "${hex:40", id="RFC 4"),
        pytest.param("${hex:400}", "${hex:400}", id="RFC 5"),
        pytest.param("${hex:4${hex:30}}", "${hex:40}", id="RFC 6"),
        pytest.param("${unicode:40}", "@", id="RFC 7"),
        pytest.param("${ unicode:40}", "${ unicode:40}", id="RFC 8"),
        pytest.param("${UnICoDE:0000040}", "@", id="RFC 10"),
        pytest.param("${Unicode:Cool}", "${Unicode:Cool}", id="RFC 12"),
        pytest.param("${hex:}", "${hex:}", id="no octets"),
        pytest.param("${hex:c3}${hex:a4}", "ä", id="octets of one character"),
        pytest.param("${hex:c3 a4 2}x", "ä\x02x", id="one digit"),
        pytest.param("${hex:ff}", "\ufffd", id="no UTF-8"),
        pytest.param("${unicode:1F600 20\r\n E9}", "\U0001f600 é", id="several characters"),
        pytest.param("${hex:24}{hex:40}", "${hex:40}", id="once only"),
    ],
)
def test_encoded_characters_are_decoded(text: str, expected: str) -> None:
    assert template(text, {"encoded-character"}).constant == expected


@pytest.mark.parametrize("digits", ["200000", "DF01", "d800", "0110000", "9" * 5000])
def test_what_is_no_character_is_an_error(digits: str) -> None:
    found = complaints(f'require "encoded-character"; redirect "${{unicode:{digits}}}";')
    assert "no character of Unicode" in found[0]
