"""Who is alone leaves at once; who comes while others are under way leaves with them."""

import asyncio

from gateway.smtp.departures import Departures


def test_groups() -> None:
    async def scene() -> None:
        departures = Departures()
        left: list[int] = []

        async def message(number: int, store: asyncio.Event) -> None:
            await departures.depart()
            left.append(number)
            try:
                await store.wait()
            finally:
                departures.arrive()

        async def turns() -> None:
            for _ in range(4):
                await asyncio.sleep(0)

        stores = [asyncio.Event() for _ in range(4)]
        tasks = [asyncio.create_task(message(n, stores[n])) for n in (0, 1)]
        await turns()
        assert left == [0, 1]
        tasks.append(asyncio.create_task(message(2, stores[2])))
        await turns()
        assert left == [0, 1]  # the first two are under way
        stores[0].set()
        stores[1].set()
        await turns()
        assert left == [0, 1, 2]  # they have arrived
        tasks.append(asyncio.create_task(message(3, stores[3])))
        await asyncio.sleep(0.02)
        assert left == [0, 1, 2, 3]  # a slow store holds up nobody
        tasks[2].cancel()  # what fails arrives too
        stores[3].set()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.wait_for(departures.depart(), 1)

    asyncio.run(scene())
