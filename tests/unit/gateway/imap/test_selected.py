"""Numbers and UIDs of one client (RFC 9051 sections 2.3.1 and 7.5.1)."""

from dataclasses import dataclass, field
from typing import cast

import pytest
from msgspec.structs import replace

from gateway.imap.outcomes import Bad
from gateway.imap.places import Place
from gateway.imap.selected import Selected, batches, runs
from gateway.imap.sequence_set import SAVED, parse_sequence_set
from postroom.mailboxes.records import Changes, Mailbox, Message
from postroom.mailboxes.view import View
from postroom.platform.blobs import BlobKey

MAILBOX = Mailbox("m1", "a1", "INBOX", "", True, 1, 100, 10, 5, 0, 0, 0, 1, (), 1)


@dataclass
class Snapshot:
    """What Selected reads of a view."""

    mailbox: Mailbox = MAILBOX
    uids: list[int] = field(default_factory=lambda: [3, 5, 8, 13, 21])


def selected(*uids: int) -> Selected:
    return Selected(cast(View, Snapshot(uids=list(uids))), cast(Place, None), False, 1)


def message(uid: int, mod_seq: int) -> Message:
    return Message(uid, mod_seq, frozenset(), 1, 0, 0, BlobKey("b"), b"")


def changes(mod_seq: int, changed: list[Message], expunged: list[int]) -> Changes:
    return Changes(replace(MAILBOX, highest_mod_seq=mod_seq), changed, expunged)


@pytest.mark.parametrize(
    ("text", "uid", "expected"),
    [
        pytest.param(b"2:4", False, [8, 13, 5], id="numbers"),
        pytest.param(b"4:2,3", False, [5, 8, 13], id="each once, in order"),
        pytest.param(b"*", False, [21], id="star is the last"),
        pytest.param(b"9:*", False, [21], id="a range to star names the last at least"),
        pytest.param(b"5:8", True, [5, 8], id="UIDs"),
        pytest.param(b"4,6:7", True, [], id="UIDs that are not there"),
        pytest.param(b"14:*", True, [21], id="UIDs to the last"),
        pytest.param(b"900:*", True, [21], id="star below the first UID"),
        pytest.param(b"1:4294967295", True, [3, 5, 8, 13, 21], id="all UIDs"),
    ],
)
def test_what_a_set_names(text: bytes, uid: bool, expected: list[int]) -> None:
    found = selected(3, 5, 8, 13, 21)
    positions = found.positions(parse_sequence_set(text), uid)
    assert found.uids_at(positions) == sorted(expected)


@pytest.mark.parametrize("text", [b"6", b"1:6", b"6,1"])
def test_a_number_that_is_not_there(text: bytes) -> None:
    with pytest.raises(Bad):
        selected(3, 5, 8, 13, 21).positions(parse_sequence_set(text), uid=False)


@pytest.mark.parametrize("text", [b"*", b"1:*", b"*:*"])
@pytest.mark.parametrize("uid", [False, True])
def test_nothing_is_named_in_an_empty_mailbox(text: bytes, uid: bool) -> None:
    assert selected().positions(parse_sequence_set(text), uid) == []


def test_a_saved_result_forgets_what_is_gone() -> None:
    found = selected(3, 5, 8)
    found.saved = (3, 5, 8)
    found.take_in(changes(11, [], [5]))
    found.tell_expunges()
    assert found.uids_at(found.positions(SAVED, uid=False)) == [3, 8]


def test_numbers_hold_until_the_client_is_told() -> None:
    found = selected(3, 5, 8)
    found.take_in(changes(11, [message(9, 11)], [3]))
    assert list(found.uids) == [3, 5, 8, 9]
    assert found.tell_expunges() == b"* 1 EXPUNGE\r\n"
    assert list(found.uids) == [5, 8, 9]
    assert found.tell_expunges() == b""


@pytest.mark.parametrize("count", [3, 40])
def test_expunges_go_from_the_highest_number_down(count: int) -> None:
    found = selected(*range(1, 101))
    gone = list(range(10, 10 + count))
    found.take_in(changes(11, [], gone))
    numbers = [int(line.split()[1]) for line in found.tell_expunges().splitlines()]
    assert numbers == sorted(gone, reverse=True)
    assert list(found.uids) == [uid for uid in range(1, 101) if uid not in gone]


def test_its_own_changes_are_no_news() -> None:
    found = selected(3, 5)
    found.note_told(message(3, 11))
    assert found.take_in(changes(12, [message(3, 11), message(5, 12)], [])) == [(1, message(5, 12))]
    assert found.take_in(changes(13, [message(3, 13)], [])) == [(0, message(3, 13))]


def test_a_message_that_came_and_went_was_never_there() -> None:
    found = selected(3)
    assert found.take_in(changes(12, [], [4])) == []
    assert list(found.uids) == [3]
    assert not found.has_untold_expunges


def test_runs_and_batches() -> None:
    assert runs([-1, 1, 2, 3, 7]) == [range(1, 4), range(7, 8)]
    assert list(batches([range(3), range(5, 7)], 2)) == [[0, 1], [2, 5], [6]]
