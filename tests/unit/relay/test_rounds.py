"""What goes to one server for many domains: over several connections, in rounds."""

import threading
import time
from collections.abc import Iterator

import pytest

from postroom.relay.smtp.limits import ClientLimits
from postroom.relay.smtp.pool import Lanes
from postroom.relay.waiting import in_order, letters_of, ticket, tickets_of
from tests.sinks import Sink, Visit
from tests.unit.relay.attempts import Attempts
from tests.unit.relay.world import SetClock, World

DOMAINS = [f"far{number}.test" for number in range(6)]


@pytest.fixture
def attempts(world: World) -> Iterator[Attempts]:
    found = Attempts(world)
    yield found
    found.relay.close()


def test_each_outcome_is_written_before_the_connection_takes_the_next(
    world: World, attempts: Attempts
) -> None:
    entries = [world.entry(f"u{number}@{DOMAINS[number % 6]}") for number in range(40)]
    ids = {entry.goals[0].address: entry.queue_id for entry in entries}
    before: dict[int, str] = {}
    unwritten: list[str] = []

    def watch(visit: Visit, verb: str, line: str) -> str | None:
        if verb == "MAIL" and visit.number in before and world.waiting(before[visit.number]):
            unwritten.append(before[visit.number])
        if verb == "RCPT":
            before[visit.number] = ids[line.partition("<")[2].partition(">")[0]]
        return None

    with Sink(watch) as sink:
        attempts.lead("*", sink.port)
        world.add(*entries)
        attempts.relay.process([entry.ticket for entry in entries], 60)
    assert sorted(letter.recipients[0] for letter in sink.letters) == sorted(ids)
    assert unwritten == []
    assert 2 <= len(sink.visits) <= len(DOMAINS)
    assert not any(world.waiting(entry.queue_id) for entry in entries)
    assert world.store.table.get_many([entry.ticket.key for entry in entries]) == {}


def test_what_one_domain_suffers_is_its_own(world: World, attempts: Attempts) -> None:
    def odd(visit: Visit, verb: str, line: str) -> str | None:
        if verb != "RCPT":
            return None
        if "@far1.test" in line:
            return "421 4.3.2 Too busy"
        return "550 5.1.1 No such user" if "@far2.test" in line else None

    entries = [world.entry(f"u{number}@{DOMAINS[number % 6]}") for number in range(30)]
    with Sink(odd) as sink:
        attempts.lead("*", sink.port)
        world.add(*entries)
        for _ in range(2):  # what is put off is not due again yet
            attempts.relay.process([entry.ticket for entry in entries], 60)
    came = [letter.recipients[0].partition("@")[2] for letter in sink.letters]
    assert {domain: came.count(domain) for domain in DOMAINS} == {
        domain: 0 if domain in ("far1.test", "far2.test") else 5 for domain in DOMAINS
    }
    left = [entry for entry in entries if world.waiting(entry.queue_id)]
    assert {entry.domain for entry in left} == {"far1.test"}
    paces = attempts.paces.of(DOMAINS)
    assert not paces["far1.test"].easy
    assert paces["far0.test"].easy


def test_while_one_connection_thinks_the_others_are_served(
    world: World, attempts: Attempts
) -> None:
    """All of a round are at the server at the same time."""
    met = threading.Barrier(3)

    def together(visit: Visit, verb: str, line: str) -> str | None:
        if verb == "." and visit.taken:  # the first message of a connection opens the others
            try:
                met.wait(10)
            except threading.BrokenBarrierError:
                return "451 4.3.0 Nobody else came"
        return None

    first = [world.entry(f"u{number}@{DOMAINS[number]}") for number in range(3)]
    with Sink() as sink:
        attempts.lead("*", sink.port)
        world.add(*first)
        attempts.relay.process([entry.ticket for entry in first], 60)
        assert len(sink.visits) >= 2
        sink.rule = together
        second = [world.entry(f"v{number}@{DOMAINS[number]}") for number in range(3)]
        met = threading.Barrier(len(sink.visits)) if len(sink.visits) < 3 else met
        world.add(*second)
        attempts.relay.process([entry.ticket for entry in second[: met.parties]], 60)
    assert len(sink.letters) == 3 + met.parties


def test_lanes_are_bounded_for_each_server() -> None:
    lanes = Lanes(ClientLimits(together=5))
    assert [lanes.take("a", 3), lanes.take("a", 3), lanes.take("a", 3)] == [3, 2, 0]
    assert lanes.take("b", 9) == 5
    assert lanes.take("b", -1) == 0
    lanes.give_back("a", 4)
    assert lanes.take("a", 9) == 4


def test_tickets_travel_together() -> None:
    tickets = [ticket("o", f"q{number}", "far.test") for number in range(23)]
    letters = list(letters_of([*tickets[:5], ticket("r", "q9", "report"), *tickets[5:]]))
    assert [queue for queue, _ in letters].count("outbound") == 3
    assert ("bounces", ticket("r", "q9", "report").to_json()) in letters
    came = [one for queue, body in letters if queue == "outbound" for one in tickets_of(body)]
    assert came == tickets
    assert tickets_of(tickets[0].to_json()) == tickets[:1]


def test_a_long_list_is_in_order_and_complete(world: World) -> None:
    entries = [world.entry(f"u@{DOMAINS[number % 6]}") for number in range(400)]
    world.add(*entries[:250])  # all due at the same millisecond
    world.clock.time += 60
    world.add(*entries[250:])
    found = list(in_order(world.store.table))
    assert len({one.ticket for one in found}) == len(found) == 400
    dues = [one.due or 0 for one in found]
    assert dues == sorted(dues)


class RunningClock(SetClock):
    """It starts where the test says, and goes on."""

    began = time.monotonic()

    def seconds(self) -> float:
        return self.time + time.monotonic() - self.began


def test_outcomes_are_written_while_one_reply_is_long_in_coming(world: World) -> None:
    """Or a worker that is killed meanwhile would send them all again."""
    world.clock = RunningClock()
    attempts = Attempts(world, patience=0.1)
    answers = threading.Event()

    def hang(visit: Visit, verb: str, line: str) -> str | None:
        if verb == "DOT" and visit.recipients == ["u0@far0.test"]:
            answers.wait(30)
        return None

    with Sink(hang) as sink:
        attempts.lead("*", sink.port)
        for domain in DOMAINS:  # connections are added as mail goes well
            warm = world.entry(f"warm@{domain}")
            world.add(warm)
            attempts.relay.process([warm.ticket], 60)
        entries = [world.entry(f"u{number}@{domain}") for number, domain in enumerate(DOMAINS)]
        world.add(*entries)
        attempts.relay.process([entry.ticket for entry in entries], 60)
        until = time.monotonic() + 20
        while sum(bool(world.waiting(entry.queue_id)) for entry in entries) > 1:
            assert time.monotonic() < until, "their outcomes wait for the slow one"
            time.sleep(0.05)
        assert world.waiting(entries[0].queue_id)
        answers.set()
        attempts.relay.close()
        assert not world.waiting(entries[0].queue_id)
