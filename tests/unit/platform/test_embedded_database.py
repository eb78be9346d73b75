"""One writer at a time, many readers, and a log that stays short."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.errors import ConditionFailed, StoreUnavailable
from postroom.platform.embedded import database
from postroom.platform.embedded.database import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS t (n INTEGER, x BLOB)"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "t.sqlite", SCHEMA)
    yield made
    made.close()


def insert(n: object) -> "object":
    def change(writer: sqlite3.Connection) -> object:
        writer.execute("INSERT INTO t VALUES (?, NULL)", (n,))
        return n

    return change


def refuse(writer: sqlite3.Connection) -> None:
    raise ConditionFailed([0])


def numbers(opened: Database) -> list[int]:
    return [n for (n,) in opened.query("SELECT n FROM t ORDER BY n", ())]


def test_what_fails_in_a_group_fails_alone(opened: Database) -> None:
    held, go = threading.Event(), threading.Event()

    def hold(writer: sqlite3.Connection) -> None:
        held.set()
        go.wait(30)

    first = opened.run_soon(hold)
    assert held.wait(30)
    # All of these wait for the same commit.
    fine = [opened.run_soon(insert(n)) for n in range(3)]
    refused = opened.run_soon(refuse)
    faulty = opened.run_soon(insert(object()))
    more = opened.run_soon(insert(3))
    go.set()
    first.result(30)
    assert [future.result(30) for future in (*fine, more)] == [0, 1, 2, 3]
    with pytest.raises(ConditionFailed):
        refused.result(30)
    with pytest.raises(sqlite3.Error):
        faulty.result(30)
    assert numbers(opened) == [0, 1, 2, 3]


def test_closing_commits_what_waits_and_refuses_what_comes_later(tmp_path: Path) -> None:
    opened = Database(tmp_path / "t.sqlite", SCHEMA)
    futures = [opened.run_soon(insert(n)) for n in range(100)]
    opened.close()
    opened.close()
    assert [future.result(0) for future in futures] == list(range(100))
    for refused in (
        lambda: opened.run(insert(1)),
        lambda: opened.run_soon(insert(1)).result(30),
        lambda: opened.query("SELECT 1", ()),
    ):
        with pytest.raises(StoreUnavailable):
            refused()
    again = Database(tmp_path / "t.sqlite", SCHEMA)
    assert numbers(again) == list(range(100))
    again.close()


def test_the_log_stays_short_while_two_stores_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LONGEST_LOG", 256 * 1024)
    path = tmp_path / "t.sqlite"
    stores = [Database(path, SCHEMA) for _ in range(2)]
    end = threading.Event()

    def keep() -> None:
        while not end.wait(0.005):
            for store in stores:
                store.checkpoint()

    def write(store: Database) -> None:
        for n in range(1500):
            store.run(lambda writer, n=n: writer.execute("INSERT INTO t VALUES (?, ?)", (n, blob)))

    blob = b"x" * 12_000
    writers = [threading.Thread(target=write, args=(store,)) for store in stores]
    keeper = threading.Thread(target=keep)
    for thread in (*writers, keeper):
        thread.start()
    for thread in writers:
        thread.join()
    end.set()
    keeper.join()
    written = 2 * 1500 * len(blob)
    assert Path(f"{path}-wal").stat().st_size < written / 2
    assert stores[0].query("SELECT count(*), sum(length(x)) FROM t", ()) == [(3000, written)]
    assert stores[1].query("PRAGMA integrity_check", ()) == [("ok",)]
    for store in stores:
        store.close()


def test_the_log_of_a_busy_process_has_its_length_and_survives_a_kill(tmp_path: Path) -> None:
    opened = Database(tmp_path / "t.sqlite", SCHEMA)
    for n in range(database.BUSY + 20):
        opened.run(insert(n))
    log = tmp_path / "t.sqlite-wal"
    assert log.stat().st_size == database.LONGEST_LOG
    left = tmp_path / "killed"  # as it is found without the index of the log, which is memory
    left.mkdir()
    for path in (tmp_path / "t.sqlite", log):
        shutil.copy(path, left / path.name)
    again = Database(left / "t.sqlite", SCHEMA)
    assert numbers(again) == list(range(database.BUSY + 20))
    again.run(insert(1000))
    assert numbers(again)[-1] == 1000
    again.close()
    opened.close()


def test_a_folder_that_cannot_be_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        Database(tmp_path / "none" / "t.sqlite", SCHEMA)
    (tmp_path / "junk.sqlite").write_bytes(b"not a database, though it has some length" * 100)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(StoreUnavailable):
        Database(tmp_path / "junk.sqlite", SCHEMA)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
