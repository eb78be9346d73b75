"""Letters that come again and out of order, a store that fails at any write, and sizes without
measure: everything arrives once, and everything is told once."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any, cast

import pytest

from postroom.app import Platform
from postroom.directory.records import Account, Alias
from postroom.errors import StoreUnavailable
from postroom.platform.queue import Letter
from postroom.platform.table import Put, Write
from postroom.platform.table import Table as AnyTable
from tests.contracts.conftest import ADAPTERS
from tests.flows.house import DOMAIN, QUEUES, House, opened
from tests.flows.post import ALICE, is_kept, mail, nothing_waits, reports, told
from tests.sinks import Sink, at, refuse, rules
from tests.unit.pipeline.rooms import Table

HOUR = 3600
LEASE = 17 * 60  # seconds, and a minute: what was begun may be taken over


def arrived(sink: Sink) -> Counter[str]:
    return Counter(address for letter in sink.letters for address in letter.recipients)


def failures(house: House) -> Counter[str]:
    found = Counter[str]()
    for report in reports(house):
        found.update(address for address, action, _ in told(report) if action == "failed")
    return found


# Letters.


class Post:
    """Runs the functions as queues at their worst do: each letter twice at once, in any order, and
    once more at some later time."""

    def __init__(self, house: House, seed: int) -> None:
        self._house = house
        self._chance = random.Random(seed)
        self._past: list[tuple[str, Letter]] = []

    def work(self) -> None:
        for _ in range(60):
            batches = {queue: self._house.letters(queue=queue) for queue in QUEUES}
            if not any(batches.values()):
                return
            for queue in self._chance.sample(QUEUES, len(QUEUES)):
                letters = batches[queue]
                old = [letter for name, letter in self._past if name == queue]
                again = self._chance.sample(old, min(3, len(old)))
                batch = [*letters, *letters, *again]
                self._chance.shuffle(batch)
                for start in range(0, len(batch), 10):
                    assert self._house.invoke(batch[start : start + 10], queue) == set()
                self._house.app.queue(queue).delete([letter.receipt for letter in letters])
                self._past += [(queue, letter) for letter in letters]
        raise AssertionError("the functions do not come to an end")

    def repeat(self) -> None:
        """Everything there ever was, once more."""
        self._chance.shuffle(self._past)
        for queue, letter in list(self._past):
            assert self._house.invoke([letter], queue) == set()
        self.work()


@pytest.mark.parametrize("seed", range(2))
def test_letters_that_repeat_and_change_their_order_do_nothing_twice(
    house: House, alice: Account, sink: Sink, seed: int
) -> None:
    bob = house.account("bob")
    house.app.directory.add_alias(Alias(f"team@{DOMAIN}", (f"bob@{DOMAIN}", "eve@three.test")))
    sink.rule = rules(refuse("<gone"), at("RCPT", "450 4.2.0 Later", match="late@", times=2))
    post = Post(house, seed)
    ids = [
        house.submit("alice", mail("1"), f"bob@{DOMAIN}", "here@one.test", "gone1@one.test"),
        house.submit("alice", mail("2"), "late@two.test", "gone2@two.test"),
        house.submit("alice", mail("3"), f"team@{DOMAIN}", "gone2@two.test"),
        house.submit("alice", mail("4"), "held@one.test", options="HOLDFOR=1800"),
        house.submit("alice", mail("5"), f"bob@{DOMAIN}", "dsn@one.test", rcpt="NOTIFY=SUCCESS"),
    ]
    house.send(mail("6"), f"team@{DOMAIN}", sender="sender@else.test")
    for number in range(6):
        post.work()
        if number in (0, 3):
            post.repeat()
        house.world.pass_time(6 * 60)
        house.tick()
    post.work()
    post.repeat()
    assert arrived(sink) == {
        "here@one.test": 1,
        "late@two.test": 1,
        "eve@three.test": 2,
        "held@one.test": 1,
        "dsn@one.test": 1,
    }
    assert failures(house) == {"gone1@one.test": 1, "gone2@two.test": 2}
    told_of = Counter(action for report in reports(house) for _, action, _ in told(report))
    assert told_of == {"failed": 3, "delivered": 1}
    assert len(house.messages(bob)) == 4
    assert nothing_waits(house)
    assert [queue_id for queue_id in ids if is_kept(house, queue_id)] == [ids[0], ids[2], ids[4]]


# The store.


class OneFault(Table):
    """Exactly one write fails, whatever threads there are."""

    def __init__(self, table: AnyTable) -> None:
        super().__init__(table)
        self._turn = RLock()

    def write(self, *writes: Write) -> None:
        with self._turn:
            super().write(*writes)

    def put_many(self, puts: Sequence[Put]) -> None:
        with self._turn:
            super().put_many(puts)


@dataclass
class Faulty:
    """A platform whose table fails at a chosen write."""

    platform: Platform
    table: OneFault

    def __getattr__(self, name: str) -> Any:
        return getattr(self.platform, name)

    @classmethod
    def around(cls, platform: Platform) -> "tuple[Platform, OneFault]":
        table = OneFault(platform.table)
        return cast(Platform, cls(platform, table)), table


@pytest.fixture(params=sorted(ADAPTERS))
def faulty(
    request: pytest.FixtureRequest, tmp_path: Path, tls_folder: Path
) -> Iterator[tuple[House, OneFault]]:
    with ADAPTERS[request.param](tmp_path) as world:
        platform, table = Faulty.around(world.platform)
        with opened(replace(world, platform=platform), tls_folder) as house:
            house.domain()
            yield house, table


def submit_all(house: House, number: int) -> None:
    sink_names = (f"here{number}@one.test", f"late{number}@one.test", f"gone{number}@one.test")
    house.submit("alice", mail(str(number)), f"bob@{DOMAIN}", *sink_names, "else@two.test")


def work_with_faults(house: House) -> None:
    """One round after the other until nothing waits; what failed comes back in its time."""
    for _ in range(20):
        worked = False
        for queue in QUEUES:
            while letters := house.letters(queue=queue):
                worked = True
                failed = house.invoke(letters, queue)
                house.app.queue(queue).delete(
                    [letter.receipt for letter in letters if letter.id not in failed]
                )
        if not worked and nothing_waits(house):
            return
        house.world.pass_time(LEASE)
        with suppress(StoreUnavailable):
            house.tick()
    raise AssertionError("it does not come to an end")


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, but the answer is lost"])
def test_a_store_that_fails_at_any_write_loses_and_doubles_nothing(
    faulty: tuple[House, OneFault], request: pytest.FixtureRequest, after: bool
) -> None:
    house, table = faulty
    step = 2 if "aws" in request.node.name else 1  # moto is slow, and the code the same
    alice, bob = house.account("alice"), house.account("bob")
    with Sink() as sink:
        house.lead("*", sink.port)
        sink.rule = rules(refuse("<gone"), at("RCPT", "450 4.2.0 Later", match="late", times=1))
        submit_all(house, 0)
        table.start()
        work_with_faults(house)
        most = table.writes
        assert most > 15
        for number in range(1, most + 1, step):
            sink.letters.clear()
            sink.rule = rules(refuse("<gone"), at("RCPT", "450 4.2.0 Later", match="late", times=1))
            before = len(house.messages(bob))
            submit_all(house, number)
            table.start()
            table.fail_at, table.after = number, after
            work_with_faults(house)
            table.start()
            expected = {f"here{number}@one.test": 1, f"late{number}@one.test": 1}
            assert arrived(sink) == {**expected, "else@two.test": 1}, number
            assert len(house.messages(bob)) == before + 1, number
            assert nothing_waits(house)
        numbers = [0, *range(1, most + 1, step)]
        assert failures(house) == {f"gone{number}@one.test": 1 for number in numbers}
    assert len(house.messages(alice)) == len(numbers)


# Sizes.


def test_ten_thousand_recipients(house: House, alice: Account, sink: Sink) -> None:
    """A client sends to as many as are taken at once, then to the rest (RFC 5321 4.5.3.1.10)."""
    if "Aws" in type(house.world.platform).__name__:
        pytest.skip("moto takes minutes, and says no more than the embedded store")
    house.app.directory.set_account(replace(alice, recipients_per_day=20_000))
    left = [f"user{number}@d{number % 20}.test" for number in range(10_000)]
    everybody = set(left)
    with house.submission("alice") as client:
        transactions = 0
        while left:
            client.mail(ALICE)
            taken = 0
            for address in left:
                code, answer = client.rcpt(address)
                if code == 452:
                    break
                assert code == 250, answer
                taken += 1
            assert client.data(mail("many"))[0] == 250
            left = left[taken:]
            transactions += 1
    house.work()
    counts = arrived(sink)
    assert set(counts) == everybody
    assert set(counts.values()) == {1}
    assert len(sink.letters) <= 20 * transactions * 2
    assert nothing_waits(house)


def test_a_header_beyond_measure(house: House, alice: Account, sink: Sink) -> None:
    """Submission refuses it; what is forwarded may have it, and its bounce stays small."""
    octets = b"From: " + ALICE.encode() + b"\r\n" + b"X-Long: %b\r\n" % (b"y" * 900) * 400
    octets += b"Subject: last\r\n\r\nHello.\r\n"
    with house.submission("alice") as client:
        client.mail(ALICE)
        client.rcpt("carol@one.test")
        assert client.data(octets)[0] == 552
    house.app.directory.add_alias(Alias(f"team@{DOMAIN}", ("gone@one.test",)))
    sink.rule = refuse("<gone@")
    house.send(octets, f"team@{DOMAIN}", sender="sender@else.test")
    house.work()
    [bounce] = sink.letters
    assert bounce.recipients == ["sender@else.test"]
    assert len(bounce.content) < len(octets) + 20_000
    assert nothing_waits(house)
