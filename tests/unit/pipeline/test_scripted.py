"""Whatever fails while scripts are carried out, each of their effects happens once."""

import contextlib

import pytest

from postroom.autoreply.answers import from_json
from postroom.errors import BlobMissing, PostroomError, StoreUnavailable
from postroom.pipeline import answers
from postroom.pipeline.accepted import Accepted
from postroom.pipeline.inbound import process
from postroom.pipeline.later import letter_of
from postroom.platform.blobs import BlobKey
from postroom.platform.queue import Letter
from postroom.relay.outbound import Outbound
from postroom.relay.waiting import OUTBOUND, REPORT, in_order
from tests.unit.pipeline.rooms import Rooms

DAY = 86_400
MOST_WRITES = 40

SCRIPTS = {
    "alice": """
        require ["fileinto", "copy", "editheader", "vacation", "duplicate"];
        if duplicate { discard; stop; }
        fileinto :copy "A";
        fileinto :copy "B";
        redirect :copy "carol@example.test";
        redirect :copy "dan@else.test";
        addheader "X-Edited" "yes";
        vacation :addresses "alice@example.test" "I am away.";
        keep;
    """,
    "bob": 'require "reject"; reject "Not to me.";',
}
HEADER = b"From: s@else.test\r\nTo: alice@example.test\r\n"


@pytest.fixture
def scripted(rooms: Rooms) -> Rooms:
    for name, script in SCRIPTS.items():
        account = rooms.accounts[name].id
        rooms.app.scripts.put(account, "main", script.encode())
        rooms.app.scripts.set_active(account, "main")
    for name in ("A", "B"):
        rooms.app.mailboxes.create(rooms.accounts["alice"].id, name)
    for queue in ("inbound", "answers", "outbound", "bounces"):
        rooms.store.queue(queue, visibility=1, max_receives=1000)
    return rooms


def drained(rooms: Rooms, name: str) -> list[Letter]:
    queue = rooms.app.queue(name)
    letters = queue.receive(10, 0.0)
    queue.delete([letter.receipt for letter in letters])
    return letters


def run(rooms: Rooms, entry: Accepted) -> None:
    """As the functions do it, a letter that failed coming back until it has not."""
    waiting: list[object] = [entry]
    for _ in range(20):
        again: list[object] = []
        for letter in waiting:
            try:
                failed = (
                    process(rooms.app, [letter])
                    if isinstance(letter, Accepted)
                    else answers.process(rooms.app, [letter])  # type: ignore[list-item]
                )
            except PostroomError:
                failed = {0: None}  # type: ignore[dict-item]
            again += [letter] if failed else []
        waiting = again
        waiting += [letter_of(letter.body) for letter in drained(rooms, "inbound")]
        waiting += [from_json(letter.body) for letter in drained(rooms, "answers")]
        if not waiting:
            return
    raise AssertionError("it does not come to an end")


def texts(rooms: Rooms, name: str, mailbox: str = "INBOX") -> list[bytes]:
    found = rooms.app.mailboxes.find(rooms.accounts[name].id, mailbox)
    return [rooms.app.blobs.get(message.blob) for message in rooms.app.mailboxes.messages(found.id)]


def check(rooms: Rooms) -> None:
    assert [len(texts(rooms, "alice", name)) for name in ("A", "B", "INBOX")] == [1, 1, 1]
    assert b"X-Edited: yes\r\n" in texts(rooms, "alice")[0]
    assert b"X-Edited" not in texts(rooms, "alice", "A")[0]
    assert texts(rooms, "bob") == []
    [redirected] = texts(rooms, "carol")
    assert redirected.startswith(b"Delivered-To: alice@example.test\r\n")
    kinds = [found.ticket.kind for found in in_order(rooms.app.table)]
    assert kinds.count(OUTBOUND) == 2, "what went on to dan, and the answer"
    assert len(kinds) == 3, "and the report about bob"


def everything_goes(rooms: Rooms, blob: BlobKey) -> None:
    alice = rooms.accounts["alice"].id
    blobs = {blob}
    for name, mailboxes in (("alice", ("A", "B", "INBOX")), ("carol", ("INBOX",))):
        account = rooms.accounts[name].id
        for mailbox in mailboxes:
            found = rooms.app.mailboxes.find(account, mailbox).id
            messages = list(rooms.app.mailboxes.messages(found))
            blobs |= {message.blob for message in messages}
            uids = [message.uid for message in messages]
            rooms.app.mailboxes.store_flags(account, found, uids, add=["\\Deleted"])
            rooms.app.mailboxes.expunge(account, found)
    assert len(blobs) == 3, "as it came, edited, and as carol has it"
    assert rooms.app.mailboxes.usage(alice) == 0
    rooms.clock.time += 40 * DAY
    while rooms.app.mailboxes.sweep():
        pass
    for key in blobs - {blob}:  # the report about bob still needs the text as it came
        with pytest.raises(BlobMissing):
            rooms.app.blobs.get(key)
    rooms.app.blobs.get(blob)


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, but the answer is lost"])
@pytest.mark.parametrize("fail_at", range(1, MOST_WRITES))
def test_a_store_that_fails_at_any_write_doubles_and_loses_nothing(
    scripted: Rooms, fail_at: int, after: bool
) -> None:
    entry = scripted.accept(b"x", "alice@example.test", "bob@example.test", header=HEADER)
    scripted.table.start()
    scripted.table.fail_at, scripted.table.after = fail_at, after
    run(scripted, entry)
    scripted.table.start()
    check(scripted)
    run(scripted, entry)  # the queue repeats itself, after all is done
    check(scripted)
    everything_goes(scripted, entry.blob)


def test_the_writes_that_can_fail_are_all_tried(scripted: Rooms) -> None:
    entry = scripted.accept(b"x", "alice@example.test", "bob@example.test", header=HEADER)
    scripted.table.start()
    run(scripted, entry)
    assert scripted.table.writes < MOST_WRITES


def test_of_two_that_come_at_once_the_second_waits_to_be_found_a_duplicate(rooms: Rooms) -> None:
    """By a list and directly, within the same second: the usual case."""
    alice = rooms.accounts["alice"].id
    rooms.app.scripts.put(alice, "main", b'require "duplicate"; if duplicate { discard; }')
    rooms.app.scripts.set_active(alice, "main")
    entries = [rooms.accept(b"the same", "alice@example.test") for _ in range(3)]
    other = rooms.accept(b"another", "alice@example.test")
    batch = [*entries, other]
    while batch:
        failed = process(rooms.app, batch)
        assert len(failed) < len(batch)
        batch = [batch[position] for position in failed]
    assert len(texts(rooms, "alice")) == 2


@pytest.mark.parametrize("fail_at", range(1, 8))
def test_an_edit_that_comes_out_another_way_next_time_is_filed_once(
    rooms: Rooms, fail_at: int
) -> None:
    alice = rooms.accounts["alice"].id
    rooms.app.mailboxes.create(alice, "A")
    script = (
        b'require ["enclose", "fileinto", "copy"];'
        b'fileinto :copy "A"; enclose "Now."; fileinto :copy "A"; keep;'
    )
    rooms.app.scripts.put(alice, "main", script)
    rooms.app.scripts.set_active(alice, "main")
    entry = rooms.accept(b"x", "alice@example.test")
    rooms.table.start()
    rooms.table.fail_at, rooms.table.after = fail_at, False
    with contextlib.suppress(StoreUnavailable):
        process(rooms.app, [entry])
    rooms.table.start()
    rooms.clock.time += 60  # the Date of what encloses it
    run(rooms, entry)
    assert len(texts(rooms, "alice", "A")) == 2
    assert len(texts(rooms, "alice")) == 1


def test_a_keyword_too_many_is_lost_and_not_the_message(rooms: Rooms) -> None:
    alice = rooms.accounts["alice"].id
    script = b'require "imap4flags"; keep :flags ["\\\\Seen", "one"];'
    rooms.app.scripts.put(alice, "main", script)
    rooms.app.scripts.set_active(alice, "main")
    inbox = rooms.app.mailboxes.inbox(alice)
    other = rooms.accept(b"first", "alice@example.test")
    assert process(rooms.app, [other]) == {}
    [first] = rooms.app.mailboxes.messages(inbox)
    assert first.flags == {"\\Seen", "one"}
    many = [f"keyword{number}" for number in range(99)]  # "one" is known, too
    rooms.app.mailboxes.store_flags(alice, inbox, [first.uid], replace=many)
    rooms.app.scripts.put(alice, "main", script.replace(b"one", b"two"))
    assert process(rooms.app, [rooms.accept(b"second", "alice@example.test")]) == {}
    [_, second] = rooms.app.mailboxes.messages(inbox)
    assert second.flags == {"\\Seen"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("keep;", 'require "reject"; reject "No.";', id="kept, then rejected"),
        pytest.param(
            "keep;",
            'require ["fileinto", "mailbox"]; fileinto :create "C"; keep;',
            id="kept, then filed twice",
        ),
        pytest.param('require "reject"; reject "No.";', "keep;", id="rejected, then kept"),
    ],
)
def test_a_repeat_does_not_do_what_the_script_says_by_then(
    rooms: Rooms, before: str, after: str
) -> None:
    alice = rooms.accounts["alice"].id
    rooms.app.scripts.put(alice, "main", before.encode())
    rooms.app.scripts.set_active(alice, "main")
    entry = rooms.accept(b"x", "alice@example.test")
    assert process(rooms.app, [entry]) == {}

    def state() -> tuple[int, int]:
        boxes = rooms.app.mailboxes.all_of(alice)
        held = sum(len(list(rooms.app.mailboxes.messages(box.id))) for box in boxes)
        return held, sum(1 for _ in in_order(rooms.app.table))

    was = state()
    assert sum(was) == 1
    rooms.app.scripts.put(alice, "main", after.encode())
    assert process(rooms.app, [entry]) == {}
    assert state() == was


def test_a_repeat_tells_of_a_rejection_that_was_not_told(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = rooms.accounts["alice"].id
    rooms.app.scripts.put(alice, "main", b'require "reject"; reject "No.";')
    rooms.app.scripts.set_active(alice, "main")
    entry = rooms.accept(b"x", "alice@example.test")
    with monkeypatch.context() as patch:
        patch.setattr(Outbound, "add", _fails)
        with pytest.raises(StoreUnavailable):
            process(rooms.app, [entry])
    assert [journey.place for journey in rooms.app.journeys.trace(entry.queue_id)] == [alice]
    assert process(rooms.app, [entry]) == {}
    [report] = in_order(rooms.app.table)
    assert report.ticket.kind == REPORT


def _fails(*_: object) -> None:
    raise StoreUnavailable("the test says so")


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, but the answer is lost"])
@pytest.mark.parametrize("fail_at", range(1, 8))
def test_the_text_goes_with_its_last_copy_whoever_was_done_first(
    rooms: Rooms, fail_at: int, after: bool
) -> None:
    accounts = {name: rooms.accounts[name].id for name in ("alice", "carol")}
    rooms.app.mailboxes.create(accounts["alice"], "A")
    rooms.app.scripts.put(accounts["alice"], "main", b'require "fileinto"; fileinto "A"; keep;')
    rooms.app.scripts.set_active(accounts["alice"], "main")
    entry = rooms.accept(b"x", "alice@example.test", "carol@example.test")
    rooms.table.start()
    rooms.table.fail_at, rooms.table.after = fail_at, after
    for _ in range(2):
        try:
            process(rooms.app, [entry])
        except PostroomError:
            continue
    rooms.table.start()
    assert process(rooms.app, [entry]) == {}
    found = [("alice", "A"), ("alice", "INBOX"), ("carol", "INBOX")]
    assert [len(texts(rooms, *each)) for each in found] == [1, 1, 1]
    for name, mailbox in found:
        place = rooms.app.mailboxes.find(accounts[name], mailbox).id
        rooms.app.mailboxes.store_flags(accounts[name], place, [1], add=["\\Deleted"])
        rooms.app.mailboxes.expunge(accounts[name], place)
    rooms.clock.time += 40 * DAY
    while rooms.app.mailboxes.sweep():
        pass
    with pytest.raises(BlobMissing):
        rooms.app.blobs.get(entry.blob)
