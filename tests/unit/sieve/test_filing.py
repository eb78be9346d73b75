"""keep, fileinto and discard, and where they file to (RFC 5228, 3894, 5490, 8579, 9042)."""

import pytest

from postroom.sieve.actions import Action, Discard, FileInto, Keep
from tests.unit.sieve.worlds import actions, complaints, failure

_ALL = (
    'require ["fileinto", "copy", "mailbox", "special-use", "mailboxid", "variables",'
    ' "encoded-character"];\n'
)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("", [Keep(implicit=True)], id="nothing"),
        pytest.param("keep;", [Keep()], id="keep"),
        pytest.param("discard;", [Discard()], id="discard"),
        pytest.param('fileinto "a";', [FileInto("a")], id="fileinto"),
        pytest.param(
            'fileinto :copy "a";', [FileInto("a"), Keep(implicit=True)], id="a copy keeps"
        ),
        pytest.param('fileinto :copy "a"; discard;', [FileInto("a")], id="a copy, discarded"),
        pytest.param(
            'fileinto :copy "a"; fileinto "a";', [FileInto("a")], id="a copy, then no copy"
        ),
        pytest.param('fileinto "inbox"; keep;', [FileInto("INBOX")], id="INBOX in small letters"),
        pytest.param('fileinto "Inbox/x";', [FileInto("INBOX/x")], id="below INBOX"),
        pytest.param('fileinto "Cafe\u0301";', [FileInto("Caf\u00e9")], id="composed letters"),
        pytest.param('fileinto :create "a/b";', [FileInto("a/b", create=True)], id=":create"),
        pytest.param(
            'fileinto :specialuse "\\\\Junk" "Spam";',
            [FileInto("Spam", special_use="\\Junk")],
            id=":specialuse",
        ),
        pytest.param(
            'fileinto :mailboxid "F6352ae03-b7f5-463c-896f-d8b48ee3" :create "a";',
            [FileInto("a", create=True, mailbox_id="F6352ae03-b7f5-463c-896f-d8b48ee3")],
            id=":mailboxid",
        ),
        pytest.param('set "m" "a"; fileinto "${m}/b";', [FileInto("a/b")], id="a variable"),
        pytest.param(
            'fileinto "1"; fileinto "2"; stop; fileinto "3";',
            [FileInto("1"), FileInto("2")],
            id="stop",
        ),
    ],
)
def test_a_message_is_filed(script: str, expected: list[Action]) -> None:
    assert actions(_ALL + script) == tuple(expected)


@pytest.mark.parametrize(
    ("argument", "part"),
    [
        pytest.param('""', "cannot be empty", id="no name"),
        pytest.param('"a//b"', '"/"', id="an empty level"),
        pytest.param('"/a"', '"/"', id="an empty first level"),
        pytest.param('"a\nb"', "control character", id="a line end"),
        pytest.param('"${hex:fc}ber"', "not UTF-8", id="octets that are no characters"),
        pytest.param(f'"{"a" * 901}"', "900", id="too long"),
        pytest.param(':specialuse "Junk" "a"', "backslash", id="a use that is none"),
        pytest.param(
            ':specialuse "\\\\Junk" :mailboxid "x" "a"', ":mailboxid", id="a use and an id"
        ),
    ],
)
def test_what_cannot_be_filed_to_is_found_at_once(argument: str, part: str) -> None:
    [complaint] = complaints(f"{_ALL}fileinto {argument};")
    assert complaint.startswith("line 2, ")
    assert part in complaint


@pytest.mark.parametrize(
    "script",
    [
        pytest.param('fileinto "${none}";', id="an empty name"),
        pytest.param('set "m" "a//b"; fileinto "${m}";', id="an empty level"),
        pytest.param('set "u" "x"; fileinto :specialuse "${u}" "a";', id="a use that is none"),
    ],
)
def test_what_turns_out_wrong_keeps_the_message(script: str) -> None:
    assert failure(_ALL + 'fileinto "before";' + script).startswith("line 2, ")


@pytest.mark.parametrize(
    ("script", "part"),
    [
        pytest.param('fileinto "a";', "fileinto", id="fileinto"),
        pytest.param('require "fileinto"; fileinto :copy "a";', "copy", id=":copy"),
        pytest.param('require "fileinto"; fileinto :create "a";', "mailbox", id=":create"),
        pytest.param('keep :flags "a";', "imap4flags", id=":flags"),
    ],
)
def test_what_must_be_required_is_named(script: str, part: str) -> None:
    assert any(f'"{part}"' in complaint for complaint in complaints(script))
