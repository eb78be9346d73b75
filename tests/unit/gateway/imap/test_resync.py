"""What a client has missed (RFC 7162 sections 3.2.5 and 3.2.6)."""

from dataclasses import dataclass, field
from typing import cast

import pytest
from msgspec.structs import replace

from gateway.imap.commands import Resync, Select
from gateway.imap.parser import parse
from gateway.imap.places import Place
from gateway.imap.resync import missed, missed_since
from gateway.imap.selected import Selected
from gateway.imap.sequence_set import parse_sequence_set
from postroom.errors import BadSyntax
from postroom.mailboxes.records import Changes, Mailbox, Message
from postroom.mailboxes.view import View
from postroom.platform.blobs import BlobKey

MAILBOX = Mailbox("m1", "a1", "INBOX", "", True, 7, 30, 100, 5, 0, 0, 0, 1, (), 1, forgotten=50)
THERE = [3, 5, 8, 13, 21]


def message(uid: int, mod_seq: int = 60) -> Message:
    return Message(uid, mod_seq, frozenset(), 1, 0, 0, BlobKey("b"), b"")


@dataclass
class Snapshot:
    """What is read of a view: 13 was altered, 9 and 14 are gone, and 22 just came."""

    mailbox: Mailbox = MAILBOX
    uids: list[int] = field(default_factory=lambda: list(THERE))

    def since(self, mod_seq: int, *, most: int | None = None) -> Changes:
        assert mod_seq >= MAILBOX.forgotten, "the table knows no tombstones of that age"
        altered = [message(22, 99), message(13), message(5, 70)]
        return Changes(replace(MAILBOX, highest_mod_seq=101), altered, [8, 9, 14])

    def messages_in(self, uids: list[int]) -> list[Message]:
        return [message(uid, 60 if uid == 13 else 10) for uid in uids]


def selected() -> Selected:
    return Selected(cast(View, Snapshot()), cast(Place, None), False, 1)


@pytest.mark.parametrize(
    ("named", "vanished", "changed"),
    [
        pytest.param(None, [range(9, 10), range(14, 15)], [5, 13], id="all"),
        pytest.param(b"1:*", [range(9, 10), range(14, 15)], [5, 13], id="all of a set"),
        pytest.param(b"10:4294967295", [range(14, 15)], [13], id="beyond the last UID"),
        pytest.param(b"14,1:9", [range(9, 10), range(14, 15)], [5], id="in any order"),
        pytest.param(b"8", [], [], id="gone, but the client counts it still"),
        pytest.param(b"400:500", [], [], id="never given"),
    ],
)
def test_what_the_tombstones_tell(
    named: bytes | None, vanished: list[range], changed: list[int]
) -> None:
    wanted = None if named is None else parse_sequence_set(named)
    gone, altered = missed_since(selected(), 55, wanted)
    assert gone == vanished
    assert [each.uid for each in altered] == changed


def test_without_tombstones_all_that_is_not_there_is_gone() -> None:
    gone, altered = missed_since(selected(), 20, parse_sequence_set(b"4:15,29:99"))
    assert gone == [
        *(range(4, 5), range(6, 8), range(9, 13), range(14, 16)),
        range(29, 30),
    ]
    assert [each.uid for each in altered] == [13]


@pytest.mark.parametrize(
    ("numbers", "uids", "first"),
    [
        pytest.param(b"2", b"5", 6, id="one pair"),
        pytest.param(b"1:4", b"3,5,8,13", 14, id="ranges"),
        pytest.param(b"1:5", b"3,5,9,13,21", 6, id="up to the first that differs"),
        pytest.param(b"1", b"4", 1, id="none is right"),
        pytest.param(b"5,9", b"21,40", 22, id="a number beyond the last"),
    ],
)
def test_where_the_client_agrees_it_has_missed_nothing(
    numbers: bytes, uids: bytes, first: int
) -> None:
    resync = Resync(7, 1, None, parse_sequence_set(numbers), parse_sequence_set(uids))
    gone, _ = missed(selected(), resync)
    wanted = [uid for uid in range(first, 30) if uid not in THERE]
    assert [uid for each in gone for uid in each] == wanted


def test_another_uidvalidity_is_another_mailbox() -> None:
    assert missed(selected(), Resync(8, 55)) == ([], [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"(7 9)", Resync(7, 9), id="no more than it must have"),
        pytest.param(b"(7 9 1:4)", Resync(7, 9, parse_sequence_set(b"1:4")), id="known UIDs"),
        pytest.param(
            b"(7 9 (1,3:4 8,10:11))",
            Resync(7, 9, None, parse_sequence_set(b"1,3:4"), parse_sequence_set(b"8,10:11")),
            id="pairs without known UIDs",
        ),
        pytest.param(
            b"(7 9 5 (1 2))",
            Resync(7, 9, *(parse_sequence_set(each) for each in (b"5", b"1", b"2"))),
            id="both",
        ),
    ],
)
def test_the_parameter(text: bytes, expected: Resync) -> None:
    command = parse(b"a SELECT x (QRESYNC " + text + b")")
    assert command == Select(b"a", "x", resync=expected)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"(0 1)", id="no UIDVALIDITY"),
        pytest.param(b"(7 0)", id="MODSEQ 0"),
        pytest.param(b"(7)", id="no MODSEQ"),
        pytest.param(b"(7 1 1:*)", id="star"),
        pytest.param(b"(7 1 $)", id="a saved result"),
        pytest.param(b"(7 1 (1:3 4,6))", id="halves of different size"),
        pytest.param(b"(7 1 (1:2 1:4294967295))", id="of very different size"),
        pytest.param(b"(7 1 (3,2 4,6))", id="falling numbers"),
        pytest.param(b"(7 1 (2,2 4,6))", id="a number twice"),
        pytest.param(b"(7 1 (2:1 4,6))", id="a range backwards"),
        pytest.param(b"(7 1 1 2)", id="two sets of UIDs"),
        pytest.param(b"(7 1 (1 2) 1)", id="in the wrong order"),
        pytest.param(b"(7 1) QRESYNC (7 1)", id="twice"),
    ],
)
def test_a_wrong_parameter(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse(b"a SELECT x (QRESYNC " + text + b")")
