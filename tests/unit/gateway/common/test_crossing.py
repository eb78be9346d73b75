import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.crossing import Crossing
from postroom.app import build
from postroom.errors import MuchToRead, StoreUnavailable


@asynccontextmanager
async def crossing_over(folder: Path, threads: int = 2) -> AsyncIterator[Crossing]:
    app = build({"POSTROOM_DATA": str(folder)})
    crossing = Crossing(app, threads)
    try:
        yield crossing
    finally:
        await asyncio.to_thread(crossing.close)
        app.platform.close()


def with_crossing(folder: Path, test: Callable[[Crossing], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with crossing_over(folder) as crossing:
            await asyncio.wait_for(test(crossing), 30)

    asyncio.run(run())


def test_local_reads_stay_on_the_thread_and_slow_calls_leave_it(tmp_path: Path) -> None:
    async def test(crossing: Crossing) -> None:
        here = threading.get_ident()
        assert await crossing.run(threading.get_ident) == here
        assert await crossing.slow(threading.get_ident) != here

    with_crossing(tmp_path, test)


def test_a_brief_call_stays_and_a_long_one_leaves(tmp_path: Path) -> None:
    async def test(crossing: Crossing) -> None:
        here = threading.get_ident()

        def read(count: int, most: int | None = None) -> int:
            if most is not None and count > most:
                raise MuchToRead
            return threading.get_ident()

        assert await crossing.brief(read, 10) == here
        assert await crossing.brief(read, 1_000_000) != here

    with_crossing(tmp_path, test)


def test_errors_come_back(tmp_path: Path) -> None:
    async def test(crossing: Crossing) -> None:
        for call in (crossing.run, crossing.slow):
            with pytest.raises(KeyError):
                await call({}.__getitem__, "missing")

    with_crossing(tmp_path, test)


def test_many_completions_wake_the_loop_once(tmp_path: Path) -> None:
    async def test(crossing: Crossing) -> None:
        loop = asyncio.get_running_loop()
        wakes = 0
        call_soon_threadsafe = loop.call_soon_threadsafe

        def counting(*args: Any, **options: Any) -> asyncio.Handle:
            nonlocal wakes
            wakes += 1
            return call_soon_threadsafe(*args, **options)

        loop.call_soon_threadsafe = counting  # type: ignore[method-assign]
        futures: list[Future[int]] = [Future() for _ in range(1000)]
        waiters = [crossing.durable(future) for future in futures]

        def complete() -> None:
            for number, future in enumerate(futures):
                future.set_result(number)

        thread = threading.Thread(target=complete)
        thread.start()
        thread.join()  # the loop stands still meanwhile: every completion shares one wake-up
        assert [await waiter for waiter in waiters] == list(range(1000))
        assert wakes == 1

    with_crossing(tmp_path, test)


def test_no_completion_is_missed_with_many_threads(tmp_path: Path) -> None:
    async def test(crossing: Crossing) -> None:
        futures: list[Future[None]] = [Future() for _ in range(4000)]
        waiters = [crossing.durable(future) for future in futures]

        def complete(mine: list["Future[None]"]) -> None:
            for future in mine:
                future.set_result(None)

        threads = [threading.Thread(target=complete, args=(futures[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        await asyncio.gather(*waiters)
        for thread in threads:
            thread.join()

    with_crossing(tmp_path, test)


def test_a_future_that_is_done_or_cancelled_or_unwanted(tmp_path: Path) -> None:
    async def test(crossing: Crossing) -> None:
        done: Future[str] = Future()
        done.set_result("safe")
        assert await crossing.durable(done) == "safe"
        cancelled: Future[str] = Future()
        cancelled.cancel()
        with pytest.raises(StoreUnavailable):
            await crossing.durable(cancelled)
        unwanted: Future[str] = Future()
        waiter = crossing.durable(unwanted)
        waiter.cancel()
        unwanted.set_result("nobody waits")
        await asyncio.sleep(0.01)
        assert waiter.cancelled()

    with_crossing(tmp_path, test)


def test_a_landing_that_raises_holds_up_no_other(tmp_path: Path) -> None:
    async def test(crossing: Crossing) -> None:
        loop = asyncio.get_running_loop()
        told: list[object] = []
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        soon = crossing.way_back()
        came = asyncio.Event()
        soon(lambda: {}["missing"])
        soon(came.set)
        await asyncio.wait_for(came.wait(), 5)
        assert [type(error) for error in told] == [KeyError]

    with_crossing(tmp_path, test)


def test_a_pool_that_is_too_far_behind_says_so(tmp_path: Path) -> None:
    async def test(crossing: Crossing) -> None:
        gate = threading.Event()
        calls = [asyncio.ensure_future(crossing.slow(gate.wait)) for _ in range(2 * 64)]
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable):
            await crossing.slow(gate.wait)
        calls[-1].cancel()  # whoever gives up still counts until the call has ended
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable):
            await crossing.slow(gate.wait)
        gate.set()
        await asyncio.gather(*calls, return_exceptions=True)
        await asyncio.sleep(0.05)
        assert crossing.under_way == 0
        assert await crossing.slow(gate.is_set)

    with_crossing(tmp_path, test)


def test_after_closing_nothing_is_begun(tmp_path: Path) -> None:
    async def test(crossing: Crossing) -> None:
        crossing.close()
        with pytest.raises(StoreUnavailable):
            await crossing.slow(int)

    with_crossing(tmp_path, test)


def test_calls_one_by_one_need_one_thread_and_calls_at_once_one_each(tmp_path: Path) -> None:
    async def test(crossing: Crossing) -> None:
        assert len({await crossing.slow(threading.get_ident) for _ in range(20)}) == 1
        together = threading.Barrier(2)  # passed when both are there
        await asyncio.gather(crossing.slow(together.wait), crossing.slow(together.wait))

    with_crossing(tmp_path, test)


def test_calls_that_wait_for_a_thread_when_it_closes_are_not_begun(tmp_path: Path) -> None:
    async def test(crossing: Crossing) -> None:
        at_work, gate, begun = threading.Event(), threading.Event(), threading.Event()

        def work() -> bool:
            at_work.set()
            return gate.wait()

        busy = asyncio.ensure_future(crossing.slow(work))
        waiting = asyncio.ensure_future(crossing.slow(begun.set))
        await asyncio.to_thread(at_work.wait)
        closing = asyncio.ensure_future(asyncio.to_thread(crossing.close))
        await asyncio.sleep(0.05)
        gate.set()
        assert await busy
        with pytest.raises(StoreUnavailable):
            await waiting
        await closing
        assert not begun.is_set()

    async def run() -> None:
        async with crossing_over(tmp_path, threads=1) as crossing:
            await asyncio.wait_for(test(crossing), 30)

    asyncio.run(run())


def test_what_a_call_brings_lands_before_its_end(tmp_path: Path) -> None:
    async def test(crossing: Crossing) -> None:
        soon = crossing.way_back()
        told: list[int] = []

        def call() -> None:
            for number in range(3):
                soon(partial(told.append, number))

        await crossing.slow(call)
        assert told == [0, 1, 2]  # before the call's own end

    with_crossing(tmp_path, test)
