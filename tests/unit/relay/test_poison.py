"""What goes wrong on our side: nobody else suffers, nothing spins, and it comes to an end."""

from collections.abc import Iterator, Sequence

import pytest

from postroom.errors import StoreUnavailable
from postroom.platform.blobs import BlobKey
from postroom.relay.operations import Operations
from postroom.relay.pace import EASY
from postroom.relay.parcel import Parcel
from postroom.relay.reports import report_of
from postroom.relay.smtp import attempt
from postroom.relay.smtp.content import Content
from postroom.relay.waiting import REPORT
from tests.sinks import Sink
from tests.unit.relay.attempts import Attempts
from tests.unit.relay.world import LEASE, World
from tests.waiting import every

DAY = 86_400


@pytest.fixture
def attempts(world: World) -> Iterator[Attempts]:
    found = Attempts(world)
    yield found
    found.relay.close()


@pytest.mark.parametrize("place", range(4))
def test_a_message_that_does_the_unforeseen_leaves_the_others_alone(
    world: World, attempts: Attempts, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    entries = [world.entry(f"u{number}@elsewhere.test") for number in range(4)]
    poison = entries[place]
    tried: list[float] = []

    class Odd(Content):
        def __init__(self, parcel: Parcel, *more: object) -> None:
            if parcel.name == poison.ticket.waiting:
                tried.append(world.clock.time)
                raise ZeroDivisionError
            super().__init__(parcel, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(attempt, "Content", Odd)
    with Sink() as sink:
        attempts.lead("elsewhere.test", sink.port)
        world.add(*entries)
        attempts.run()
        attempts.pass_time(300, step=1)
        assert len(sink.letters) == 3
        assert len(tried) <= 3, "it has the pauses of the schedule"
        assert attempts.paces.of(["elsewhere.test"])["elsewhere.test"].not_before == 0
        attempts.pass_time(5 * DAY + 7200, step=1800)
    assert world.waiting(poison.queue_id) == []
    told = [what for found in every(world.store.table, REPORT) for what in report_of(found).told]
    assert sorted(what.action for what in told) == ["delayed", "failed"]


def test_a_store_that_cannot_be_read_is_not_held_against_the_destination(
    world: World, attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(key: BlobKey) -> bytes:
        raise StoreUnavailable("the test says so")

    entry = world.entry()
    with Sink() as sink:
        attempts.lead("elsewhere.test", sink.port)
        world.add(entry)
        with monkeypatch.context() as patch:
            patch.setattr(world.store.blobs, "get", get)
            attempts.run()
        assert attempts.paces.of(["elsewhere.test"])["elsewhere.test"] == EASY
        attempts.pass_time(300)
        assert len(sink.letters) == 1


class HalfBroken:
    """A mail service whose second call does the unforeseen."""

    most_recipients = 1
    largest_message = 1000

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, reverse_path: str, recipients: Sequence[str], message: bytes) -> str:
        if recipients[0].startswith("bad"):
            raise ZeroDivisionError
        self.sent += recipients
        return "0100"


def test_a_service_that_does_the_unforeseen_gets_nothing_twice(world: World) -> None:
    service = HalfBroken()
    attempts = Attempts(world, mailer=service)
    attempts.routes.set("*", "ses:")
    entry = world.entry("good@elsewhere.test", "bad@elsewhere.test", "fine@elsewhere.test")
    world.add(entry)
    attempts.run()
    attempts.pass_time(3600)
    attempts.relay.close()
    assert sorted(service.sent) == ["fine@elsewhere.test", "good@elsewhere.test"]
    [left] = world.waiting(entry.queue_id)
    assert [goal.address for goal in left.goals] == ["bad@elsewhere.test"]


def test_a_domain_that_is_resumed_while_a_worker_thinks_it_paused(
    world: World, attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk that frees what is on hold has passed before the worker puts it on hold."""
    operations = Operations(
        world.store.table, world.clock, world.journeys, world.outbound, attempts.schedule, LEASE
    )
    recorder = attempts.relay._recorder
    hold = recorder.hold
    entry = world.entry()
    attempts.paces.pause("elsewhere.test", "moving")

    def late(job: object, reason: str) -> None:
        attempts.paces.resume("elsewhere.test")
        operations.release_domain("elsewhere.test")
        hold(job, reason)  # type: ignore[arg-type]

    monkeypatch.setattr(recorder, "hold", late)
    with Sink() as sink:
        attempts.lead("elsewhere.test", sink.port)
        world.add(entry)
        attempts.run()
        monkeypatch.setattr(recorder, "hold", hold)
        attempts.pass_time(2 * LEASE)
        assert len(sink.letters) == 1
