"""address (RFC 5228 sections 2.7.4 and 5.1)."""

import pytest

from postroom.sieve.engine import compile_script
from postroom.sieve.errors import ScriptError
from tests.unit.sieve.asking import crlf, holds

MESSAGE = crlf(
    "From: Stephan Bosch <Stephan(the author)@example.test>\n"
    "To: nico@nl.example.test, Harry Becker <harry+x@DE.example.test>\n"
    "Cc: tukkers: henk@t.example, theo@t.example;, Timo <tss(no spam)@fi.example>\n"
    'Bcc: "a b"@q.example\nReply-To: undisclosed-recipients:;\nResent-To:\n'
    "Sender: nonsense\nResent-Cc: good@example.test, @example.org, stephan@\n"
    'Resent-From: "=?UTF-8?B?IkR1bWIgTWFpbGVyIg==?="\n\t<horde@lists.example>\n'
    "Errors-To: b@x.example\nErrors-To: c@x.example, d@x.example\nSubject: no@address\n\n"
)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param('"from" "stephan@example.test"', True, id="all is the default"),
        pytest.param(':contains ["to", "from"] "harry"', True, id="any field"),
        pytest.param(':localpart "to" "harry+x"', True, id="local part"),
        pytest.param(':domain "to" "de.example.test"', True, id="domain, whatever the case"),
        pytest.param(':comparator "i;octet" :domain "to" "de.example.test"', False, id="i;octet"),
        pytest.param(':user "to" "harry"', True, id="user"),
        pytest.param(':detail "to" "x"', True, id="detail"),
        pytest.param(':contains ["from", "to"] ["Bosch", "Becker"]', False, id="no phrase"),
        pytest.param(':contains ["from", "cc"] ["author", "spam"]', False, id="no comment"),
        pytest.param(':contains "cc" "tukkers"', False, id="no name of a group"),
        pytest.param(':localpart "cc" "theo"', True, id="a member of a group"),
        pytest.param('"cc" "tss@fi.example"', True, id="a comment in an address"),
        pytest.param(':localpart "bcc" "a b"', True, id="a quoted local part"),
        pytest.param('"bcc" "\\"a b\\"@q.example"', True, id="is quoted in the whole"),
        pytest.param('"resent-from" "horde@lists.example"', True, id="an encoded phrase"),
        pytest.param('"resent-to" ""', True, id="an empty field"),
        pytest.param(':localpart "resent-to" ""', False, id="has no local part"),
        pytest.param('"reply-to" ""', False, id="a group of nobody"),
        pytest.param('"sender" "nonsense"', True, id="what is no address is a whole"),
        pytest.param(':localpart "sender" "nonsense"', False, id="but has no local part"),
        pytest.param(':domain "resent-cc" "example.org"', False, id="nor a domain"),
        pytest.param(':localpart "resent-cc" "stephan"', False, id="nor without a domain"),
        pytest.param(':domain "resent-cc" "example.test"', True, id="beside a good one"),
        pytest.param(':count "eq" "to" "2"', True, id="addresses are counted"),
        pytest.param(':count "eq" "resent-to" "0"', True, id="an empty field has none"),
        pytest.param(':index 2 "errors-to" "c@x.example"', True, id="index counts fields"),
        pytest.param(':index 2 "errors-to" "b@x.example"', False, id="not addresses"),
        pytest.param(':index 1 :last "errors-to" "d@x.example"', True, id="from the end"),
        pytest.param(':mime "from" "stephan@example.test"', True, id="of the part at hand"),
        pytest.param(':mime :anychild :localpart "from" "stephan"', True, id="of any part"),
    ],
)
def test_addresses_are_found(test: str, expected: bool) -> None:
    assert holds(f"address {test}", MESSAGE) is expected


@pytest.mark.parametrize(
    ("test", "message"),
    [
        pytest.param('"subject" "x"', "does not hold addresses", id="no field of addresses"),
        pytest.param(':anychild "from" "x"', 'add ":mime"', id="anychild alone"),
        pytest.param(':last "from" "x"', '":last"', id="last alone"),
    ],
)
def test_what_cannot_be_asked_is_said(test: str, message: str) -> None:
    script = f'require ["index", "mime"]; if address {test} {{ stop; }}'
    with pytest.raises(ScriptError, match=message):
        compile_script(script.encode())


def test_an_address_has_one_part_at_a_time() -> None:
    with pytest.raises(ScriptError):
        compile_script(b'if address :localpart :domain "from" "x" { stop; }')


def test_a_field_of_variables_that_holds_no_addresses_matches_nothing() -> None:
    before = 'set "field" "subject";'
    assert not holds('address :contains "${field}" ""', MESSAGE, before=before)
