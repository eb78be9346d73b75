"""replace and enclose (RFC 5703 sections 5 and 6)."""

import pytest

from postroom.message.scan import scan
from postroom.sieve.actions import Keep, Redirect
from postroom.sieve.engine import compile_script
from postroom.sieve.errors import ScriptError
from postroom.sieve.letter import Letter
from tests.unit.sieve.asking import REQUIRE, crlf, edited, holds
from tests.unit.sieve.worlds import actions, outcome

MESSAGE = crlf(
    "Received: by mx\nFrom: Alice <alice@example.test>\nSubject: Files\nMIME-Version: 1.0\n"
    "Content-Type: multipart/mixed; boundary=AA\n\n"
    "prologue\n--AA\nContent-Type: text/plain\n\nLook at this\n"
    '--AA\nContent-Type: application/exe; name="virus.com"\n\nMZ\n'
    "--AA\nContent-Type: multipart/alternative; boundary=BB\n\n"
    "--BB\nContent-Type: text/plain\n\none\n--BB\nContent-Type: text/html\n\ntwo\n--BB--\n"
    "--AA--\nepilogue\n"
)
TEXT = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n"
HEADER = "Received: by mx\nFrom: Alice <alice@example.test>\nSubject: Files\n"


def of_parts(test: str, command: str) -> str:
    return f"foreverypart {{ if header :mime {test} {{ {command} }} }}"


def test_a_part_is_replaced_by_text() -> None:
    script = of_parts(':contenttype "Content-Type" "application/exe"', 'replace "Removed.";')
    expected = MESSAGE.replace(
        crlf('Content-Type: application/exe; name="virus.com"\n\nMZ'), crlf(TEXT + "Removed.")
    )
    assert edited(script, MESSAGE) == expected


def test_a_multipart_is_replaced_with_all_in_it() -> None:
    script = 'set "n" "";'
    script += "foreverypart { "
    script += 'set "n" "${n}x"; '
    script += 'if header :mime :subtype "Content-Type" "alternative" { replace "One part."; } }'
    after = edited(script + 'addheader "X-N" "${n}";', MESSAGE)
    assert after.startswith(b"X-N: xxxx\r\n")  # the parts within are not visited any more
    assert b"BB" not in after
    assert [part.subtype for part in scan(after).children] == ["plain", "exe", "plain"]
    later = script + 'set "n" ""; foreverypart { set "n" "${n}x"; }'
    assert edited(later + 'addheader "X-N" "${n}";', MESSAGE).startswith(b"X-N: xxxx\r\n")


def test_a_part_is_replaced_by_a_mime_entity() -> None:
    entity = "Content-Type: text/x-note\nX-Own: yes\n\n<gone>"
    script = of_parts(':subtype "Content-Type" "exe"', f'replace :mime "{entity}";')
    after = edited(script, MESSAGE)
    assert crlf(f"--AA\n{entity}\n--AA\n") in after
    test = 'header :mime :anychild "x-own" "yes"'
    assert holds(test, MESSAGE, before=script)


def test_parts_within_a_new_multipart_are_for_later_loops() -> None:
    entity = "Content-Type: multipart/mixed; boundary=CC\n\n--CC\nX-In: 1\n\na\n--CC\n\nb\n--CC--"
    script = of_parts(':subtype "Content-Type" "exe"', f'replace :mime "{entity}";')
    loop = of_parts('"x-in" "1"', 'replace "inner";')
    assert crlf(f"--CC\n{TEXT}inner\n--CC\n\nb\n--CC--\n--AA") in edited(script + loop, MESSAGE)


def test_text_that_could_be_a_boundary_is_encoded() -> None:
    script = of_parts(':subtype "Content-Type" "exe"', 'replace "a\n--AA\nb";')
    after = edited(script, MESSAGE)
    assert len(scan(after).children) == 3
    assert holds('body :content "text" :is "a${hex:0d 0a}--AA${hex:0d 0a}b"', after)
    entity = 'replace :mime "A: b\n\n--AA--";'
    found = outcome(REQUIRE + of_parts(':subtype "Content-Type" "exe"', entity), letter=MESSAGE)
    assert found.error is not None
    assert "boundary" in found.error.problem.message


@pytest.mark.parametrize("script", ['replace "Änderung";', 'foreverypart { replace "Änderung"; }'])
def test_a_whole_message_keeps_its_other_fields(script: str) -> None:
    after = edited(script, MESSAGE)
    encoded = TEXT.replace("7bit", "base64")
    assert after == crlf(f"{HEADER}MIME-Version: 1.0\n{encoded}w4RuZGVydW5n\n")


def test_new_subjects_and_senders_keep_the_old() -> None:
    script = 'replace :subject "Grüße" :from "Bob <bob@example.test>" "New";'
    assert edited(script, MESSAGE) == crlf(
        "Received: by mx\nOriginal-From: Alice <alice@example.test>\nOriginal-Subject: Files\n"
        "Subject: =?utf-8?b?R3LDvMOfZQ==?=\nFrom: Bob <bob@example.test>\n"
        f"MIME-Version: 1.0\n{TEXT}New"
    )


def test_a_whole_message_of_a_mime_entity() -> None:
    script = 'replace :mime "Content-Type: text/html\nSubject: no\n\n<p>";'
    assert edited(script, MESSAGE) == crlf(
        f"{HEADER}MIME-Version: 1.0\nContent-Type: text/html\n\n<p>"
    )


def test_who_replaced_the_message_may_edit_it() -> None:
    after = edited('replace "New"; addheader "X-A" "b"; replace "Newer";', MESSAGE)
    assert after == crlf(f"X-A: b\n{HEADER}MIME-Version: 1.0\n{TEXT}Newer")


def test_a_message_is_enclosed() -> None:
    after = edited('enclose :subject "Warning" :headers ["From", "To"] "Careful!";', MESSAGE)
    letter = Letter(after)
    assert letter.values("subject") == ("Warning",)
    assert letter.values("from") == ("Alice <alice@example.test>",)
    assert letter.values("date") == ("Wed, 25 Nov 2026 20:00:00 +0100",)
    assert len(letter.values("message-id")) == 1
    text, message = letter.root.children
    assert (text.media_type, text.text) == ("text/plain", "Careful!")
    assert message.media_type == "message/rfc822"
    assert after[message.part.body : message.part.end] == MESSAGE


def test_what_encloses_has_the_fields_it_needs() -> None:
    letter = Letter(edited('enclose "Careful!";', MESSAGE))
    assert letter.values("subject") == ("Files",)
    assert letter.values("from") == ("bob@example.test",)


def test_what_encloses_is_not_redirected() -> None:
    script = 'addheader "X-A" "b"; enclose "Careful!"; keep; redirect "eve@example.org";'
    kept, sent = actions(REQUIRE + script, letter=MESSAGE)
    assert isinstance(kept, Keep)
    assert isinstance(sent, Redirect)
    assert sent.message == b"X-A: b\r\n" + MESSAGE
    assert kept.message is not None
    assert b"Careful!" in kept.message


def test_tests_see_what_encloses() -> None:
    before = 'enclose :subject "Out" "Careful!";'
    assert holds('header "subject" "out"', MESSAGE, before=before)
    assert holds('header :mime :anychild "subject" "files"', MESSAGE, before=before)
    assert holds('body :content "text" :contains "careful"', MESSAGE, before=before)


def test_a_message_in_utf_8_is_enclosed_as_such() -> None:
    letter = Letter(edited('enclose "x";', "Subject: ä\r\n\r\nü".encode()))
    assert letter.root.children[1].media_type == "message/global"
    assert letter.root.children[1].part.encoding == "8bit"


@pytest.mark.parametrize("sender", ["nobody", "a@", "@example.test", "a@b c@d", ""])
def test_a_sender_that_is_no_address_is_refused_or_passed_over(sender: str) -> None:
    with pytest.raises(ScriptError, match="no address"):
        compile_script(f'{REQUIRE}replace :from "{sender}" "x";'.encode())
    script = f'set "s" "{sender}"; replace :from "${{s}}" "x";'
    assert edited(script, MESSAGE) == edited('replace "x";', MESSAGE)


def test_enclosing_again_and_again_ends() -> None:
    found = outcome(REQUIRE + 'enclose "x";' * 2_000, letter=MESSAGE)
    assert found.error is not None
