"""header, exists and size (RFC 5228 section 5), with :index (RFC 5260) and :mime (RFC 5703)."""

import pytest

from postroom.sieve.engine import compile_script
from postroom.sieve.errors import ScriptError
from tests.unit.sieve.asking import REQUIRE, crlf, holds

PLAIN = crlf(
    "From: stephan@example.test\nTo: a@example.test, b@example.test\nSubject: Frobnitz\n"
    "Comments: This is nonsense.\nX-Caffeine: C8H10N4O2\nX-Empty:\nX-Space:   Text  \n"
    "X-Long: folded\n over lines\nX-Words: =?utf-8?q?caf=C3=A9?=\n\nbody\n"
)
COUNTED = crlf("A: 1\nB: 2\nA: 3\nb: 4\nA: 5\n\n")
PARTS = crlf(
    "Subject: top\nContent-Type: multipart/mixed; boundary=AA\nX-Test: AA\n\n"
    "--AA\nContent-Type: Text/Calendar; method=REQUEST; charset=UTF-8\nX-Test: BB\n"
    "Content-Disposition: attachment; filename*=utf-8''%e2%82%ac.ics\n\nx\n"
    "--AA\nContent-Type: nothing at all\nContent-Description: first; of=many\nX-Other: CC\n\ny\n"
    "--AA--\n"
)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param('header "subject" "frobnitz"', True, id="is, whatever the case"),
        pytest.param('header :contains ["subject", "comments"] "nonsense"', True, id="any name"),
        pytest.param('header ["subject", "to"] ["x", "Frobnitz"]', True, id="any key"),
        pytest.param('header ["subject", "to"] ["x", "y"]', False, id="no key"),
        pytest.param('header :is "X-Caffeine" ""', False, id="an empty key is not the value"),
        pytest.param('header :contains "X-Caffeine" ""', True, id="a value contains it"),
        pytest.param('header :contains "X-None" ""', False, id="an absent field contains nothing"),
        pytest.param('header :is "X-Empty" ""', True, id="an empty value is empty"),
        pytest.param('header :matches "X-Empty" "?*"', False, id="and has no character"),
        pytest.param('header "X-Space" "Text"', True, id="space around it is ignored"),
        pytest.param('header "x-long" "folded over lines"', True, id="unfolded"),
        pytest.param('header "x-words" "café"', True, id="encoded words are decoded"),
        pytest.param('header :contains "subject:" ""', False, id="a name with a colon"),
        pytest.param('header :contains ["to!", "sub ject", ""] ""', False, id="no names"),
        pytest.param('header :count "eq" ["subject", "to", "x"] "2"', True, id="fields counted"),
        pytest.param('exists "subject"', True, id="exists"),
        pytest.param('exists ["subject", "X-EMPTY"]', True, id="all exist"),
        pytest.param('exists ["subject", "x-none"]', False, id="one does not"),
        pytest.param('exists "subject:"', False, id="no name exists"),
        pytest.param(f"size :over {len(PLAIN)}", False, id="not over its size"),
        pytest.param(f"size :under {len(PLAIN)}", False, id="nor under it"),
        pytest.param(f"size :over {len(PLAIN) - 1}", True, id="over one less"),
        pytest.param("size :under 1K", True, id="under a kilobyte"),
    ],
)
def test_fields_are_found(test: str, expected: bool) -> None:
    assert holds(test, PLAIN) is expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(':index 2 "a"', "3", id="the second"),
        pytest.param(':index 1 :last "a"', "5", id="the last"),
        pytest.param(':last :index 3 "a"', "1", id="the last but two"),
        pytest.param(':index 2 ["b", "a"]', "4", id="fields are counted in the order of the names"),
        pytest.param(':index 3 ["b", "a"]', "1", id="across names"),
        pytest.param(':index 1 :last ["a", "b"]', "4", id="from the end of all"),
    ],
)
def test_an_index_chooses_one_field(arguments: str, expected: str) -> None:
    found = [key for key in "12345" if holds(f'header {arguments} "{key}"', COUNTED)]
    assert found == [expected]


@pytest.mark.parametrize("arguments", [':index 4 "a"', ':index 4 :last "a"', ':index 1 "c"'])
def test_an_index_beyond_the_fields_matches_nothing(arguments: str) -> None:
    assert not holds(f'header {arguments} "*" "*"'.replace('"*" "*"', '"1"'), COUNTED)
    assert not holds(f'header :matches {arguments} "*"', COUNTED)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param('header :mime "x-test" "AA"', True, id="the message itself"),
        pytest.param('header :mime "x-test" "BB"', False, id="and no other part"),
        pytest.param('header :mime :anychild "x-test" "BB"', True, id="any part"),
        pytest.param('header :anychild :mime "x-test" "AA"', True, id="the message is one of them"),
        pytest.param('header :mime :anychild :type "content-type" "text"', True, id="type"),
        pytest.param('header :mime :anychild :subtype "content-type" "calendar"', True, id="sub"),
        pytest.param(
            'header :mime :anychild :contenttype "content-type" "text/calendar"', True, id="both"
        ),
        pytest.param(
            'header :mime :anychild :param "method" "content-type" "request"', True, id="parameter"
        ),
        pytest.param(
            'header :mime :anychild :param "FILENAME" "content-disposition" "€.ics"',
            True,
            id="RFC 2231",
        ),
        pytest.param(
            'header :mime :anychild :param ["method", "charset", "x"] :count "eq" '
            '"content-type" "2"',
            True,
            id="parameters counted",
        ),
        pytest.param(
            'header :mime :anychild :type :count "eq" "content-type" "2"',
            True,
            id="only what can be read is counted",
        ),
        pytest.param(
            'header :mime :anychild :type "content-disposition" "attachment"',
            True,
            id="disposition",
        ),
        pytest.param(
            'header :mime :anychild :subtype "content-disposition" ""', True, id="has no subtype"
        ),
        pytest.param(
            'header :mime :anychild :contenttype "content-disposition" "attachment"',
            True,
            id="its content type is its type",
        ),
        pytest.param('header :mime :type "subject" ""', True, id="other fields have an empty type"),
        pytest.param('header :mime :type "x-none" ""', False, id="absent ones do not"),
        pytest.param('exists :mime "x-other"', False, id="exists in the message"),
        pytest.param('exists :mime :anychild ["x-other", "x-test"]', True, id="exists somewhere"),
        pytest.param('exists :mime :anychild ["x-other", "x-none"]', False, id="one does nowhere"),
    ],
)
def test_mime_fields_are_read(test: str, expected: bool) -> None:
    assert holds(test, PARTS) is expected


@pytest.mark.parametrize(
    ("test", "message"),
    [
        pytest.param('header :last "a" "b"', '":last" counts from the end', id="last alone"),
        pytest.param('header :index 0 "a" "b"', '":index" counts from 1', id="index 0"),
        pytest.param('header :anychild "a" "b"', 'add ":mime"', id="anychild alone"),
        pytest.param('exists :anychild "a"', 'add ":mime"', id="anychild of exists alone"),
        pytest.param('header :type "a" "b"', 'add ":mime"', id="type alone"),
        pytest.param('header :param "x" "a" "b"', 'add ":mime"', id="param alone"),
        pytest.param("size 10", '":over"', id="size without a direction"),
    ],
)
def test_what_cannot_be_asked_is_said(test: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        compile_script(f"{REQUIRE}if {test} {{ stop; }}".encode())


@pytest.mark.parametrize(
    "test",
    [
        'header :mime :type :subtype "a" "b"',
        'header :mime :param 13 "a" "b"',
        "size :over :under 10",
        'exists :index 1 "a"',
    ],
)
def test_wrong_arguments_are_refused(test: str) -> None:
    with pytest.raises(ScriptError):
        compile_script(f"{REQUIRE}if {test} {{ stop; }}".encode())


def test_a_name_that_is_none_is_warned_of() -> None:
    program = compile_script(b'if header "Subject:" "x" { stop; }')
    assert 'write "Subject"' in program.warnings[0].message
