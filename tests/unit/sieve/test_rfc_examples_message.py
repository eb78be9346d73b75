"""What RFC 5228, 5173, 5235, 5260, 5293 and 5703 show of tests and edits of messages."""

import pytest

from postroom.sieve.actions import Action, Discard, FileInto, Keep, Redirect
from tests.unit.sieve.asking import crlf
from tests.unit.sieve.worlds import TableWorld, actions

KEEP = (Keep(implicit=True),)
COYOTE = crlf(
    "Date: Tue, 1 Apr 1997 09:06:31 -0800 (PST)\nFrom: coyote@desert.example.org\n"
    "To: roadrunner@acme.example.com\nSubject: I have a present for you\n\n"
    "Look, I'm sorry about the whole anvil thing\n"
)


@pytest.mark.parametrize(
    ("script", "letter", "expected"),
    [
        pytest.param(
            'if address :is :all "from" "tim@example.com" { discard; }',
            b"From: Tim <tim@example.com>\r\n\r\n",
            (Discard(),),
            id="5228 section 5.1",
        ),
        pytest.param(
            'if not exists ["From", "Date"] { discard; }',
            b"From: a@example.com\r\n\r\n",
            (Discard(),),
            id="5228 section 5.5",
        ),
        pytest.param(
            'if header :contains "From" "coyote" { discard; } '
            'elsif header :contains ["subject"] ["money"] { discard; }',
            COYOTE,
            (Discard(),),
            id="5228 section 3.1",
        ),
        pytest.param("if size :over 100K { discard; }", COYOTE, KEEP, id="5228 section 1.1"),
        pytest.param(
            'require "body"; if body :raw :contains "anvil thing" { discard; }',
            COYOTE,
            (Discard(),),
            id="5173 section 5.1",
        ),
        pytest.param(
            'require ["body", "fileinto"]; if body :content "text" :contains '
            '["missile", "sorry"] { fileinto "secrets"; } '
            'if body :content "audio/mp3" :contains "" { fileinto "jukebox"; }',
            COYOTE,
            (FileInto("secrets"),),
            id="5173 section 5.2",
        ),
        pytest.param(
            'require ["body", "fileinto"]; if body :text :contains "project schedule" '
            '{ fileinto "project/schedule"; }',
            b"A: b\r\n\r\nthe Project Schedule\r\n",
            (FileInto("project/schedule"),),
            id="5173 section 5.3",
        ),
        pytest.param(
            'require ["date", "relational", "fileinto"]; if allof(header :is "from" '
            '"boss@example.com", date :value "ge" :originalzone "date" "hour" "09", '
            'date :value "lt" :originalzone "date" "hour" "17") { fileinto "urgent"; }',
            b"From: boss@example.com\r\nDate: Tue, 1 Apr 1997 09:06:31 -0800\r\n\r\n",
            (FileInto("urgent"),),
            id="5260 section 4.4",
        ),
        pytest.param(
            'require ["date", "relational", "fileinto"]; if anyof(date :is "received" "weekday" '
            '"0", date :is "received" "weekday" "6") { fileinto "weekend"; }',
            b"Received: from a by b; Sat, 8 Nov 2014 12:00:00 +0100\r\n\r\n",
            (FileInto("weekend"),),
            id="5260 section 4.4, Received",
        ),
        pytest.param(
            'require ["date", "relational"]; if anyof(currentdate :is "weekday" "0", currentdate '
            ':is "weekday" "6", currentdate :value "lt" "hour" "09", currentdate :value "ge" '
            '"hour" "17") { redirect "pager@example.com"; }',
            COYOTE,
            (Redirect("pager@example.com"),),
            id="5260 section 5.1",
        ),
        pytest.param(
            'require ["date", "variables", "fileinto"]; if currentdate :matches "month" "*" '
            '{ set "month" "${1}"; } if currentdate :matches "year" "*" { set "year" "${1}"; } '
            'fileinto "${month}-${year}";',
            COYOTE,
            (FileInto("11-2026"),),
            id="5260 section 5.1, variables",
        ),
        pytest.param(
            'require ["variables", "date", "editheader"]; if currentdate :matches "std11" "*" '
            '{addheader "Processing-date" "${0}";}',
            COYOTE,
            (
                Keep(
                    message=b"Processing-date: Wed, 25 Nov 2026 20:00:00 +0100\r\n" + COYOTE,
                    implicit=True,
                ),
            ),
            id="5260 section 5.1, editheader",
        ),
        pytest.param(
            'require ["date", "relational", "index"]; if date :value "gt" :index 2 :zone "-0500" '
            '"received" "iso8601" "2007-02-26T09:00:00-05:00" '
            '{ redirect "aftercutoff@example.org"; }',
            b"Received: x; 26 Feb 2007 13:59 +0000\r\nReceived: x; 26 Feb 2007 14:01 +0000\r\n\r\n",
            (Redirect("aftercutoff@example.org"),),
            id="5260 section 6.1",
        ),
        pytest.param(
            'require "editheader"; if not header :contains "X-Sieve-Filtered" '
            '["<kim@job.example.com>", "<kim@home.example.com>"] { addheader "X-Sieve-Filtered" '
            '"<kim@job.example.com>"; redirect "kim@home.example.com"; }',
            COYOTE,
            (
                Redirect(
                    "kim@home.example.com",
                    message=b"X-Sieve-Filtered: <kim@job.example.com>\r\n" + COYOTE,
                ),
            ),
            id="5293 section 4",
        ),
        pytest.param(
            'require "editheader"; deleteheader :index 1 :contains "Delivered-To" '
            '"bob@example.com";',
            b"Delivered-To: a@example.com\r\nDelivered-To: bob@example.com\r\n\r\n",
            KEEP,
            id="5293 section 5",
        ),
        pytest.param(
            'require "editheader"; addheader "X-Hello" "World"; deleteheader :index 1 "X-Hello";',
            COYOTE,
            KEEP,
            id="5293 section 7, unchanged",
        ),
        pytest.param(
            'require "editheader"; deleteheader :index 1 "X-Hello"; '
            'deleteheader :index 2 "X-Hello";',
            b"X-Hello: 1\r\nX-Hello: 2\r\nX-Hello: 3\r\n\r\n",
            (Keep(message=b"X-Hello: 2\r\n\r\n", implicit=True),),
            id="5293 section 7, first and third",
        ),
        pytest.param(
            'require ["editheader", "fileinto"]; addheader "X-Hello" "World"; if header :contains '
            '"X-Hello" "World" { fileinto "international"; }',
            COYOTE,
            (FileInto("international", message=b"X-Hello: World\r\n" + COYOTE),),
            id="5293 section 7, seen",
        ),
        pytest.param(
            'require ["mime", "fileinto"]; if header :mime :anychild :contenttype '
            '"Content-Type" "text/html" { fileinto "webby"; }',
            b"Content-Type: text/html\r\n\r\n<p>",
            (FileInto("webby"),),
            id="5703, any child",
        ),
    ],
)
def test_an_example_does_what_its_rfc_says(
    script: str, letter: bytes, expected: tuple[Action, ...]
) -> None:
    assert actions(script, letter=letter) == expected


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (None, (FileInto("INBOX.unclassified"),)),
        ((0.0, 1.0), (FileInto("INBOX.not-spam"),)),
        ((0.3, 1.0), (FileInto("INBOX.spam-trap"),)),
        ((0.37, 1.0), (Discard(),)),
    ],
)
@pytest.mark.parametrize("first", ["spamtest :value", "spamtest :percent :count"])
def test_spam_is_sorted_by_percent(
    first: str, score: tuple[float, float] | None, expected: tuple[Action, ...]
) -> None:
    """RFC 5235 section 3.2.2: both ways to ask whether anybody looked do the same."""
    numeric = ':comparator "i;ascii-numeric"'
    script = f"""
        require ["spamtestplus", "fileinto", "relational", "comparator-i;ascii-numeric"];
        if {first} "eq" {numeric} "0" {{ fileinto "INBOX.unclassified"; }}
        elsif spamtest :percent :value "eq" {numeric} "0" {{ fileinto "INBOX.not-spam"; }}
        elsif spamtest :percent :value "lt" {numeric} "37" {{ fileinto "INBOX.spam-trap"; }}
        else {{ discard; }}
    """
    assert actions(script, world=TableWorld(spam_score=score)) == expected


@pytest.mark.parametrize(
    ("score", "expected"),
    [(None, (FileInto("unclassified"),)), (4, (FileInto("quarantine"),)), (5, (Discard(),))],
)
def test_viruses_are_sorted(score: int | None, expected: tuple[Action, ...]) -> None:
    """RFC 5235 section 3.3."""
    numeric = ':value "eq" :comparator "i;ascii-numeric"'
    script = f"""
        require ["virustest", "fileinto", "relational", "comparator-i;ascii-numeric"];
        if virustest {numeric} "0" {{ fileinto "unclassified"; }}
        if virustest {numeric} "4" {{ fileinto "quarantine"; }}
        elsif virustest {numeric} "5" {{ discard; }}
    """
    assert actions(script, world=TableWorld(virus_score=score)) == expected


def test_text_of_a_message_is_extracted() -> None:
    """RFC 5703 section 9: subject and first text of what the boss writes."""
    script = """
        require ["mime", "variables", "extracttext", "foreverypart", "fileinto"];
        if header :contains "from" "boss@example.org" {
            if header :matches "Subject" "*" { set "subject" "${1}"; }
            foreverypart {
                if header :mime :type :is "Content-Type" "text" {
                    extracttext :first 5 "msgcontent";
                    break;
                }
            }
            fileinto "${subject}: ${msgcontent}";
        }
    """
    letter = crlf(
        "From: boss@example.org\nSubject: Now\nContent-Type: multipart/mixed; boundary=x\n\n"
        "--x\nContent-Type: text/plain\n\nCome here\n--x\nContent-Type: text/html\n\n<p>\n--x--\n"
    )
    assert actions(script, letter=letter) == (FileInto("Now: Come "),)
