"""What the embedded store promises to several processes, and to one that is killed."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

from postroom.platform.blobs import BlobKey
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemClock
from postroom.platform.table import Key, Put, Record

CHILD = Path(__file__).with_name("embedded_child.py")


def start(folder: Path, work: str, name: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, CHILD, folder, work, name], stdout=subprocess.PIPE, text=True
    )


def read_until_killed(child: "subprocess.Popen[str]", told: dict[str, list[str]]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if line.endswith("\n"):
            what, name = line.split()
            told[what].append(name)
    child.stdout.close()


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    told: dict[str, list[str]] = defaultdict(list)
    dice = random.Random()
    for number in range(6):
        children = [start(tmp_path, "write", f"{number}{who}") for who in "ab"]
        readers = [
            threading.Thread(target=read_until_killed, args=(child, told)) for child in children
        ]
        for reader in readers:
            reader.start()
        before = len(told["letter"])
        while len(told["letter"]) == before:
            time.sleep(0.01)
        for child in children:
            time.sleep(dice.uniform(0, 0.15))
            child.send_signal(signal.SIGKILL)
        for child, reader in zip(children, readers, strict=True):
            child.wait()
            reader.join()
    store = EmbeddedStore(tmp_path, SystemClock())
    left, right = (
        {record.key.sort for record in store.table.range(side)} for side in ("left", "right")
    )
    assert left == right
    assert left >= set(told["pair"])
    for name, body in zip(
        told["blob"], store.blobs.get_many([BlobKey(one) for one in told["blob"]]), strict=True
    ):
        assert body == name.encode() * 400
    for name in told["large"]:
        assert store.blobs.get(BlobKey(name)) == name.encode() * 400 * 200
    queue = store.queue("inbound")
    found: list[str] = []
    while letters := queue.receive():
        found += [letter.body for letter in letters]
        queue.delete([letter.receipt for letter in letters])
    assert len(found) == len(set(found))
    assert set(found) >= set(told["letter"])
    store.close()


def test_counting_by_many_processes_loses_no_step(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, SystemClock())
    key = Key("p", "counter")
    store.table.write(Put(key, {"n": 0}))
    children = [start(tmp_path, "count", str(n)) for n in range(3)]
    for child in children:
        assert child.communicate(timeout=60)[0].startswith("counted")
    assert store.table.get(key) == Record(key, {"n": 300})
    store.close()


def test_a_sender_wakes_a_receiver_in_another_process(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, SystemClock())
    child = start(tmp_path, "receive", "r")
    assert child.stdout is not None
    assert child.stdout.readline() == "waiting r\n"
    time.sleep(0.2)
    store.queue("inbound").send("hello")
    assert child.stdout.readline() == "got hello\n"
    child.communicate(timeout=30)
    assert store.queue("inbound").depth() == (0, 0)
    store.close()


def test_two_stores_over_one_folder_see_each_other(tmp_path: Path) -> None:
    one, other = (EmbeddedStore(tmp_path, SystemClock()) for _ in range(2))
    one.table.write(Put(Key("p", "s"), {"n": 1}))
    assert other.table.get(Key("p", "s")) == Record(Key("p", "s"), {"n": 1})
    other.blobs.put(BlobKey("k"), b"body")
    assert one.blobs.get(BlobKey("k")) == b"body"
    heard = threading.Event()
    subscription = other.topic.subscribe(lambda message: heard.set())
    one.topic.publish(["news"])
    assert heard.wait(30)
    subscription.close()
    one.queue("inbound", visibility=77)
    assert other.queue("inbound").settings().visibility == 77
    one.close()
    other.close()
