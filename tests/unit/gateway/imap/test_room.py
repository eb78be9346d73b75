"""What many sessions may take at a time is bounded, and nobody waits for ever."""

import asyncio
import random

import pytest

from gateway.imap.room import Room


@pytest.mark.parametrize("seed", range(5))
def test_never_more_than_there_is_room_for(seed: int) -> None:
    chance = random.Random(seed)
    in_use, most, done = 0, 0, 0

    async def use(room: Room, size: int) -> None:
        nonlocal in_use, most, done
        async with room.taken(size):
            in_use += min(size, 10)
            most = max(most, in_use)
            try:
                await asyncio.sleep(chance.random() / 100)
            finally:
                in_use -= min(size, 10)
        done += 1

    async def play() -> None:
        room = Room(10)
        tasks = [asyncio.create_task(use(room, chance.randint(0, 15))) for _ in range(100)]
        gone = chance.sample(tasks, 30)
        for task in gone:  # clients that leave, waiting or not
            await asyncio.sleep(0.001)
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        async with room.taken(10):  # all of it is there again
            pass

    asyncio.run(play())
    assert 0 < most <= 10
    assert done >= 70
    assert in_use == 0


def test_who_leaves_just_when_there_is_room_takes_none_along() -> None:
    async def use(room: Room) -> None:
        async with room.taken(10):
            pass

    async def play() -> None:
        room = Room(10)
        async with room.taken(10):
            first, second = (asyncio.create_task(use(room)) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()  # it has not heard of that yet when the room is given back
        await asyncio.wait_for(second, 5)
        await asyncio.wait_for(use(room), 5)
        assert first.cancelled()

    asyncio.run(play())
