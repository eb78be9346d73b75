"""Segments of search indexes in S3, and the copies of them on this machine."""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from moto.core.botocore_stubber import BotocoreStubber

from postroom.errors import StoreUnavailable
from postroom.message.searchable import anywhere
from postroom.platform.aws.store import AwsStore
from postroom.platform.system import SystemClock
from postroom.platform.text_index import SegmentKey, Text, TextIndex
from tests.aws_account import account_in_process, make_stores

KEYS = [SegmentKey(f"m-{number}") for number in range(6)]
NEEDLE = anywhere("lunch")


@pytest.fixture
def texts(tmp_path: Path) -> Iterator[TextIndex]:
    with account_in_process():
        store = AwsStore(replace(make_stores(), cache=tmp_path), SystemClock())
        for key in KEYS:
            store.text_index.write(key, [Text(1, b"\x00\x00", b"LUNCH")])
        yield store.text_index
        store.close()


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    return tmp_path / "search"


def names(copies: Path) -> set[str]:
    return {each.name for each in copies.iterdir()}


def test_who_writes_makes_room_as_well(
    texts: TextIndex, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (copies / KEYS[0]).stat().st_size
    disk = SimpleNamespace(total=2 * (3 * size + size // 2))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: disk)
    for number in range(5):
        texts.write(SegmentKey(f"new-{number}"), [Text(1, b"\x00\x00", b"LUNCH")])
    assert names(copies) == {"new-2", "new-3", "new-4"}
    assert texts.find(KEYS[0], [NEEDLE]) == [[1]]


def test_two_may_make_room_at_once(
    texts: TextIndex, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copies / KEYS[0]).unlink()
    listed = Path.iterdir

    def with_one_that_goes(folder: Path) -> Iterator[Path]:
        yield from listed(folder)
        yield folder / "removed-by-another"

    monkeypatch.setattr(Path, "iterdir", with_one_that_goes)
    assert texts.find(KEYS[0], [NEEDLE]) == [[1]]


def test_copies_that_nobody_asks_for_go(texts: TextIndex, copies: Path) -> None:
    """The segment may have been removed long ago, with its account."""
    (copies / KEYS[0]).unlink()
    long_ago = time.time() - 8 * 86_400
    os.utime(copies / KEYS[1], (long_ago, long_ago))
    texts.find(KEYS[0], [NEEDLE])
    assert names(copies) == {*KEYS} - {KEYS[1]}


def test_a_segment_that_is_not_removed_is_told(
    texts: TextIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = BotocoreStubber.process_request
    error = b"<Error><Key>search/m-0</Key><Code>AccessDenied</Code></Error>"

    def denied(self: BotocoreStubber, request: Any) -> Any:
        if request.url.endswith("?delete"):
            return 200, {}, b"<DeleteResult>" + error + b"</DeleteResult>"
        return process(self, request)

    monkeypatch.setattr(BotocoreStubber, "process_request", denied)
    with pytest.raises(StoreUnavailable, match="AccessDenied"):
        texts.delete(KEYS[:1])
