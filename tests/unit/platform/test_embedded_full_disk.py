"""A disk that takes no more: an error, nothing half-stored, and work goes on when there is room.

A limit on the size of files stands for the full disk: the kernel refuses the write all the same.
"""

import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from postroom.errors import BlobMissing, StoreUnavailable
from postroom.platform.blobs import BlobKey
from postroom.platform.embedded import database
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemClock
from postroom.platform.table import Key, Put


@contextmanager
def no_file_larger_than(octets: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(write: Callable[[int], object]) -> range:
    """Write until there is no room, and return what was acknowledged."""
    for n in range(100):
        try:
            write(n)
        except StoreUnavailable:
            return range(n)
    raise AssertionError("the limit was not met")


def test_a_full_disk_refuses_and_keeps_what_it_had(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, SystemClock())
    queue = store.queue("inbound")
    body = b"x" * 40_000
    with no_file_larger_than(400_000):
        blobs = fill(lambda n: store.blobs.put(BlobKey(f"b{n}"), body))
        records = fill(
            lambda n: store.table.write(
                Put(Key("p", f"{n}"), {"x": body}), Put(Key("q", f"{n}"), {})
            )
        )
        letters = fill(lambda n: queue.send_soon(f"{n}" + "x" * 40_000).result(30))
        with pytest.raises(StoreUnavailable):
            store.blobs.put(BlobKey("large"), b"x" * 2_000_000)
        draft = store.blobs.draft(BlobKey("large"))
        with pytest.raises(StoreUnavailable):
            draft.write(b"x" * 2_000_000)
        draft.abandon()
    assert blobs
    assert records
    assert letters
    for key in (f"b{len(blobs)}", "large"):
        with pytest.raises(BlobMissing):
            store.blobs.get(BlobKey(key))
    assert list((tmp_path / "blobs/drafts").iterdir()) == []
    assert store.table.get(Key("p", f"{len(records)}")) is None
    assert store.table.get(Key("q", f"{len(records)}")) is None
    assert queue.depth() == (len(letters), 0)
    store.blobs.put(BlobKey("after"), body)
    store.table.write(Put(Key("p", "after"), {}))
    queue.send("after")
    store.close()
    store = EmbeddedStore(tmp_path, SystemClock())
    assert list(store.blobs.get_many([BlobKey(f"b{n}") for n in blobs])) == [body] * len(blobs)
    assert store.blobs.get(BlobKey("after")) == body
    assert len(list(store.table.range("p"))) == len(records) + 1
    assert store.queue("inbound").depth() == (len(letters) + 1, 0)
    store.close()


def test_what_has_no_room_spares_the_others(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, SystemClock())
    with no_file_larger_than(400_000):
        errors = store.blobs.put_each(
            [
                (BlobKey("before"), b"x"),
                (BlobKey("large"), b"x" * 2_000_000),
                (BlobKey("after"), b"y"),
            ]
        )
    assert [type(error) for error in errors] == [type(None), StoreUnavailable, type(None)]
    assert list(store.blobs.get_many([BlobKey("before"), BlobKey("after")])) == [b"x", b"y"]
    store.close()
    closed = store.blobs.put_each([(BlobKey("late"), b"x" * 600_000)] * 2)
    assert [type(error) for error in closed] == [StoreUnavailable] * 2


def test_a_log_without_room_for_its_length_takes_what_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY", 10)
    store = EmbeddedStore(tmp_path, SystemClock())
    with no_file_larger_than(400_000):
        records = fill(lambda n: store.table.write(Put(Key("p", f"{n:03}"), {"x": "x" * 9_000})))
    assert len(records) > 10
    store.table.write(Put(Key("q", "after"), {}))
    left = tmp_path / "killed"
    left.mkdir()
    for path in tmp_path.glob("table.sqlite*"):
        if not path.name.endswith("-shm"):
            shutil.copy(path, left / path.name)
    again = EmbeddedStore(left, SystemClock())
    assert [record.key.sort for record in again.table.range("p")] == [f"{n:03}" for n in records]
    assert again.table.get(Key("q", "after")) is not None
    again.close()
    store.close()
