"""A process of its own over an embedded store, for the tests that kill it or race with it.

It tells on standard output what was acknowledged: ``python embedded_child.py FOLDER WORK NAME``.
"""

import sys
from pathlib import Path

from postroom.errors import ConditionFailed
from postroom.platform.blobs import BlobKey
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemClock
from postroom.platform.table import Holds, Key, Put


def body_of(name: str) -> bytes:
    return name.encode() * 400


def write_for_ever(store: EmbeddedStore, name: str) -> None:
    """Every kind of write, in both forms, each told once it is safe."""
    queue = store.queue("inbound")
    number = 0
    while True:
        ids = [f"{name}-{number + n}" for n in range(8)]
        number += len(ids)
        blobs = [store.blobs.put_soon(BlobKey(one), body_of(one)) for one in ids]
        for one, blob in zip(ids, blobs, strict=True):
            blob.result()
            tell("blob", one)
        writes = [
            store.table.write_soon(Put(Key("left", one), {}), Put(Key("right", one), {}))
            for one in ids
        ]
        letters = [queue.send_soon(one) for one in ids]
        for one, write, letter in zip(ids, writes, letters, strict=True):
            write.result()
            tell("pair", one)
            letter.result()
            tell("letter", one)
        one = f"{name}-{number}-alone"
        store.blobs.put(BlobKey(one), body_of(one))
        tell("blob", one)
        large = f"{name}-{number}-large"
        if number % 64 == 0:
            store.blobs.put(BlobKey(large), body_of(large) * 200)
            tell("large", large)
        store.table.write(Put(Key("left", one), {}), Put(Key("right", one), {}))
        tell("pair", one)


def count(store: EmbeddedStore, name: str) -> None:
    """Add 100 to a counter, by one, against everybody else."""
    key = Key("p", "counter")
    done = 0
    while done < 100:
        record = store.table.get(key)
        assert record is not None
        n = record.body["n"]
        assert isinstance(n, int)
        try:
            store.table.write(Put(key, {"n": n + 1}, condition=Holds("n", n)))
        except ConditionFailed:
            continue
        done += 1
    tell("counted", name)


def receive_one(store: EmbeddedStore, name: str) -> None:
    queue = store.queue("inbound")
    tell("waiting", name)
    for letter in queue.receive(wait=20):
        tell("got", letter.body)
        queue.delete([letter.receipt])


def tell(what: str, name: str) -> None:
    sys.stdout.write(f"{what} {name}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    work = {"write": write_for_ever, "count": count, "receive": receive_one}[sys.argv[2]]
    opened = EmbeddedStore(Path(sys.argv[1]), SystemClock())
    work(opened, sys.argv[3])
    opened.close()
