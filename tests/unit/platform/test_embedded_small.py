"""Doorbells, the purge of expired records, and the settings of queues."""

import queue
from pathlib import Path

import pytest

from postroom.errors import BadSetting, StoreUnavailable
from postroom.platform.embedded import table
from postroom.platform.embedded.database import Database
from postroom.platform.embedded.doorbell import Bell, Ringer
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.embedded.table import EmbeddedTable
from postroom.platform.embedded.topic import EmbeddedTopic
from postroom.platform.system import SystemClock
from postroom.platform.table import Key, Put


def test_bells_ring_in_a_folder_whose_path_is_too_long_for_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40) / "bells"
    ringer, bells = Ringer(folder), [Bell(folder), Bell(folder)]
    ringer.ring(b"news")
    for bell in bells:
        assert bell.wait(30)
        assert bell.rings() == [b"news"]
        assert not bell.wait(0)
        bell.close()
    assert list(folder.iterdir()) == []
    ringer.ring(b"nobody")
    ringer.close()
    ringer.ring(b"closed")


def test_the_bell_of_a_dead_process_is_removed(tmp_path: Path) -> None:
    bell = Bell(tmp_path)
    bell._socket.close()  # what the kernel does when a process is killed
    assert len(list(tmp_path.iterdir())) == 1
    ringer = Ringer(tmp_path)
    ringer.ring()
    assert list(tmp_path.iterdir()) == []
    ringer.close()


def test_a_bell_that_nobody_answers_never_blocks(tmp_path: Path) -> None:
    ringer, bell = Ringer(tmp_path), Bell(tmp_path)
    for _ in range(5000):
        ringer.ring(b"x" * 1024)
    assert bell.rings()
    bell.close()
    ringer.close()


def test_expired_records_are_removed_from_the_file_a_little_at_a_time(tmp_path: Path) -> None:
    opened = Database(tmp_path / "t.sqlite", table.SCHEMA)
    records = EmbeddedTable(opened, SystemClock())
    records.put_many([Put(Key("p", f"{n}"), {}, expires=1) for n in range(450)])
    records.write(Put(Key("p", "stays"), {}, expires=4_000_000_000), Put(Key("p", "too"), {}))
    assert [records.purge() for _ in range(4)] == [200, 200, 50, 0]
    assert opened.query("SELECT count(*) FROM records", ()) == [(2,)]
    opened.close()


def test_the_settings_of_a_queue_outlive_the_process(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, SystemClock())
    store.queue("relay", visibility=600, max_receives=9)
    store.close()
    store = EmbeddedStore(tmp_path, SystemClock())
    found = store.queue("relay").settings()
    assert (found.visibility, found.max_receives) == (600, 9)
    other = store.queue("other").settings()
    assert (other.visibility, other.max_receives) == (30, 5)
    for name in ("", "a/b", "..", "a b"):
        with pytest.raises(BadSetting):
            store.queue(name)
    store.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, SystemClock())
    queue = store.queue("inbound")
    store.close()
    store.close()
    for use in (
        lambda: store.table.get(Key("p", "s")),
        lambda: store.table.write(Put(Key("p", "s"), {})),
        lambda: store.blobs.put("k", b""),  # type: ignore[arg-type]
        lambda: store.blobs.put_soon("k", b"").result(30),  # type: ignore[arg-type]
        lambda: queue.send(""),
        lambda: queue.receive(wait=1),
        lambda: store.queue("inbound"),
    ):
        with pytest.raises(StoreUnavailable):
            use()
    store.topic.publish(["nobody hears"])


def test_topics_hear_themselves_and_each_other_once(tmp_path: Path) -> None:
    topics = [EmbeddedTopic(tmp_path), EmbeddedTopic(tmp_path)]
    heard: list[queue.SimpleQueue[str]] = [queue.SimpleQueue(), queue.SimpleQueue()]
    for topic, each in zip(topics, heard, strict=True):
        topic.subscribe(each.put)
    for place, topic in enumerate(topics):
        topic.publish([f"from {place}"])
        # The publisher's own are told before it goes on.
        assert heard[place].get_nowait() == f"from {place}"
        assert heard[1 - place].get(timeout=30) == f"from {place}"
    assert [each.empty() for each in heard] == [True, True]
    for topic in topics:
        topic.close()
