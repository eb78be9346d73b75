"""A worker over a real store, with functions that do wrong."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from local.runtime.supervisor import declare_queues
from local.runtime.template import read_template
from local.runtime.worker import Worker
from postroom.errors import BadSetting
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemClock
from postroom.settings import Settings
from tests.unit.local.test_template import WORKING, read

PATIENCE = 10  # seconds
# Writes down what it was given, and does as the bodies say.
FUNCTION = """
import json, pathlib
SEEN = pathlib.Path(__file__).with_name("seen")

def handler(event, context):
    records = event.get("Records", [])
    with SEEN.open("a") as file:
        print(json.dumps([record["body"] for record in records]), file=file)
    bodies = {record["body"]: record["messageId"] for record in records}
    if "raise" in bodies:
        raise RuntimeError("told to")
    if "nonsense" in bodies:
        return {"batchItemFailures": [{"what": 1}]}
    failed = [number for body, number in bodies.items() if body == "fail"]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    # A letter that fails is seen again at once, three times in all.
    text = WORKING.replace("VisibilityTimeout: 40", "VisibilityTimeout: 0")
    read(tmp_path, text)
    (tmp_path / "work" / "app.py").write_text(FUNCTION)
    store = EmbeddedStore(tmp_path / "data", SystemClock())
    declare_queues(store, read_template(tmp_path / "template.yaml"))
    yield store
    store.close()


@contextmanager
def worker(folder: Path) -> Iterator[Worker]:
    running = Worker(folder / "template.yaml", Settings(data=folder / "data"), schedules=False)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        yield running
    finally:
        running.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def wait_until_empty(store: EmbeddedStore) -> None:
    deadline = time.monotonic() + PATIENCE
    while store.queue("work").depth() != (0, 0):
        assert time.monotonic() < deadline, store.queue("work").depth()
        time.sleep(0.01)


def seen(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "work" / "seen").read_text().splitlines()]


def bodies(folder: Path) -> list[str]:
    return [body for batch in seen(folder) for body in batch]


def dead(store: EmbeddedStore) -> list[str]:
    return sorted(letter.body for letter in store.queue("work-dead").receive())


def test_a_batch_is_taken_once_when_all_goes_well(store: EmbeddedStore, tmp_path: Path) -> None:
    for number in range(3):
        store.queue("work").send(f"letter {number}")
    with worker(tmp_path):
        wait_until_empty(store)
    assert sorted(bodies(tmp_path)) == ["letter 0", "letter 1", "letter 2"]
    assert dead(store) == []


def test_only_the_letter_that_failed_comes_back(store: EmbeddedStore, tmp_path: Path) -> None:
    for body in ("good", "fail", "also good"):
        store.queue("work").send(body)
    with worker(tmp_path):
        wait_until_empty(store)
    assert sorted(bodies(tmp_path)) == ["also good", "fail", "fail", "fail", "good"]
    assert dead(store) == ["fail"]


@pytest.mark.parametrize("body", ["raise", "nonsense"])
def test_a_batch_that_went_wrong_comes_back_and_the_worker_lives(
    store: EmbeddedStore, tmp_path: Path, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.runtime.worker._PAUSE", 0.01)
    store.queue("work").send(body)
    with worker(tmp_path):
        wait_until_empty(store)
        store.queue("work").send("afterwards")
        wait_until_empty(store)
    assert seen(tmp_path) == [[body]] * 3 + [["afterwards"]]
    assert dead(store) == [body]


@pytest.mark.parametrize(
    ("pollers", "largest"),
    [
        pytest.param(1, 5 * 7, id="several at once where one poller has them all"),
        pytest.param(2, 7, id="one by one where pollers share them"),
    ],
)
def test_batches_are_as_large_as_the_template_says(
    tmp_path: Path, pollers: int, largest: int
) -> None:
    function = "      WorkFunction:\n"
    assert function in WORKING
    metadata = f"        Metadata: {{Postroom: {{Pollers: {pollers}}}}}\n"
    read(tmp_path, WORKING.replace(function, function + metadata))
    (tmp_path / "work" / "app.py").write_text(FUNCTION)
    with closing(EmbeddedStore(tmp_path / "data", SystemClock())) as store:
        declare_queues(store, read_template(tmp_path / "template.yaml"))
        for number in range(40):
            store.queue("work").send(str(number))
        with worker(tmp_path):
            wait_until_empty(store)
    assert max(len(batch) for batch in seen(tmp_path)) == largest
    assert sorted(bodies(tmp_path), key=int) == sorted(map(str, range(40)), key=int)


def test_a_stop_finishes_the_batch_under_way(store: EmbeddedStore, tmp_path: Path) -> None:
    slow = FUNCTION.replace("    records =", "    import time; time.sleep(0.3)\n    records =")
    (tmp_path / "work" / "app.py").write_text(slow)
    store.queue("work").send("one")
    with worker(tmp_path):
        while store.queue("work").depth()[0]:
            time.sleep(0.005)
    assert seen(tmp_path) == [["one"]]
    assert store.queue("work").depth() == (0, 0)


def test_a_template_that_cannot_run_stops_the_worker_at_start(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    (tmp_path / "template.yaml").write_text("Resources: {X: {Type: AWS::EC2::Instance}}")
    with pytest.raises(BadSetting, match="X is a AWS::EC2::Instance"):
        Worker(tmp_path / "template.yaml", Settings(data=tmp_path / "data"), schedules=False)
