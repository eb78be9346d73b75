"""The contract of postroom.platform.queue.Queue."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from postroom.errors import TooLarge
from postroom.platform.queue import Letter, Queue


@pytest.fixture
def queue(world: Any) -> Queue:
    made: Queue = world.queue("inbound")
    return made


def drain(queue: Queue) -> list[Letter]:
    letters: list[Letter] = []
    while more := queue.receive():
        letters += more
    return letters


def test_a_letter_is_received_and_deleted(world: Any, queue: Queue) -> None:
    before = int(world.clock.seconds() * 1000)
    queue.send("grüße")
    (letter,) = queue.receive()
    assert (letter.body, letter.receive_count) == ("grüße", 1)
    assert before - 2000 <= letter.sent <= before + 60_000
    assert queue.depth() == (0, 1)
    queue.delete([letter.receipt])
    queue.delete([letter.receipt])
    assert queue.depth() == (0, 0)
    world.pass_time(31)
    assert queue.receive() == []


def test_a_taken_letter_is_hidden_and_comes_back_counted(world: Any, queue: Queue) -> None:
    queue.send("x")
    (first,) = queue.receive()
    assert queue.receive() == []
    world.pass_time(29)
    assert queue.receive() == []
    world.pass_time(2)
    (second,) = queue.receive()
    assert (second.id, second.receive_count) == (first.id, 2)


def test_hide_sets_when_a_letter_is_seen_again(world: Any, queue: Queue) -> None:
    queue.send("x")
    (letter,) = queue.receive()
    queue.hide(letter.receipt, 300)
    world.pass_time(200)
    assert queue.receive() == []
    world.pass_time(101)
    (letter,) = queue.receive()
    queue.hide(letter.receipt, 0)
    (letter,) = queue.receive()
    assert letter.receive_count == 3


def test_a_delayed_letter_is_seen_when_its_time_has_come(world: Any, queue: Queue) -> None:
    queue.send("later", delay=60)
    queue.send_soon("much later", delay=900).result(10)
    assert queue.receive() == []
    assert queue.depth() == (2, 0)
    world.pass_time(61)
    assert [letter.body for letter in queue.receive()] == ["later"]
    world.pass_time(900)
    assert "much later" in {letter.body for letter in drain(queue)}


def test_a_letter_received_too_often_goes_to_the_dead_letters(world: Any) -> None:
    queue = world.queue("outbound", visibility=30, max_receives=3)
    dead = world.platform.queue("outbound-dead")
    queue.send("poison")
    for count in (1, 2, 3):
        (letter,) = queue.receive()
        assert letter.receive_count == count
        world.pass_time(31)
    assert queue.receive() == []
    assert queue.depth() == (0, 0)
    (letter,) = dead.receive()
    assert letter.body == "poison"
    dead.delete([letter.receipt])
    assert dead.depth() == (0, 0)


def test_a_batch_is_at_most_ten_and_nothing_is_taken_twice(queue: Queue) -> None:
    futures = [queue.send_soon(f"{n}") for n in range(35)]
    for future in futures:
        future.result(10)
    assert 1 <= len(queue.receive(most=3)) <= 3
    batches = []
    while batch := queue.receive():
        assert len(batch) <= 10
        batches.append(batch)
    letters = [letter for batch in batches for letter in batch]
    assert len({letter.id for letter in letters}) == len(letters) == 32
    queue.delete([letter.receipt for letter in letters[:10]])
    assert queue.depth() == (0, 25)


@pytest.mark.parametrize("most", [0, 11])
def test_a_batch_beyond_the_limits_is_refused(queue: Queue, most: int) -> None:
    with pytest.raises(TooLarge):
        queue.receive(most=most)


def test_what_is_too_large_is_refused_at_once(queue: Queue) -> None:
    for body, delay in (("x" * (256 * 1024 + 1), 0), ("é" * (128 * 1024 + 1), 0), ("x", 901)):
        with pytest.raises(TooLarge):
            queue.send(body, delay)
        with pytest.raises(TooLarge):
            queue.send_soon(body, delay)
    queue.send("x" * 256 * 1024)
    (letter,) = queue.receive()
    assert len(letter.body) == 256 * 1024
    with pytest.raises(TooLarge):
        queue.hide(letter.receipt, 12 * 3600 + 1)
    with pytest.raises(TooLarge):
        queue.delete([letter.receipt] * 11)


def test_unknown_receipts_are_no_error(queue: Queue) -> None:
    queue.send("x")
    queue.delete([])
    (letter,) = queue.receive()
    queue.hide(letter.receipt, 0)
    queue.delete([letter.receipt])
    queue.delete([letter.receipt])


def test_many_receivers_share_the_letters(queue: Queue) -> None:
    for future in [queue.send_soon(f"{n}") for n in range(100)]:
        future.result(10)
    with ThreadPoolExecutor(4) as pool:
        taken = [letter for letters in pool.map(drain, [queue] * 4) for letter in letters]
    assert sorted(int(letter.body) for letter in taken) == list(range(100))


def test_a_waiting_receiver_is_woken(queue: Queue) -> None:
    assert queue.receive(wait=0.05) == []
    sender = threading.Timer(0.2, queue.send, ["x"])
    sender.start()
    begun = time.monotonic()
    letters = queue.receive(wait=20)
    sender.join()
    assert [letter.body for letter in letters] == ["x"]
    assert time.monotonic() - begun < 10


def test_queues_do_not_mix(world: Any, queue: Queue) -> None:
    other = world.queue("relay")
    queue.send("a")
    other.send("b")
    assert [letter.body for letter in other.receive()] == ["b"]
    assert [letter.body for letter in queue.receive()] == ["a"]
