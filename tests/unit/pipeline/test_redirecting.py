"""What users redirect goes on as it came, with no more rights than it has, and not round."""

import msgspec
import pytest

from postroom.directory.records import Alias
from postroom.pipeline import bounces
from postroom.pipeline.accepted import Accepted
from postroom.pipeline.inbound import process
from postroom.platform.blobs import BlobKey
from postroom.relay.entries import entry_of
from postroom.relay.reports import report_of
from postroom.relay.waiting import in_order
from tests.unit.pipeline.rooms import Rooms

HEADER = b"From: s@else.test\r\nTo: alice@example.test\r\n"


def activate(rooms: Rooms, name: str, script: str) -> None:
    account = rooms.accounts[name].id
    rooms.app.scripts.put(account, "main", script.encode())
    rooms.app.scripts.set_active(account, "main")


def steps(rooms: Rooms, entry: Accepted, most: int = 12) -> list[tuple[Accepted, bytes]]:
    """Take the message and all that comes of it through the pipeline; return what was redirected,
    with its text as it was."""
    waiting, found = [entry], []
    queue = rooms.app.queue("inbound")
    while waiting:
        assert len(found) < most, "it goes round"
        assert process(rooms.app, waiting) == {}
        letters = queue.receive(10, 0.0)
        queue.delete([letter.receipt for letter in letters])
        waiting = [Accepted.from_json(letter.body) for letter in letters]
        found += [(letter, rooms.app.blobs.get(letter.blob)) for letter in waiting]
    return found


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param('deleteheader "Delivered-To";', id="deletes the marks of a loop"),
        pytest.param('enclose "Look!";', id="puts it into another message"),
        pytest.param('replace :mime "Subject: new\r\n\r\nNew.";', id="writes it anew"),
    ],
)
def test_no_script_can_send_a_message_round_for_ever(rooms: Rooms, edit: str) -> None:
    edit = f'require ["editheader", "enclose", "replace"]; {edit}'
    activate(rooms, "alice", f'{edit} redirect "carol@example.test";')
    activate(rooms, "carol", f'{edit} redirect "alice@example.test";')
    sent = steps(rooms, rooms.accept(b"x", "alice@example.test", header=HEADER))
    assert [letter.recipients[0].address for letter, _ in sent] == [
        "carol@example.test",
        "alice@example.test",
    ]
    assert len(rooms.blobs_of("alice")) == 1


FROM_BOB = b"From: <bob@example.test>\r\nTo: <alice@example.test>\r\n"


@pytest.mark.parametrize(
    ("edit", "signed"),
    [
        pytest.param("", True, id="as it came"),
        pytest.param(
            'deleteheader "From"; addheader "From" "<alice@example.test>";', False, id="her own"
        ),
        pytest.param('replace "Pay me!";', False, id="written anew"),
    ],
)
def test_what_a_script_has_written_is_not_signed_as_a_users(
    rooms: Rooms, edit: str, signed: bool
) -> None:
    """Submission lets nobody write as somebody else; the domain's signature says so."""
    [key, *_] = rooms.app.dkim_keys.make("example.test", ("ed25519",), 0)
    rooms.app.dkim_keys.activate("example.test", key.selector)
    activate(rooms, "alice", f'require ["editheader", "replace"]; {edit} redirect "x@else.test";')
    bob = rooms.accounts["bob"]
    entry = rooms.accept(b"x", "alice@example.test", reverse_path=bob.address, header=FROM_BOB)
    entry = msgspec.structs.replace(entry, account=bob.id)
    [(letter, _)] = steps(rooms, entry)
    [waiting] = in_order(rooms.app.table)
    sent = entry_of(waiting)
    assert sent.queue_id == letter.queue_id
    assert (b"DKIM-Signature" in sent.prefix) is signed


def test_two_texts_for_one_address_are_two_messages(rooms: Rooms) -> None:
    activate(
        rooms,
        "alice",
        'require ["editheader", "copy"]; redirect :copy "x@else.test";'
        'addheader "X-Edited" "yes"; redirect "x@else.test";',
    )
    entry = rooms.accept(b"x", "alice@example.test", header=HEADER)
    sent = steps(rooms, entry)
    assert [b"X-Edited" in text for _, text in sent] == [False, True]
    assert len({letter.queue_id for letter, _ in sent}) == 2


def test_the_reason_of_a_rejection_starts_no_field_of_the_report(rooms: Rooms) -> None:
    activate(
        rooms, "alice", 'require "reject"; reject "No.\r\nBcc: x@else.test\r\n\r\n--=_\r\nFrom: y";'
    )
    entry = rooms.accept(b"x", "alice@example.test", reverse_path="carol@example.test")
    assert process(rooms.app, [entry]) == {}
    [waiting] = in_order(rooms.app.table)
    assert bounces.process(rooms.app, [waiting.ticket]) == {}
    steps_of_it = rooms.app.queue("inbound").receive(10, 0.0)
    [report] = [Accepted.from_json(letter.body) for letter in steps_of_it]
    assert [recipient.address for recipient in report.recipients] == ["carol@example.test"]
    assert process(rooms.app, [report]) == {}
    [blob] = rooms.blobs_of("carol")
    text = rooms.app.blobs.get(BlobKey(blob))
    assert b"\nBcc:" not in text
    assert b"\n--=_\r\n" not in text


@pytest.mark.parametrize(
    ("author", "goes"),
    [
        pytest.param("<alice@example.test>", True, id="she herself"),
        pytest.param("Alice <alice+x@example.test>", True, id="she herself, with a detail"),
        pytest.param("<eve@else.test>", True, id="somebody elsewhere, whose domain has the say"),
        pytest.param("<carol@example.test>", False, id="another user"),
        pytest.param("<alice@example.test>, <x@example.test>", False, id="another one beside her"),
    ],
)
def test_a_script_writes_in_the_name_of_no_other_user(
    rooms: Rooms, author: str, goes: bool
) -> None:
    activate(
        rooms,
        "alice",
        'require "editheader"; deleteheader "From";'
        f'addheader "From" "{author}"; redirect "x@else.test";',
    )
    [*sent] = steps(rooms, rooms.accept(b"x", "alice@example.test", header=HEADER))
    to = {letter.recipients[0].address for letter, _ in sent}
    assert to == ({"x@else.test"} if goes else {"alice@example.test"}), "or she is told why not"
    assert len(rooms.blobs_of("alice")) == (0 if goes else 2)


def test_an_address_that_several_refuse_is_reported_once(rooms: Rooms) -> None:
    """RFC 3464 section 2.3: one group of fields for each recipient."""
    for name in ("alice", "bob"):
        activate(rooms, name, f'require "reject"; reject "Not to {name}.";')
    users = tuple(rooms.accounts[name].address for name in ("alice", "bob", "carol"))
    rooms.app.directory.add_alias(Alias("team@example.test", users))
    entry = rooms.accept(b"x", "team@example.test", "alice@example.test")
    assert process(rooms.app, [entry]) == {}
    [waiting] = in_order(rooms.app.table)
    told = report_of(waiting).told
    assert sorted((one.address, one.reason) for one in told) == [
        ("alice@example.test", "Not to alice."),
        ("team@example.test", "Not to alice.\nNot to bob."),
    ]
    assert len(rooms.blobs_of("carol")) == 1


@pytest.mark.parametrize(("hops", "goes_on"), [(5, True), (6, False)])
def test_after_too_many_redirects_it_stays(rooms: Rooms, hops: int, goes_on: bool) -> None:
    activate(rooms, "alice", 'redirect "carol@example.test";')
    marks = b"".join(b"Delivered-To: a%d@else.test\r\n" % number for number in range(hops))
    steps(rooms, rooms.accept(b"x", "alice@example.test", header=marks + HEADER))
    assert (len(rooms.blobs_of("carol")), len(rooms.blobs_of("alice"))) == (goes_on, not goes_on)
