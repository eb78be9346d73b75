"""What the embedded store can do on this machine: ``python bench/stores.py [FOLDER]``.

Every write counted here is durable, synced to the disk that FOLDER (a temporary one) is on.
"""

import asyncio
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from postroom.platform.blobs import BlobKey
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemClock
from postroom.platform.table import Absent, Body, Holds, Key, Put

BODY = bytes(range(256)) * 16
RECORD: Body = {"f": ["\\Seen"], "b": "k" * 26, "s": 4096, "d": 1_700_000_000, "p": b"x" * 120}
AT_ONCE = 64


def one_by_one(count: int, work: Callable[[int], object]) -> str:
    taken = []
    for number in range(count):
        begun = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - begun)
    taken.sort()
    middle, late = statistics.median(taken), taken[int(len(taken) * 0.99)]
    return f"{count / sum(taken):,.0f}/s, p50 {middle * 1e6:,.0f} µs, p99 {late * 1e6:,.0f} µs"


def by_threads(threads: int, count: int, work: Callable[[int], object]) -> str:
    def serve(which: int) -> None:
        for number in range(which, count, threads):
            work(number)

    running = [threading.Thread(target=serve, args=(n,)) for n in range(threads)]
    begun = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return f"{count / (time.perf_counter() - begun):,.0f}/s"


def by_futures(count: int, work: Callable[[int], "Future[None]"]) -> str:
    """AT_ONCE tasks of an event loop, each waiting for its own commit: what a gateway does."""
    taken: list[float] = []

    async def client(which: int) -> None:
        for number in range(which, count, AT_ONCE):
            begun = time.perf_counter()
            await asyncio.wrap_future(work(number))
            taken.append(time.perf_counter() - begun)

    async def clients() -> None:
        await asyncio.gather(*(client(n) for n in range(AT_ONCE)))

    begun, used = time.perf_counter(), time.process_time()
    asyncio.run(clients())
    rate = count / (time.perf_counter() - begun)
    cpu = (time.process_time() - used) / count
    taken.sort()
    late = taken[int(len(taken) * 0.99)]
    return f"{rate:,.0f}/s, p99 {late * 1e3:.1f} ms, {cpu * 1e6:.0f} µs of CPU each"


def reading(count: int, read: Callable[[], int]) -> str:
    begun = time.perf_counter()
    found = read()
    assert found == count, (found, count)
    return f"{count / (time.perf_counter() - begun):,.0f}/s"


def main(folder: Path) -> None:
    store = EmbeddedStore(folder, SystemClock())
    table, blobs, queue = store.table, store.blobs, store.queue("bench")
    grid = Grid("what", "figure")

    def row(name: str, figure: str) -> None:
        grid.add_row(name, figure)

    row(
        "table: write of 1, one by one",
        one_by_one(2000, lambda n: table.write(Put(Key("one", f"{n:08}"), RECORD, order=n))),
    )

    def append(n: int) -> tuple[Put, ...]:
        return (
            Put(Key(f"mailbox/{n % 20}", f"m/{n:010}"), RECORD, order=n, condition=Absent()),
            Put(Key(f"account/{n % 20}", f"mailbox/{n}"), {"n": n}, condition=Absent()),
            Put(Key(f"journey/{n}", "r"), {"n": n}, condition=Absent()),
            Put(Key(f"blob/{n}", "0"), {"s": b"x" * 900, "r": 1}),
            Put(Key("done", f"{n}"), {"n": n}),
        )

    row("table: transaction of 5, one by one", one_by_one(2000, lambda n: table.write(*append(n))))
    row(
        "table: transaction of 5, 8 threads",
        by_threads(8, 8000, lambda n: table.write(*append(n + 10_000))),
    )
    row(
        f"table: transaction of 5, {AT_ONCE} futures",
        by_futures(20_000, lambda n: table.write_soon(*append(n + 100_000))),
    )
    counter = Key("counter", "0")
    table.write(Put(counter, {"n": 0}))

    def count_up(n: int) -> None:
        table.get(counter)
        table.write(Put(counter, {"n": n + 1}, condition=Holds("n", n)))

    row("table: get, then conditional put, one by one", one_by_one(2000, count_up))

    table.put_many([Put(Key("big", f"m/{n:010}"), RECORD, order=n) for n in range(10_000)])
    row("table: range of 10,000, first", reading(10_000, lambda: len(list(table.range("big")))))
    row("table: range of 10,000, again", reading(10_000, lambda: len(list(table.range("big")))))
    row(
        "table: range by order", reading(10_000, lambda: len(list(table.range_by_order("big", -1))))
    )
    row("table: get", one_by_one(10_000, lambda n: table.get(Key("big", f"m/{n:010}"))))
    keys = [Key("big", f"m/{n:010}") for n in range(10_000)]
    row("table: get_many", reading(10_000, lambda: len(table.get_many(keys))))

    row("queue: send, one by one", one_by_one(2000, lambda n: queue.send("x" * 600)))
    row(f"queue: send, {AT_ONCE} futures", by_futures(20_000, lambda n: queue.send_soon("x" * 600)))

    def empty(count: int) -> str:
        begun, taken = time.perf_counter(), 0
        while letters := queue.receive():
            queue.delete([letter.receipt for letter in letters])
            taken += len(letters)
        assert taken == count
        return f"{taken / (time.perf_counter() - begun):,.0f}/s"

    row("queue: receive and delete by tens", empty(22_000))

    row(
        "blobs: put of 4 KiB, one by one",
        one_by_one(2000, lambda n: blobs.put(BlobKey(f"one-{n}"), BODY)),
    )
    row(
        f"blobs: put of 4 KiB, {AT_ONCE} futures",
        by_futures(20_000, lambda n: blobs.put_soon(BlobKey(f"soon-{n:020}"), BODY)),
    )
    row(
        f"blobs: put of 100 KiB, {AT_ONCE} futures",
        by_futures(2000, lambda n: blobs.put_soon(BlobKey(f"more-{n:020}"), BODY * 25)),
    )
    names = [BlobKey(f"soon-{n:020}") for n in range(10_000)]
    row(
        "blobs: get_many of 4 KiB, first",
        reading(10_000, lambda: sum(1 for _ in blobs.get_many(names))),
    )
    row(
        "blobs: get_many of 4 KiB, again",
        reading(10_000, lambda: sum(1 for _ in blobs.get_many(names))),
    )

    def accept(n: int) -> "Future[None]":
        done: Future[None] = Future()
        blob = blobs.put_soon(BlobKey(f"accept-{n:020}"), BODY)
        blob.add_done_callback(
            lambda _: queue.send_soon("x" * 600).add_done_callback(lambda _: done.set_result(None))
        )
        return done

    row(f"accept: blob of 4 KiB, then letter, {AT_ONCE} futures", by_futures(10_000, accept))

    heard = threading.Event()
    subscription = store.topic.subscribe(lambda message: heard.set())

    def tell(n: int) -> None:
        store.topic.publish(["mailbox/1 5"])
        heard.wait()
        heard.clear()

    row("topic: publish to callback", one_by_one(1000, tell))
    subscription.close()
    store.close()
    Console(width=110).print(grid)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
