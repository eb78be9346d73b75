"""What the account holds (RFC 5490, 8579, 9042, 6134), and what came before (RFC 7352)."""

import pytest

from postroom.sieve.actions import Discard, Keep, Remember
from tests.unit.sieve.worlds import LETTER, TableWorld, actions, complaints

_ALL = """require ["mailbox", "mboxmetadata", "servermetadata", "special-use", "mailboxid",
"extlists", "duplicate", "variables", "imap4flags", "reject"];\n"""
_WORLD = TableWorld(
    mailboxes={"INBOX": [], "Old": ["\\Archive", "\\All"], "Bin": ["\\Trash"]},
    mailbox_ids=["F1"],
    annotations={
        ("INBOX", "/private/vendor/x/replies"): "on",
        ("Old", "/shared/comment"): "",
        (None, "/shared/admin"): "mailto:root@example.test",
    },
    lists={"tag:example.test,2026:friends": []},
    remembered=[("", "<1@example.org>"), ("h", "x")],
)
_DAY = 86_400


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        pytest.param('mailboxexists "Old"', True, id="a mailbox"),
        pytest.param('mailboxexists "inbox"', True, id="INBOX in any case"),
        pytest.param('mailboxexists ["INBOX", "None"]', False, id="all must be"),
        pytest.param('mailboxexists "a//b"', False, id="no name"),
        pytest.param('mailboxidexists "F1"', True, id="an id"),
        pytest.param('mailboxidexists ["F1", "F2"]', False, id="all ids must be"),
        pytest.param('specialuse_exists "\\\\archive"', True, id="a use"),
        pytest.param('specialuse_exists ["\\\\Archive", "\\\\Trash"]', True, id="of two mailboxes"),
        pytest.param('specialuse_exists "\\\\Junk"', False, id="a use of none"),
        pytest.param('specialuse_exists "Old" ["\\\\Archive", "\\\\All"]', True, id="both of one"),
        pytest.param('specialuse_exists "Old" ["\\\\Archive", "\\\\Trash"]', False, id="not both"),
        pytest.param('specialuse_exists "None" "\\\\All"', False, id="of no mailbox"),
        pytest.param('specialuse_exists "${no}" "\\\\All"', False, id="of no name"),
        pytest.param('metadata "INBOX" "/private/vendor/x/replies" "ON"', True, id="metadata"),
        pytest.param('metadata "INBOX" "/private/comment" "*"', False, id="no metadata"),
        pytest.param('metadata :matches "INBOX" "/private/comment" "*"', False, id="not even any"),
        pytest.param('metadata "Old" "/shared/comment" ""', True, id="empty metadata"),
        pytest.param('metadata "Old" "comment" "x"', False, id="no annotation"),
        pytest.param('metadataexists "Old" "/shared/comment"', True, id="it exists"),
        pytest.param('metadataexists "Old" ["/shared/comment", "/shared/x"]', False, id="not both"),
        pytest.param('servermetadata :contains "/shared/admin" "root"', True, id="of the server"),
        pytest.param('servermetadataexists "/shared/admin"', True, id="the server has it"),
        pytest.param('servermetadataexists "/shared/comment"', False, id="the server has it not"),
        pytest.param('valid_ext_list "tag:example.test,2026:friends"', True, id="a list"),
        pytest.param('valid_ext_list ["tag:example.test,2026:friends", "x"]', False, id="no list"),
    ],
)
def test_what_an_account_holds(test: str, holds: bool) -> None:
    found = actions(f"{_ALL}if {test} {{ discard; }}", world=_WORLD)
    assert found == ((Discard(),) if holds else (Keep(implicit=True),))


@pytest.mark.parametrize(
    ("test", "holds", "remembered"),
    [
        pytest.param("duplicate", True, Remember("", "<1@example.org>", 7 * _DAY), id="the id"),
        pytest.param(
            'duplicate :header "message-ID"', True, Remember("", "<1@example.org>", 7 * _DAY),
            id="the same by its field",
        ),
        pytest.param(
            'duplicate :header "subject" :seconds 60', False, Remember("", "Hello", 60), id="field"
        ),
        pytest.param(
            'duplicate :handle "h" :uniqueid "x" :last', True, Remember("h", "x", 7 * _DAY, True),
            id="a handle",
        ),
        pytest.param('duplicate :uniqueid "x"', False, Remember("", "x", 7 * _DAY), id="no handle"),
        pytest.param('duplicate :handle "h" :uniqueid "X"', False, Remember("h", "X", 7 * _DAY),
                     id="case matters"),
        pytest.param('duplicate :seconds 99999999 :uniqueid "x"', False,
                     Remember("", "x", 90 * _DAY), id="not for ever"),
        pytest.param('duplicate :seconds 0 :uniqueid "x"', False, None, id="not at all"),
        pytest.param('duplicate :header "x-none"', False, None, id="no such field"),
        pytest.param('duplicate :header "x y"', False, None, id="no name of a field"),
        pytest.param('duplicate :uniqueid "${none}"', False, None, id="no id"),
    ],
)  # fmt: skip
def test_what_came_before(test: str, holds: bool, remembered: Remember | None) -> None:
    found = actions(f"{_ALL}if {test} {{ discard; }}", world=_WORLD)
    expected = [remembered] if remembered else []
    assert [action for action in found if isinstance(action, Remember)] == expected
    assert (Discard() in found) is holds


def test_the_first_of_several_ids_counts() -> None:
    letter = b"Message-ID: <1@example.org>\r\nMessage-ID: <2@example.org>\r\n" + LETTER
    assert Discard() in actions(_ALL + "if duplicate { discard; }", letter=letter, world=_WORLD)


@pytest.mark.parametrize(
    "test",
    [
        pytest.param('duplicate :header "a" :uniqueid "b"', id="by a field and an id"),
        pytest.param('specialuse_exists "Archive"', id="a use without its backslash"),
    ],
)
def test_wrong_questions_are_found_at_once(test: str) -> None:
    assert complaints(f"{_ALL}if {test} {{ discard; }}")
