"""Whatever a message is, each test and edit of the message side has an answer for it."""

import pytest

from postroom.sieve.actions import Keep
from postroom.sieve.engine import compile_script, run
from postroom.sieve.letter import Letter
from tests.corpus import odd_messages
from tests.unit.sieve.asking import REQUIRE
from tests.unit.sieve.worlds import ENVELOPE, TableWorld

ODD = list(odd_messages(large=False))
EVERYTHING = compile_script(
    (
        REQUIRE
        + """
    if anyof(
        header :matches ["from", "to", "subject", "date", "received"] "no?such*value",
        header :index 1 :last :contains ["from", "to"] "no such value",
        header :mime :anychild :type ["content-type", "content-disposition", "to"] "no-such",
        header :mime :anychild :contenttype ["content-type", "content-disposition"] "no-such",
        header :mime :anychild :param ["charset", "name", "filename"] "content-type" "no-such",
        address :localpart ["from", "to", "cc", "bcc", "sender", "reply-to"] "no such part",
        address :detail :contains ["from", "to", "cc", "bcc"] "no such part",
        address :mime :anychild :domain :matches "from" "no?such*domain",
        date :originalzone "date" "iso8601" "never", date "received" "std11" "never",
        body :raw :contains "no such text, not at all",
        body :content ["", "multipart", "message"] :contains "no such text, not at all",
        body :text :matches "no such*text",
        exists :mime :anychild ["from", "no-such-field"],
        size :over 1G) { stop; }
    foreverypart {
        extracttext :first 20 "text";
        if header :mime :anychild :subtype "content-type" "html" {
            foreverypart { if not header :mime :contains "x" "y" { break; } }
        }
        if header :mime :type "content-type" "text" { replace "Replaced ${text}"; }
    }
    addheader "X-Text" "${text}";
    deleteheader :index 1 "received";
    deleteheader :contains "subject" ["a", "e"];
    enclose :subject "Odd" :headers ["to", "cc"] "See within.";
    replace :subject "${text}" "All of it";
    """
    ).encode()
)


@pytest.mark.parametrize("text", [text for _, text in ODD], ids=[name for name, _ in ODD])
def test_everything_is_asked_and_done(text: bytes) -> None:
    found = run([EVERYTHING], Letter(text), ENVELOPE, TableWorld())
    assert found.error is None
    (kept,) = found.actions
    assert isinstance(kept, Keep)
    assert kept.message is not None
    assert kept.message.endswith(b"\r\n\r\nAll of it")


@pytest.mark.parametrize("text", [text for _, text in ODD], ids=[name for name, _ in ODD])
@pytest.mark.parametrize("last", [False, True])
def test_a_field_that_is_added_is_there_as_it_was_written(text: bytes, last: bool) -> None:
    letter = Letter(text)
    added = letter.with_header(letter.header.with_field(b"X-New: as written\r\n", last=last))
    again = Letter(added.text)
    assert list(again.values("x-new")) == ["as written"]
    assert again.values("subject") == letter.values("subject")
    assert again.body == letter.body
    assert added.size == len(added.text)
