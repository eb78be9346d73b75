"""The bounce function: a report is delivered once whatever fails, and poison stays alone."""

import email
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from postroom.errors import BadSyntax, StoreUnavailable
from postroom.journeys.ids import is_queue_id, new_queue_id, tail_of, time_of
from postroom.journeys.store import Event, Journey, Journeys
from postroom.pipeline.accepted import Accepted
from postroom.pipeline.bounces import Letter, decode, process
from postroom.platform.batches import Reasons, run_batch
from postroom.platform.blobs import BlobKey, BlobStore
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.queue import Queue
from postroom.relay.bounces.incoming import Incoming
from postroom.relay.bounces.ses import SesNotice
from postroom.relay.reports import Report, Told, new_report
from postroom.relay.suppression import Suppression
from postroom.relay.waiting import Ticket, get_many, ticket
from tests.unit.pipeline.rooms import SetClock, Table

AT = 1_800_000_000_000
QUEUE_ID = new_queue_id(AT / 1000, bytes(9), "<1@example.test>")
ORIGINAL = (
    b"Subject: Rechnung\r\nMessage-ID: <1@example.test>\r\nContent-Language: de\r\n\r\nHallo\r\n"
)
EVENTS = Path(__file__).parents[3] / "functions/bounce/events"


@dataclass
class Outbound:
    """Remembers what it let go."""

    released: list[tuple[str, str]] = field(default_factory=list)
    fails: bool = False

    def release(self, queue_id: str, blob: BlobKey) -> None:
        if self.fails:
            raise StoreUnavailable("the test says so")
        self.released.append((queue_id, blob))


@dataclass
class Rooms:
    store: EmbeddedStore
    table: Table
    blobs: BlobStore
    journeys: Journeys
    suppression: Suppression
    outbound: Outbound
    clock: SetClock
    hostname: str = "mx.example.test"

    def queue(self, name: str) -> Queue:
        return self.store.queue(name)

    def language_of(self, account: str) -> str:
        return {"account1": "fr"}.get(account, "")

    def waits(self, report: Report) -> Ticket:
        self.table.write(new_report(report, AT))
        return report.ticket

    def accepted(self) -> list[Accepted]:
        """What lies in the Inbound queue; taken out."""
        queue = self.queue("inbound")
        letters = []
        while received := queue.receive(10):
            letters += [Accepted.from_json(letter.body) for letter in received]
            queue.delete([letter.receipt for letter in received])
        return letters


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    clock = SetClock()
    store = EmbeddedStore(tmp_path, clock)
    table = Table(store.table)
    store.blobs.put(BlobKey(QUEUE_ID), ORIGINAL)
    yield Rooms(
        store,
        table,
        store.blobs,
        Journeys(table, clock),
        Suppression(table, clock),
        Outbound(),
        clock,
    )
    store.close()


def a_report(name: str = "other.test 1", **more: object) -> Report:
    told = Told(
        "bob@other.test", "failed", "5.1.1", "no", AT, reply="550 5.1.1 No", peer="mx [::1]"
    )
    fields: dict[str, object] = {
        "queue_id": QUEUE_ID,
        "name": name,
        "blob": QUEUE_ID,
        "size": len(ORIGINAL),
        "received": AT - 1000,
        "reverse_path": "anna@example.test",
        "told": (told,),
        "message_id": "<1@example.test>",
    }
    return Report(**{**fields, **more})  # type: ignore[arg-type]


def test_a_report_becomes_an_accepted_message(rooms: Rooms) -> None:
    waiting = rooms.waits(a_report())
    assert process(rooms, [waiting]) == {}
    [accepted] = rooms.accepted()
    assert accepted.reverse_path == ""
    assert accepted.ours  # it may go anywhere, and is not taken for a report of others
    assert [(to.address, to.notify) for to in accepted.recipients] == [
        ("anna@example.test", ("NEVER",))
    ]
    assert is_queue_id(accepted.queue_id)
    assert time_of(accepted.queue_id) == AT
    assert tail_of(accepted.queue_id) == tail_of(accepted.message_id)
    message = rooms.blobs.get(accepted.blob)
    assert accepted.size == len(message)
    assert not accepted.smtputf8
    parsed = email.message_from_bytes(message)
    assert parsed["Message-ID"] == accepted.message_id
    assert parsed["In-Reply-To"] == "<1@example.test>"
    assert parsed["Subject"] == "Unzustellbar: Rechnung"
    assert get_many(rooms.table, [waiting]) == {}
    assert rooms.outbound.released == [(QUEUE_ID, QUEUE_ID)]


def test_the_accounts_language_comes_first(rooms: Rooms) -> None:
    process(rooms, [rooms.waits(a_report(account="account1"))])
    [accepted] = rooms.accepted()
    assert b"Content-Language: fr" in rooms.blobs.get(accepted.blob)


def test_a_repeat_after_all_is_done_lets_go_only(rooms: Rooms) -> None:
    waiting = rooms.waits(a_report())
    process(rooms, [waiting])
    rooms.accepted()
    assert process(rooms, [waiting]) == {}
    assert rooms.accepted() == []
    assert len(rooms.outbound.released) == 2


@pytest.mark.parametrize("after", [False, True])
def test_a_failure_at_any_write_gives_the_same_message_again(rooms: Rooms, after: bool) -> None:
    waiting = rooms.waits(a_report())
    rooms.table.writes, rooms.table.fail_at, rooms.table.after = 0, 1, after
    assert isinstance(process(rooms, [waiting])[0], StoreUnavailable)
    [first] = rooms.accepted()
    octets = rooms.blobs.get(first.blob)
    rooms.clock.time += 3600
    rooms.table.fail_at = 0
    assert process(rooms, [waiting]) == {}
    for again in rooms.accepted():
        assert (again.queue_id, again.size) == (first.queue_id, first.size)
    assert rooms.blobs.get(first.blob) == octets  # written once, though an hour has passed
    assert rooms.outbound.released
    assert get_many(rooms.table, [waiting]) == {}


def test_a_failure_at_the_last_step_is_made_good(rooms: Rooms) -> None:
    waiting = rooms.waits(a_report())
    rooms.outbound.fails = True
    assert isinstance(process(rooms, [waiting])[0], StoreUnavailable)
    rooms.outbound.fails = False
    assert process(rooms, [waiting]) == {}
    assert rooms.outbound.released == [(QUEUE_ID, QUEUE_ID)]


def test_without_the_original_it_is_told_all_the_same(rooms: Rooms) -> None:
    process(rooms, [rooms.waits(a_report(blob="gone"))])
    [accepted] = rooms.accepted()
    assert b"Undeliverable: (no subject)" in rooms.blobs.get(accepted.blob)


def test_reports_on_one_message_are_several_messages(rooms: Rooms) -> None:
    names = ["other.test 1", "other.test 2", "third.test 1"]
    process(rooms, [rooms.waits(a_report(name)) for name in names])
    assert len({accepted.queue_id for accepted in rooms.accepted()}) == 3


def test_requiretls_holds_for_the_report_as_well(rooms: Rooms) -> None:
    """RFC 8689 section 5."""
    process(rooms, [rooms.waits(a_report(requiretls=True))])
    [accepted] = rooms.accepted()
    assert accepted.requiretls


def test_smtputf8_is_asked_for_where_it_is_needed(rooms: Rooms) -> None:
    process(rooms, [rooms.waits(a_report(reverse_path="änne@example.test"))])
    [accepted] = rooms.accepted()
    assert accepted.smtputf8
    assert accepted.recipients[0].address == "änne@example.test"


def bounce_message(name: str) -> bytes:
    return (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.other.test\r\n"
        b"\r\nFinal-Recipient: rfc822; bob@other.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        b"--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: %b\r\n\r\n--x--\r\n"
        % name.encode()
    )


def sent(rooms: Rooms) -> None:
    event = Event(AT, "relayed", "")
    rooms.table.write(
        rooms.journeys.marker(
            Journey(
                QUEUE_ID,
                ">other.test",
                "<1@example.test>",
                "anna@example.test",
                ("bob@other.test",),
                (event,),
            )
        )
    )
    rooms.journeys.index([("bob@other.test", QUEUE_ID)])


def test_a_report_that_came_in_is_credited(rooms: Rooms) -> None:
    sent(rooms)
    rooms.blobs.put(BlobKey("incoming"), bounce_message("<1@example.test>"))
    incoming = Incoming("q", BlobKey("incoming"), ("anna@example.test",))
    letter = decode(incoming.to_json())
    assert letter == incoming
    assert process(rooms, [letter]) == {}
    assert rooms.suppression.find([("example.test", "bob@other.test")])
    steps = [event.step for one in rooms.journeys.trace(QUEUE_ID) for event in one.events]
    assert sorted(steps) == ["bounced", "relayed"]


def test_a_report_that_was_deleted_meanwhile_is_forgotten(rooms: Rooms) -> None:
    assert process(rooms, [Incoming("q", BlobKey("gone"), ("anna@example.test",))]) == {}


def test_a_notice_of_ses_is_credited(rooms: Rooms) -> None:
    sent(rooms)
    notice = {
        "notificationType": "Complaint",
        "complaint": {"complainedRecipients": [{"emailAddress": "bob@other.test"}]},
        "mail": {"source": "anna@example.test", "timestamp": "2027-01-15T08:00:01.000Z"},
    }
    letter = decode(json.dumps({"Type": "Notification", "Message": json.dumps(notice)}))
    assert process(rooms, [letter]) == {}
    [entry] = rooms.suppression.list("example.test")
    assert entry.kind == "complaint"


def test_poison_fails_alone(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(app: object, incoming: Incoming) -> list[object]:
        raise RecursionError("the test says so")

    monkeypatch.setattr("postroom.pipeline.bounces.credit_incoming", breaks)
    letters: list[Letter] = [
        Incoming("q", BlobKey("x"), ()),
        rooms.waits(a_report()),
    ]
    failed = process(rooms, letters)
    assert list(failed) == [0]
    assert len(rooms.accepted()) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (ticket("r", QUEUE_ID, "x 1").to_json(), Ticket),
        ('{"credit": {"queue_id": "q", "blob": "b", "recipients": []}}', Incoming),
        ('{"notificationType": "Bounce"}', SesNotice),
    ],
)
def test_letters_of_three_kinds(body: str, kind: type) -> None:
    assert isinstance(decode(body), kind)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no letter",
        "[]",
        "{}",
        '{"waiting": 3}',
        '{"waiting": "r1/x"}',
        ticket("o", QUEUE_ID, "x").to_json(),
        ticket("r", "no queue id", "x").to_json(),
        '{"waiting": ""}',
        '{"credit": {}}',
        '{"credit": null}',
        "\ud800",
    ],
)
def test_other_letters_are_refused(body: str) -> None:
    with pytest.raises(BadSyntax):
        decode(body)


@pytest.mark.parametrize("name", sorted(path.stem for path in EVENTS.glob("*.json")))
def test_the_events_beside_the_function_run(rooms: Rooms, name: str) -> None:
    event = json.loads((EVENTS / f"{name}.json").read_text())
    reasons = Reasons(rooms.table, rooms.clock, "bounces")
    handle: Callable[..., object] = lambda batch: process(rooms, batch)  # noqa: E731
    answer = run_batch(event, decode, handle, reasons)  # type: ignore[arg-type]
    poison = [event["Records"][-1]["messageId"]] if name == "one_is_poison" else []
    assert [item["itemIdentifier"] for item in answer["batchItemFailures"]] == poison
