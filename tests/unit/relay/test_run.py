"""Batches of entries against servers that take mail, or do not: five days in seconds."""

import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from postroom.errors import BlobMissing, ConditionFailed, StoreUnavailable
from postroom.platform.mailer import MailerRefused
from postroom.platform.table import Refusal, Write
from postroom.relay.operations import Operations
from postroom.relay.parcel import Outcome
from postroom.relay.reports import Report, report_of
from postroom.relay.smtp.limits import ClientLimits
from postroom.relay.waiting import REPORT
from tests.sink_actions import Wait
from tests.sinks import Sink, Visit, at, refuse, rules
from tests.unit.relay.attempts import Attempts
from tests.unit.relay.world import World
from tests.waiting import every

HOUR, DAY = 3600, 86_400


@pytest.fixture
def attempts(world: World) -> Iterator[Attempts]:
    found = Attempts(world)
    yield found
    found.relay.close()


def reports(world: World) -> list[Report]:
    found = [report_of(waiting) for waiting in every(world.store.table, REPORT)]
    return sorted(found, key=lambda report: report.told[0].at)


def actions(world: World) -> list[str]:
    return [told.action for report in reports(world) for told in report.told]


def steps(world: World, queue_id: str) -> list[str]:
    [journey] = world.journeys.trace(queue_id)
    return [event.step for event in journey.events]


def test_what_is_taken_is_gone_with_its_text(world: World, attempts: Attempts) -> None:
    with Sink() as sink:
        attempts.lead("elsewhere.test", sink.port)
        entry = world.entry()
        world.add(entry)
        attempts.run()
    [letter] = sink.letters
    assert letter.recipients == ["bob@elsewhere.test"]
    assert letter.sender == "alice@example.test"
    assert letter.content == b"Subject: x\r\n\r\nHello.\r\n"
    assert "ENVID" not in letter.mail, "the sender gave none (RFC 3461 section 5.2.1)"
    assert world.waiting(entry.queue_id) == []
    assert steps(world, entry.queue_id) == ["relayed"]
    assert reports(world) == []
    with pytest.raises(BlobMissing):
        world.store.blobs.get(entry.blob)


def test_one_message_takes_another_way(world: World, attempts: Attempts) -> None:
    with Sink() as usual, Sink() as other:
        attempts.lead("elsewhere.test", usual.port)
        entries = [world.entry(), world.entry(via=f"smtp://127.0.0.1:{other.port}?tls=none")]
        world.add(*entries)
        attempts.run()
    assert (len(usual.letters), len(other.letters)) == (1, 1)
    assert steps(world, entries[1].queue_id) == ["relayed"]


def test_a_letter_that_repeats_sends_nothing_twice(world: World, attempts: Attempts) -> None:
    with Sink() as sink:
        attempts.lead("elsewhere.test", sink.port)
        entry = world.entry()
        world.add(entry)
        attempts.relay.process([entry.ticket] * 3, 60)
        attempts.relay.process([entry.ticket], 60)
    assert len(sink.letters) == 1


def test_of_two_workers_one_goes_on(world: World, attempts: Attempts) -> None:
    with Sink() as sink:
        attempts.lead("elsewhere.test", sink.port)
        entries = [world.entry() for _ in range(30)]
        world.add(*entries)
        tickets = [entry.ticket for entry in entries]
        workers = [
            threading.Thread(target=attempts.relay.process, args=(tickets, 60)) for _ in range(4)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
    assert len(sink.letters) == 30


def test_five_days_of_a_server_that_is_down(world: World, attempts: Attempts) -> None:
    """At the times of the schedule; one warning, one bounce, and then nothing is left."""
    with Sink() as sink:
        port = sink.port
    attempts.lead("elsewhere.test", port)  # nobody listens there any more
    entry = world.entry()
    world.add(entry)
    attempts.run()
    began = world.clock.time
    tried: list[float] = []
    warned = None
    while world.waiting(entry.queue_id):
        [before] = world.waiting(entry.queue_id)
        attempts.pass_time(60)
        after = world.waiting(entry.queue_id)
        if not after or after[0].attempts > before.attempts:
            tried.append(world.clock.time - began)
        if warned is None and actions(world):
            warned = world.clock.time - began
        assert world.clock.time - began < 6 * DAY
    first = [60, 360, 1260, 3060, 6660]
    for found, wanted in zip(tried, first, strict=False):
        assert wanted <= found <= wanted * 1.15 + 120, tried
    assert warned is not None
    assert 4 * HOUR <= warned <= 6.5 * HOUR
    assert actions(world) == ["delayed", "failed"]
    assert 5 * DAY <= tried[-1] <= 5 * DAY + 300
    assert 30 <= len(tried) <= 40
    failed = reports(world)[-1].told[0]
    assert failed.status == "5.4.7"
    assert "refused" in failed.reason.lower(), failed
    assert steps(world, entry.queue_id)[-1] == "bounced"
    assert world.store.blobs.get(entry.blob), "the bounce quotes it"


def test_a_greylisting_server_takes_it_the_second_time(world: World, attempts: Attempts) -> None:
    met: list[float] = []

    def greylist(visit: Visit, verb: str, line: str) -> str | None:
        if verb != "RCPT":
            return None
        met.append(world.clock.time)
        return "450 4.2.0 Greylisted" if world.clock.time < met[0] + 300 else None

    with Sink(greylist) as sink:
        attempts.lead("elsewhere.test", sink.port)
        entry = world.entry()
        world.add(entry)
        attempts.run()
        assert sink.letters == []
        attempts.pass_time(900)
    assert len(sink.letters) == 1
    assert world.waiting(entry.queue_id) == []
    assert steps(world, entry.queue_id) == ["deferred", "deferred", "relayed"]
    assert reports(world) == []


def test_a_flapping_server_gets_everything_once(world: World, attempts: Attempts) -> None:
    """Up for ten minutes, away for twenty, for days; mail comes all the time."""

    def flap(visit: Visit, verb: str, line: str) -> str | None:
        up = world.clock.time % 1800 < 600
        return None if up or verb != "CONNECT" else "421 4.3.2 Not now"

    with Sink(flap) as sink:
        attempts.lead("elsewhere.test", sink.port)
        entries = []
        for _ in range(20):
            entry = world.entry()
            entries.append(entry)
            world.add(entry)
            attempts.run()
            attempts.pass_time(420)
        attempts.pass_time(4 * DAY, step=600)
    assert all(not world.waiting(entry.queue_id) for entry in entries)
    assert len(sink.letters) == 20
    assert "failed" not in actions(world)


def test_a_dead_destination_does_not_hold_up_another(world: World) -> None:
    attempts = Attempts(world, patience=0.5, limits=ClientLimits(connect=5, greeting=5, quit=0.5))
    stuck = threading.Event()

    def silent(visit: Visit, verb: str, line: str) -> str | None:
        if verb == "CONNECT":
            stuck.wait(10)
        return None

    with Sink(silent) as slow, Sink() as good:
        attempts.lead("slow.test", slow.port)
        attempts.lead("good.test", good.port)
        ours = [world.entry(f"x@{name}.test") for name in ("slow", "good", "slow", "good")]
        world.add(*ours)
        started = time.monotonic()
        attempts.relay.process([entry.ticket for entry in ours], 60)
        assert len(good.letters) == 2
        assert time.monotonic() - started < 4
        more = world.entry("y@good.test")
        world.add(more)
        attempts.relay.process([more.ticket], 60)
        assert len(good.letters) == 3
        stuck.set()
        attempts.relay.close()
        assert len(slow.letters) == 2, "it went on by itself"


def test_without_patience_a_batch_waits_for_its_slowest_destination(world: World) -> None:
    """In Lambda nothing runs after the call has returned."""
    attempts = Attempts(world, patience=0)
    with Sink(at("DOT", Wait(0.3))) as sink:
        for domain in ("one.test", "two.test"):
            attempts.lead(domain, sink.port)
            world.add(world.entry(f"bob@{domain}"))
        attempts.run()
        taken = sorted(letter.recipients[0] for letter in sink.letters)
    attempts.relay.close()
    assert taken == ["bob@one.test", "bob@two.test"]


def test_each_recipient_has_a_fate_of_its_own(world: World, attempts: Attempts) -> None:
    with Sink(rules(refuse("<no@"), at("RCPT", "450 4.2.1 Later", match="<later@"))) as sink:
        attempts.lead("elsewhere.test", sink.port)
        names = [f"{name}@elsewhere.test" for name in ("yes", "no", "later")]
        entry = world.entry(*names)
        world.add(entry)
        attempts.run()
    assert [letter.recipients for letter in sink.letters] == [["yes@elsewhere.test"]]
    [left] = world.waiting(entry.queue_id)
    assert [goal.address for goal in left.goals] == ["later@elsewhere.test"]
    [report] = reports(world)
    assert [told.address for told in report.told] == ["no@elsewhere.test"]
    assert attempts.suppression.find([("example.test", "no@elsewhere.test")])


def test_a_paused_domain_is_left_alone_until_it_is_resumed(
    world: World, attempts: Attempts
) -> None:
    operations = Operations(
        world.store.table, world.clock, world.journeys, world.outbound, attempts.schedule, 600
    )
    with Sink() as sink:
        attempts.lead("elsewhere.test", sink.port)
        attempts.paces.pause("elsewhere.test", "moving")
        entry = world.entry()
        world.add(entry)
        attempts.run()
        attempts.pass_time(6 * DAY, step=HOUR)
        assert sink.letters == []
        assert reports(world) == [], "nothing is given up meanwhile"
        attempts.paces.resume("elsewhere.test")
        assert operations.release_domain("elsewhere.test") == 1
        attempts.run()
    assert len(sink.letters) == 1


def test_a_server_that_is_overrun_gets_less_and_everything_in_the_end(
    world: World, attempts: Attempts
) -> None:
    def few(visit: Visit, verb: str, line: str) -> str | None:
        if verb == "CONNECT" and visit.number % 3:
            return "421 4.7.0 Too many connections"
        return None

    with Sink(few) as sink:
        attempts.lead("elsewhere.test", sink.port)
        entries = [world.entry() for _ in range(30)]
        world.add(*entries)
        attempts.run()
        attempts.pass_time(4 * HOUR)
        assert len(sink.letters) == 30
    assert all(not world.waiting(entry.queue_id) for entry in entries)


class Service:
    """A mail service with an API."""

    most_recipients = 2
    largest_message = 1000

    def __init__(self, refuse: str = "") -> None:
        self.calls: list[tuple[str, list[str], bytes]] = []
        self.refuse = refuse

    def send(self, reverse_path: str, recipients: Sequence[str], message: bytes) -> str:
        if self.refuse:
            raise MailerRefused("not verified", permanent=self.refuse == "permanent")
        self.calls.append((reverse_path, list(recipients), message))
        return "0100"


def test_mail_leaves_through_a_service(world: World) -> None:
    service = Service()
    attempts = Attempts(world, mailer=service)
    attempts.routes.set("*", "ses:")
    entry = world.entry(*(f"u{number}@elsewhere.test" for number in range(3)), prefix=b"X: y\r\n")
    world.add(entry)
    attempts.run()
    assert [len(recipients) for _, recipients, _ in service.calls] == [2, 1]
    assert service.calls[0][2].startswith(b"X: y\r\nSubject: x")
    assert world.waiting(entry.queue_id) == []


@pytest.mark.parametrize(("refuse", "left"), [("permanent", 0), ("for now", 1)])
def test_what_the_service_refuses_is_told_or_tried_again(
    world: World, refuse: str, left: int
) -> None:
    attempts = Attempts(world, mailer=Service(refuse))
    attempts.routes.set("*", "ses:")
    entry = world.entry()
    world.add(entry)
    attempts.run()
    assert len(world.waiting(entry.queue_id)) == left
    assert actions(world) == ([] if left else ["failed"])


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        pytest.param({"requiretls": True}, "5.7.30", id="REQUIRETLS"),
        pytest.param({"deliver_by": 4 * 10**12, "by_mode": "R"}, "5.3.3", id="DELIVERBY"),
        pytest.param({"requiretls": True, "reverse_path": ""}, "", id="a bounce"),
        pytest.param({"deliver_by": 4 * 10**12, "by_mode": "N"}, "", id="only to be told"),
    ],
)
def test_a_service_does_not_get_what_it_cannot_promise(
    world: World, wish: dict[str, object], status: str
) -> None:
    service = Service()
    attempts = Attempts(world, mailer=service)
    attempts.routes.set("*", "ses:")
    world.add(world.entry(**wish))  # type: ignore[arg-type]
    attempts.run()
    assert bool(service.calls) == (not status)
    failed = [told.status for one in reports(world) for told in one.told if told.action == "failed"]
    assert failed == ([status] if status else [])


def test_a_bounce_is_not_lost_where_nobody_proves_himself(world: World, attempts: Attempts) -> None:
    """RFC 8689 section 5; other mail with REQUIRETLS is returned."""
    with Sink() as sink:
        attempts.lead("elsewhere.test", sink.port)
        for number, reverse_path in enumerate(("", "alice@example.test")):
            world.add(
                world.entry(f"b{number}@elsewhere.test", requiretls=True, reverse_path=reverse_path)
            )
        attempts.run()
    assert [letter.recipients for letter in sink.letters] == [["b0@elsewhere.test"]]
    assert [told.status for one in reports(world) for told in one.told] == ["5.7.10"]


def test_a_domain_that_does_not_exist_bounces_at_once(world: World, attempts: Attempts) -> None:
    entry = world.entry()
    world.add(entry)
    attempts.run()
    assert world.waiting(entry.queue_id) == []
    [report] = reports(world)
    assert report.told[0].status == "5.1.2"


def test_a_worker_that_dies_leaves_a_lease(world: World, attempts: Attempts) -> None:
    with Sink() as sink:
        attempts.lead("elsewhere.test", sink.port)
        entry = world.entry()
        world.add(entry)
        # It has claimed the entry, and is heard of no more.
        assert len(attempts.relay._recorder.claim([entry.ticket])) == 1
        attempts.run()
        assert sink.letters == [], "another worker keeps off"
        attempts.pass_time(700)
    assert len(sink.letters) == 1


def test_an_entry_that_an_operator_took_meanwhile_stays_his(
    world: World, attempts: Attempts
) -> None:
    entry = world.entry()
    world.add(entry)
    recorder = attempts.relay._recorder
    [job] = recorder.claim([entry.ticket])
    world.clock.time += 700
    [again] = recorder.claim([entry.ticket])
    recorder.record(again, {"bob@elsewhere.test": Outcome("relayed", "2.0.0", "taken")})
    recorder.record(job, {"bob@elsewhere.test": Outcome("failed", "5.1.1", "no")})
    assert reports(world) == [], "whose lease has ended has no say"
    assert steps(world, entry.queue_id) == ["relayed"]


def test_a_text_that_is_missing_does_not_spin(world: World, attempts: Attempts) -> None:
    entry = world.entry()
    world.add(entry)
    world.store.blobs.delete([entry.blob])
    with Sink() as sink:
        attempts.lead("elsewhere.test", sink.port)
        attempts.run()
        [left] = world.waiting(entry.queue_id)
        assert left.attempts == 1
        attempts.pass_time(5 * DAY + HOUR, step=1800)
    assert world.waiting(entry.queue_id) == []
    assert "failed" in actions(world)


def test_a_long_queue_does_not_keep_asking(world: World, attempts: Attempts) -> None:
    """500 messages for a destination whose only connection is in use for five minutes."""
    asked = 0
    with Sink() as sink:
        attempts.lead("elsewhere.test", sink.port)
        attempts.paces.limit("elsewhere.test", 1, 0)
        pace = attempts.paces.of(["elsewhere.test"])["elsewhere.test"]
        held = attempts.paces.admit("elsewhere.test", pace, 1)
        assert held.slot is not None
        entries = [world.entry() for _ in range(100)]
        world.add(*entries)
        for _ in range(300):
            letters = world.letters()
            asked += len(letters)
            for start in range(0, len(letters), 10):
                attempts.relay.process(letters[start : start + 10], 60)
            world.clock.time += 1
        assert sink.letters == []
        assert asked <= 100 * 9, "each waits longer each time"
        attempts.paces.done("elsewhere.test", held.slot, "", "", good=True)
        attempts.pass_time(900)
    assert len(sink.letters) == 100
    assert all(not world.waiting(entry.queue_id) for entry in entries)


def test_what_has_not_begun_is_put_back_at_the_end(world: World) -> None:
    attempts = Attempts(world, patience=0.1)
    stuck = threading.Event()

    def silent(visit: Visit, verb: str, line: str) -> str | None:
        stuck.wait(20)
        return None

    attempts.relay._pool._max_workers = 1
    with Sink(silent) as sink, Sink() as other:
        attempts.lead("one.test", sink.port)
        attempts.lead("two.test", other.port)
        first, second = world.entry("x@one.test"), world.entry("x@two.test")
        world.add(first, second)
        attempts.relay.process([first.ticket, second.ticket], 60)
        closing = threading.Thread(target=attempts.relay.close)
        closing.start()
        time.sleep(0.3)
        stuck.set()
        closing.join(30)
        world.clock.time += 5
        again = Attempts(world)
        again.run()
        assert len(other.letters) == 1, "it did not wait for the lease"
        again.relay.close()


def test_a_store_that_fails_after_the_claim_gives_it_back(
    world: World, attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(pairs: object) -> None:
        raise StoreUnavailable("the test says so")

    entry = world.entry()
    world.add(entry)
    with Sink() as sink:
        attempts.lead("elsewhere.test", sink.port)
        with monkeypatch.context() as patch:
            patch.setattr(attempts.routes, "find", down)
            with pytest.raises(StoreUnavailable):
                attempts.relay.process([entry.ticket], 60)
        world.letters()
        attempts.pass_time(300)
    assert len(sink.letters) == 1


def test_what_the_store_does_not_say_is_written_the_second_time(
    world: World, attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = world.store.table

    def unsure(transactions: Sequence[Sequence[Write]]) -> list[Refusal | None]:
        first.undo()
        table.write_each(transactions[:1])
        # Done, and the answer is lost; in conflict with another; not done.
        return [StoreUnavailable("a"), ConditionFailed(()), StoreUnavailable("b")]

    entries = [world.entry(f"bob@{name}.test") for name in "abc"]
    world.add(*entries)
    recorder = attempts.relay._recorder
    jobs = recorder.claim(world.letters())
    relayed = Outcome("relayed", "2.0.0", "taken")
    with monkeypatch.context() as first:
        first.setattr(table, "write_each", unsure)
        over = recorder.record_all([(job, {job.entry.goals[0].address: relayed}) for job in jobs])
    assert {queue_id for queue_id, _ in over} == {entry.queue_id for entry in entries}
    assert [world.waiting(entry.queue_id) for entry in entries] == [[], [], []]
