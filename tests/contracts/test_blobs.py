"""The contract of postroom.platform.blobs.BlobStore."""

from typing import Any

import pytest

from postroom.errors import BlobMissing
from postroom.platform.blobs import BlobKey, BlobStore

SIZES = [0, 1, 4096, 1024 * 1024 - 1, 1024 * 1024, 6 * 1024 * 1024 + 3]


def octets(count: int) -> bytes:
    return (bytes(range(256)) * (count // 256 + 1))[:count]


@pytest.fixture
def blobs(world: Any) -> BlobStore:
    found: BlobStore = world.platform.blobs
    return found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", ["put", "put_soon", "draft"])
def test_a_blob_comes_back_octet_for_octet(blobs: BlobStore, size: int, way: str) -> None:
    key, body = BlobKey("a-Z_0"), octets(size)
    if way == "put":
        blobs.put(key, body)
    elif way == "put_soon":
        blobs.put_soon(key, body).result(30)
    else:
        draft = blobs.draft(key)
        for start in range(0, size, 700_000):
            draft.write(body[start : start + 700_000])
        draft.commit_soon().result(30)
        draft.abandon()
        draft.abandon()
    assert blobs.get(key) == body
    assert list(blobs.get_many([key])) == [body]


@pytest.mark.parametrize("size", [0, 4096, 1024 * 1024])
def test_several_are_stored_together(blobs: BlobStore, size: int) -> None:
    several = [(BlobKey(f"k{number}"), octets(size + number)) for number in range(5)]
    assert blobs.put_each(several) == [None] * 5
    assert blobs.put_each(several[:2]) == [None] * 2  # repeating is harmless
    assert list(blobs.get_many([key for key, _ in several])) == [body for _, body in several]


@pytest.mark.parametrize("size", [100, 3 * 1024 * 1024])
def test_a_range_is_cut_at_the_end(blobs: BlobStore, size: int) -> None:
    key, body = BlobKey("k"), octets(size)
    blobs.put(key, body)
    assert blobs.get_range(key, 0, 10) == body[:10]
    assert blobs.get_range(key, 50, 20) == body[50:70]
    assert blobs.get_range(key, size - 5, 100) == body[-5:]
    assert blobs.get_range(key, size, 10) == b""
    assert blobs.get_range(key, size + 9, 10) == b""
    assert blobs.get_range(key, 0, 0) == b""


def test_a_missing_blob_says_so(blobs: BlobStore) -> None:
    for read in (
        lambda: blobs.get(BlobKey("none")),
        lambda: blobs.get_range(BlobKey("none"), 0, 1),
        lambda: list(blobs.get_many([BlobKey("none")])),
    ):
        with pytest.raises(BlobMissing):
            read()


def test_get_many_keeps_the_order_and_fails_at_the_missing_one(blobs: BlobStore) -> None:
    keys = [BlobKey(f"k{n:04}") for n in range(700)]
    for future in [blobs.put_soon(key, key.encode() * 10) for key in keys]:
        future.result(30)
    asked = [*keys[::-1], keys[3], keys[3]]
    assert list(blobs.get_many(asked)) == [key.encode() * 10 for key in asked]
    found = blobs.get_many([keys[0], keys[1], BlobKey("none"), keys[2]])
    assert [next(found), next(found)] == [b"k0000" * 10, b"k0001" * 10]
    with pytest.raises(BlobMissing):
        next(found)
    assert list(blobs.get_many([])) == []


@pytest.mark.parametrize("size", [10, 2 * 1024 * 1024])
def test_repeating_is_harmless(blobs: BlobStore, size: int) -> None:
    key, body = BlobKey("k"), octets(size)
    for future in [blobs.put_soon(key, body) for _ in range(3)]:
        future.result(30)
    blobs.put(key, body)
    assert blobs.get(key) == body
    blobs.delete([key])
    blobs.delete([key, BlobKey("none")])
    blobs.delete([])
    with pytest.raises(BlobMissing):
        blobs.get(key)
    blobs.put(key, body)
    assert blobs.get(key) == body


@pytest.mark.parametrize("size", [10, 2 * 1024 * 1024])
def test_an_abandoned_draft_is_never_found(blobs: BlobStore, size: int) -> None:
    draft = blobs.draft(BlobKey("k"))
    draft.write(octets(size))
    draft.abandon()
    draft.abandon()
    with pytest.raises(BlobMissing):
        blobs.get(BlobKey("k"))


def test_many_deleted_at_once(blobs: BlobStore) -> None:
    keys = [BlobKey(f"k{n}") for n in range(30)]
    for future in [blobs.put_soon(key, b"x") for key in keys]:
        future.result(30)
    blobs.delete(keys[5:])
    assert list(blobs.get_many(keys[:5])) == [b"x"] * 5
    for key in keys[5:]:
        with pytest.raises(BlobMissing):
            blobs.get(key)
