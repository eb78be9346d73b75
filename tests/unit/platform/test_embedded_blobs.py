"""Segments: found again without an index, cut where they are torn, cleared when nothing lives."""

import errno
import os
from concurrent.futures import Future
from pathlib import Path

import pytest

from postroom.errors import BlobMissing, StoreUnavailable
from postroom.platform.blobs import BlobKey
from postroom.platform.embedded import blobs, segments
from postroom.platform.embedded.blobs import EmbeddedBlobStore
from postroom.platform.embedded.database import Database


class Opened:
    """A blob store over a folder, as one process holds it."""

    def __init__(self, folder: Path) -> None:
        self.index = Database(folder / "blobs.sqlite", blobs.SCHEMA)
        self.store = EmbeddedBlobStore(folder / "blobs", self.index)
        self.store.recover()

    def close(self) -> None:
        self.store.close()
        self.index.close()


def segment_files(folder: Path) -> list[Path]:
    return sorted((folder / "blobs/segments").iterdir())


def keys(count: int) -> list[BlobKey]:
    return [BlobKey(f"k{n:03}") for n in range(count)]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder in which a process stored 20 blobs of 1,000 octets, and ended."""
    opened = Opened(tmp_path)
    for key in keys(20):
        opened.store.put(key, key.encode() * 250)
    opened.close()
    return tmp_path


def lose_index(folder: Path) -> None:
    for path in folder.glob("blobs.sqlite*"):
        path.unlink()


def test_a_lost_index_is_made_again_from_the_segments(written: Path) -> None:
    lose_index(written)
    opened = Opened(written)
    assert list(opened.store.get_many(keys(20))) == [key.encode() * 250 for key in keys(20)]
    opened.close()


def test_an_index_that_lags_behind_is_completed(written: Path) -> None:
    opened = Opened(written)
    path = segment_files(written)[0]
    opened.index.run(lambda writer: writer.execute("DELETE FROM places WHERE key > 'k009'"))
    half = path.stat().st_size // 2
    opened.index.run(lambda writer: writer.execute("UPDATE segments SET indexed = ?", (half,)))
    opened.close()
    opened = Opened(written)
    assert list(opened.store.get_many(keys(20))) == [key.encode() * 250 for key in keys(20)]
    opened.close()


def test_zeros_ahead_are_no_records_and_go_in_the_end(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    for key in keys(3):
        opened.store.put(key, key.encode() * 250)
    [path] = segment_files(tmp_path)
    octets = path.read_bytes()
    assert octets.rstrip(b"\0") != octets
    # As a process leaves it that was killed.
    left = tmp_path / "killed"
    (left / "blobs/segments").mkdir(parents=True)
    (left / "blobs/segments" / path.name).write_bytes(octets)
    again = Opened(left)
    assert list(again.store.get_many(keys(3))) == [key.encode() * 250 for key in keys(3)]
    again.close()
    opened.close()
    assert path.read_bytes() == octets.rstrip(b"\0")


def test_a_disk_without_room_for_zeros_takes_what_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite

    def full(file: int, octets: bytes, offset: int) -> int:
        if not octets.strip(b"\0"):
            raise OSError(errno.ENOSPC, "full")
        return pwrite(file, octets, offset)

    monkeypatch.setattr(os, "pwrite", full)
    opened = Opened(tmp_path)
    opened.store.put(BlobKey("k"), b"body")
    opened.close()
    assert b"body" in segment_files(tmp_path)[0].read_bytes()


def test_a_segment_that_cannot_be_locked_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "LARGEST_SEGMENT", 10)
    opened = Opened(tmp_path)
    opened.store.put(BlobKey("before"), b"before")

    def refuses(file: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    with monkeypatch.context() as broken:
        broken.setattr(segments.fcntl, "flock", refuses)
        with pytest.raises(StoreUnavailable):
            opened.store.put(BlobKey("refused"), b"refused")
    monkeypatch.setattr(segments, "LARGEST_SEGMENT", 1000)
    opened.store.put(BlobKey("after"), b"after")
    assert list(opened.store.get_many([BlobKey("before"), BlobKey("after")])) == [
        b"before",
        b"after",
    ]
    opened.close()


def test_what_was_half_written_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened(tmp_path)
    opened.store.put(BlobKey("before"), b"before")
    [path] = segment_files(tmp_path)

    def breaks(file: int, pieces: list[bytes], offset: int) -> int:
        os.pwrite(file, pieces[0], offset)
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as broken:
        broken.setattr(os, "pwritev", breaks)
        with pytest.raises(StoreUnavailable):
            opened.store.put(BlobKey("broken"), b"x" * 1000)
    assert path.read_bytes().endswith(b"before")
    opened.store.put(BlobKey("after"), b"after")
    assert (
        opened.store.get(BlobKey("before")) + opened.store.get(BlobKey("after")) == b"beforeafter"
    )
    opened.close()


def test_a_blob_that_comes_while_the_store_closes_has_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Opened(tmp_path)

    def closed_meanwhile() -> "Future[None]":
        opened.store.close()
        return Future()

    with monkeypatch.context() as late:
        late.setattr(blobs, "Future", closed_meanwhile)
        future = opened.store.put_soon(BlobKey("late"), b"late")
    with pytest.raises(StoreUnavailable):
        future.result(5)
    opened.close()


def test_a_disk_that_stays_full_is_not_filled_with_empty_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, pieces: list[bytes], offset: int) -> int:
        raise OSError(errno.ENOSPC, "full")

    opened = Opened(tmp_path)
    opened.store.put(BlobKey("before"), b"before")
    with monkeypatch.context() as broken:
        broken.setattr(os, "pwritev", full)
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                opened.store.put(BlobKey("refused"), b"refused")
    assert len(segment_files(tmp_path)) == 1
    opened.store.put(BlobKey("after"), b"after")
    assert opened.store.get(BlobKey("after")) == b"after"
    opened.close()


@pytest.mark.parametrize("cut", [1, 999, 1001, 1010, 1017])
def test_a_torn_record_is_not_found_and_those_before_it_are(written: Path, cut: int) -> None:
    lose_index(written)
    (path,) = segment_files(written)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - cut)
    opened = Opened(written)
    assert len(list(opened.store.get_many(keys(19)))) == 19
    with pytest.raises(BlobMissing):
        opened.store.get(keys(20)[-1])
    opened.close()


def test_a_record_with_a_wrong_checksum_is_not_found(written: Path) -> None:
    lose_index(written)
    (path,) = segment_files(written)
    with path.open("r+b") as file:
        file.seek(-500, 2)
        file.write(b"\0" * 500)
    opened = Opened(written)
    assert len(list(opened.store.get_many(keys(19)))) == 19
    with pytest.raises(BlobMissing):
        opened.store.get(keys(20)[-1])
    opened.close()


def test_a_segment_without_a_live_blob_is_removed(written: Path) -> None:
    opened = Opened(written)
    opened.store.clean()
    assert len(segment_files(written)) == 1
    opened.store.delete(keys(20))
    opened.store.clean()
    assert segment_files(written) == []
    opened.close()


def test_what_lives_in_a_mostly_dead_segment_moves(written: Path) -> None:
    opened, other = Opened(written), Opened(written)
    before = segment_files(written)
    survivors = [keys(20)[3], keys(20)[17]]
    bodies = list(other.store.get_many(survivors))
    opened.store.delete([key for key in keys(20) if key not in survivors])
    opened.store.clean()
    assert len(segment_files(written)) == 1
    assert segment_files(written) != before
    assert list(opened.store.get_many(survivors)) == bodies
    assert list(other.store.get_many(survivors)) == bodies
    opened.close()
    other.close()


def test_a_segment_someone_adds_to_is_left_alone(tmp_path: Path) -> None:
    opened, other = Opened(tmp_path), Opened(tmp_path)
    opened.store.put(BlobKey("a"), b"a")
    other.store.delete([BlobKey("a")])
    other.store.clean()
    opened.store.put(BlobKey("b"), b"b")
    assert other.store.get(BlobKey("b")) == b"b"
    opened.close()
    other.close()


def test_a_full_segment_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "LARGEST_SEGMENT", 3000)
    opened = Opened(tmp_path)
    for key in keys(20):
        opened.store.put(key, key.encode() * 250)
    assert len(segment_files(tmp_path)) == 7
    assert list(opened.store.get_many(keys(20))) == [key.encode() * 250 for key in keys(20)]
    opened.close()
