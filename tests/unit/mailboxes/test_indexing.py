"""An index is made in steps, each of which may be repeated, interrupted or done by two at once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from postroom.app import App, build, wire
from postroom.errors import StoreUnavailable
from postroom.mailboxes import indexing
from postroom.mailboxes.indexing import LEASE, process
from postroom.mailboxes.records import NewMessage
from postroom.mailboxes.search_index import Index, Task
from postroom.message.searchable import Needle, anywhere
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey
from postroom.platform.system import SystemRandomness
from postroom.platform.text_index import SegmentUnusable
from postroom.settings import Settings
from tests.contracts.conftest import World, embedded

ACCOUNT = "a"
INBOX = "ma"
TASK = Task(ACCOUNT, INBOX)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with embedded(tmp_path) as world:
        yield world


@pytest.fixture
def app(world: World) -> App:
    app = wire(Settings(), world.platform, world.clock, SystemRandomness())
    app.mailboxes.create_account(ACCOUNT)
    return app


def fill(app: App, count: int) -> None:
    """Each says which number it has: its UID."""
    first = app.mailboxes.get(ACCOUNT, INBOX).uid_next
    new = []
    for uid in range(first, first + count):
        octets = b"Subject: about\r\n\r\nIt is number%dth." % uid
        app.blobs.put(BlobKey(f"b{uid}"), octets)
        new.append(NewMessage(BlobKey(f"b{uid}"), summarise(octets), 1_700_000_000))
    for start in range(0, count, 90):
        app.mailboxes.append(ACCOUNT, INBOX, new[start : start + 90])


def index_of(app: App) -> Index:
    return app.search_index.read(ACCOUNT, INBOX)


def finish(app: App, task: Task | None = TASK) -> int:
    """Take steps until nothing is left; how many it were."""
    steps = 0
    while task is not None:
        task = app.indexing.step(task)
        steps += 1
    return steps


def found(app: App, text: str) -> list[int]:
    needle: Needle = anywhere(text)
    return app.search_index.find(ACCOUNT, INBOX, [needle]).uids[needle]


def is_whole(app: App, count: int) -> None:
    index = index_of(app)
    assert index.covered == count
    assert (index.making, index.until, index.left_over) == (None, 0, [*index.obsolete])
    ends = [0, *(segment.last for segment in index.segments)]
    assert [segment.first for segment in index.segments] == [last + 1 for last in ends[:-1]]
    assert found(app, "is number") == list(range(1, count + 1))
    for uid in {1, count // 2, count}:
        assert found(app, f"NUMBER{uid}TH") == [uid]
    assert segment_files(app) == {segment.key for segment in index.segments}


def segment_files(app: App) -> set[str]:
    folder: Path = app.platform.text_index._folder  # type: ignore[attr-defined]
    return {each.name.removesuffix(".sqlite") for each in folder.iterdir()}


def test_an_index_grows_by_steps_and_segments_stay_few(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "MOST_MESSAGES", 10)
    fill(app, 205)
    assert finish(app) == 21
    is_whole(app, 205)
    assert len(index_of(app).segments) <= 5
    copied = 0
    for _ in range(20):  # a few more each time
        fill(app, 3)
        finish(app)
        copied += index_of(app).segments[-1].messages
    is_whole(app, 265)
    assert len(index_of(app).segments) <= 6
    assert copied < 60 * 12
    assert finish(app) == 1  # nothing is left
    index = index_of(app)
    assert finish(app) == 1
    assert index_of(app) == index


def test_large_segments_are_left_alone(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(app, 20)
    finish(app)
    monkeypatch.setattr(indexing, "LARGEST_MERGED", index_of(app).segments[0].octets - 1)
    fill(app, 20)
    finish(app)
    assert [segment.messages for segment in index_of(app).segments] == [20, 20]
    is_whole(app, 40)


def test_messages_that_are_gone_are_not_copied(app: App) -> None:
    fill(app, 10)
    finish(app)
    app.mailboxes.store_flags(ACCOUNT, INBOX, [2, 10], add=["\\Deleted"])
    app.mailboxes.expunge(ACCOUNT, INBOX)
    fill(app, 10)
    finish(app)
    assert [segment.messages for segment in index_of(app).segments] == [18]
    assert found(app, "number2th") == []
    assert index_of(app).covered == 20


def test_a_mailbox_that_was_emptied_is_covered(app: App) -> None:
    fill(app, 5)
    app.mailboxes.store_flags(ACCOUNT, INBOX, range(1, 6), add=["\\Deleted"])
    app.mailboxes.expunge(ACCOUNT, INBOX)
    assert finish(app) == 1
    assert index_of(app).covered == 5
    assert finish(app) == 1


def test_a_mailbox_that_never_was_has_no_index(app: App) -> None:
    assert app.indexing.step(Task(ACCOUNT, "m-none")) is None
    assert app.search_index.read(ACCOUNT, "m-none") == Index()


def test_while_one_makes_it_another_does_nothing(
    app: App, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(app, 5)
    other = wire(Settings(), world.platform, world.clock, SystemRandomness())
    write = app.platform.text_index.write
    seen = []

    def slow(*arguments: Any) -> Any:
        if not seen:
            seen.append(index_of(app).making)
            assert other.indexing.step(TASK) is None
            assert index_of(app).making == seen[0]
        return write(*arguments)

    monkeypatch.setattr(app.platform.text_index, "write", slow)
    finish(app)
    assert seen[0] is not None
    is_whole(app, 5)


def test_who_is_too_slow_loses_the_claim_and_leaves_nothing(
    app: App, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(app, 5)
    write = app.platform.text_index.write

    def slow(*arguments: Any) -> Any:
        monkeypatch.setattr(app.platform.text_index, "write", write)
        world.pass_time(LEASE + 1)
        finish(app)  # somebody else
        return write(*arguments)

    monkeypatch.setattr(app.platform.text_index, "write", slow)
    finish(app)
    is_whole(app, 5)


def test_a_crash_costs_its_step_and_leaves_nothing_behind(
    app: App, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(app, 5)
    finish(app)
    fill(app, 5)
    write, replace_record = app.platform.text_index.write, app.search_index.replace

    def crash(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(app.platform.text_index, "write", crash)
    with pytest.raises(KeyboardInterrupt):
        finish(app)
    assert found(app, "is number") == [1, 2, 3, 4, 5]
    assert app.indexing.step(TASK) is None  # until the lease is over
    world.pass_time(LEASE + 1)

    def crash_at_the_end(*arguments: Any) -> Any:
        if arguments[-1].making is None:
            raise KeyboardInterrupt
        return replace_record(*arguments)

    monkeypatch.setattr(app.platform.text_index, "write", write)
    monkeypatch.setattr(app.search_index, "replace", crash_at_the_end)
    with pytest.raises(KeyboardInterrupt):
        finish(app)
    assert len(segment_files(app)) == 2
    world.pass_time(LEASE + 1)
    monkeypatch.setattr(app.search_index, "replace", replace_record)
    finish(app)
    is_whole(app, 10)


def test_a_store_that_fails_is_asked_again(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(app, 5)
    write = app.platform.text_index.write

    def full(*arguments: Any) -> Any:
        raise StoreUnavailable("no space left on device")

    monkeypatch.setattr(app.platform.text_index, "write", full)
    queue = app.queue("index")
    assert list(process(app.indexing, queue, [TASK, Task("b", "mb")])) == [0]
    assert index_of(app).covered == 0
    monkeypatch.setattr(app.platform.text_index, "write", write)
    assert process(app.indexing, queue, [TASK]) == {}
    is_whole(app, 5)


def test_what_could_not_be_removed_is_removed_later(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(app, 5)
    finish(app)
    fill(app, 5)
    delete = app.platform.text_index.delete
    left = segment_files(app)

    def down(keys: Any) -> None:
        if keys:
            raise StoreUnavailable("S3")

    monkeypatch.setattr(app.platform.text_index, "delete", down)
    for _ in range(3):  # the last of these fails as it removes what the first one has merged
        with pytest.raises(StoreUnavailable):
            finish(app)
        fill(app, 5)
        assert segment_files(app) >= left
    monkeypatch.setattr(app.platform.text_index, "delete", delete)
    finish(app)
    is_whole(app, 25)
    fill(app, 5)
    finish(app)
    assert len(index_of(app).left_over) <= 2  # what was removed is not written down for ever


def test_messages_that_come_as_it_reads_are_left_for_the_next_step(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(app, 5)
    messages = app.mailboxes.messages

    def without_the_sixth(*arguments: Any) -> Any:  # its transaction and this read cross
        monkeypatch.setattr(app.mailboxes, "messages", messages)
        fill(app, 2)
        return (message for message in messages(*arguments) if message.uid != 6)

    monkeypatch.setattr(app.mailboxes, "messages", without_the_sixth)
    assert app.indexing.step(TASK) is None
    assert index_of(app).covered == 5
    finish(app)
    is_whole(app, 7)


def test_texts_that_have_to_go_go_though_another_was_at_it(app: App, world: World) -> None:
    fill(app, 5)
    finish(app)
    app.mailboxes.store_flags(ACCOUNT, INBOX, [2], add=["\\Deleted"])
    app.mailboxes.expunge(ACCOUNT, INBOX)
    free = index_of(app)
    held = replace(free, until=int(world.clock.seconds()) + LEASE)
    assert app.search_index.replace(ACCOUNT, INBOX, free, held)
    swept = replace(TASK, swept=True)
    assert app.indexing.step(swept) is None
    world.pass_time(LEASE + 1)
    queue = app.queue("index")
    assert app.search_index.tell_swept(queue) == 1
    [letter] = queue.receive()
    finish(app, Task.from_json(letter.body))
    assert found(app, "number2th") == []
    assert found(app, "is number") == [1, 3, 4, 5]
    assert app.search_index.tell_swept(queue) == 0


def test_a_broken_segment_is_made_anew_however_it_is_met(app: App) -> None:
    fill(app, 5)
    finish(app)
    [old] = index_of(app).segments
    path: Path = app.platform.text_index._path(old.key)  # type: ignore[attr-defined]
    path.write_bytes(b"nothing")
    with pytest.raises(SegmentUnusable):
        found(app, "number")
    fill(app, 5)
    assert app.indexing.step(TASK) == replace(TASK, broken=old.key)  # met as it is merged
    finish(app, replace(TASK, broken=old.key))
    is_whole(app, 10)
    # A letter that comes again finds nothing to do.
    index = index_of(app)
    assert app.indexing.step(replace(TASK, broken=old.key)) is None
    assert index_of(app) == index


def test_a_blob_that_is_lost_is_no_text(app: App) -> None:
    fill(app, 5)
    app.blobs.delete([BlobKey("b2")])
    finish(app)
    assert index_of(app).covered == 5
    assert found(app, "is number") == [1, 3, 4, 5]


CHILD = """
import sys
from postroom.app import build
from postroom.mailboxes import indexing
from postroom.mailboxes.search_index import Task
indexing.MOST_MESSAGES = 7
app = build({"POSTROOM_DATA": sys.argv[1]})
print("ready", flush=True)
task = Task("a", "ma")
while task is not None:
    task = app.indexing.step(task)
"""


def test_killed_at_any_moment_it_is_finished_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    app = build({"POSTROOM_DATA": str(data)})
    app.mailboxes.create_account(ACCOUNT)
    fill(app, 200)
    for pause in (0.005, 0.02, 0.05, 0.1):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(data)], stdout=subprocess.PIPE, env=os.environ
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(pause)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        covered = index_of(app).covered
        assert found(app, "is number") == list(range(1, covered + 1))
        # The lease of the one that was killed runs out.
        index = index_of(app)
        app.search_index.replace(ACCOUNT, INBOX, index, replace(index, until=0))
    finish(app)
    is_whole(app, 200)
    app.platform.close()
