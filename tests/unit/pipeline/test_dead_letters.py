"""Dead letters: looked at, replayed and dropped, however many there are."""

import pytest

from postroom.errors import BadSetting
from postroom.pipeline.dead_letters import DeadLetters
from postroom.platform.batches import Reasons
from tests.unit.pipeline.rooms import Rooms


@pytest.fixture
def dead(rooms: Rooms) -> DeadLetters:
    return DeadLetters(rooms.store, "work", rooms.clock)


def bury(rooms: Rooms, count: int) -> None:
    for number in range(count):
        rooms.store.queue("work-dead").send(f"letter {number}")


def waiting(rooms: Rooms, name: str) -> int:
    rooms.clock.time += 3600  # whoever looked at letters has let go of them by now
    return sum(rooms.store.queue(name).depth())


def test_all_are_found_and_looking_changes_nothing(rooms: Rooms, dead: DeadLetters) -> None:
    bury(rooms, 25)
    for _ in range(20):
        found = dead.all()
        assert sorted(letter.body for letter in found) == sorted(f"letter {n}" for n in range(25))
    assert waiting(rooms, "work-dead") == 25
    assert waiting(rooms, "work-dead-dead") == 0


def test_each_has_its_reason(rooms: Rooms, dead: DeadLetters) -> None:
    bury(rooms, 2)
    first, second = dead.all()
    Reasons(rooms.table, rooms.clock, "work").note({first.id: BadSetting("because")})
    Reasons(rooms.table, rooms.clock, "play").note({second.id: BadSetting("another queue's")})
    reasons = {letter.id: letter.reason for letter in dead.all()}
    assert reasons[first.id] == "BadSetting: because"
    assert reasons[second.id].startswith("not recorded")
    assert first.sent == rooms.clock.now()


def test_some_are_replayed_and_the_others_stay(rooms: Rooms, dead: DeadLetters) -> None:
    bury(rooms, 15)
    chosen = {letter.id: letter.body for letter in dead.all() if letter.body.endswith("2")}
    assert len(chosen) == 2
    assert dead.replay({*chosen, "nonsense"}) == 2
    back = rooms.store.queue("work").receive()
    assert sorted(letter.body for letter in back) == sorted(chosen.values())
    assert [letter.receive_count for letter in back] == [1, 1]  # tried anew, as often as before
    assert waiting(rooms, "work-dead") == len(dead.all()) == 13


def test_all_are_replayed(rooms: Rooms, dead: DeadLetters) -> None:
    bury(rooms, 25)
    assert dead.replay(None) == 25
    assert waiting(rooms, "work") == 25
    assert waiting(rooms, "work-dead") == 0
    assert dead.all() == []
    assert dead.replay(None) == 0


def test_some_are_dropped_and_the_others_stay(rooms: Rooms, dead: DeadLetters) -> None:
    bury(rooms, 12)
    first, *others = dead.all()
    assert dead.drop({first.id}) == 1
    assert {letter.id for letter in dead.all()} == {letter.id for letter in others}
    assert dead.drop(None) == 11
    assert waiting(rooms, "work-dead") == 0
    assert dead.all() == []
    assert waiting(rooms, "work") == 0


def test_a_replayed_letter_that_fails_again_comes_back_with_its_new_reason(
    rooms: Rooms, dead: DeadLetters
) -> None:
    queue = rooms.store.queue("work", visibility=0, max_receives=2)
    queue.send("bad")
    for times in range(2):
        while letters := queue.receive():
            reason = BadSetting(f"failed in round {times}")
            Reasons(rooms.table, rooms.clock, "work").note({letters[0].id: reason})
        [letter] = dead.all()
        assert letter.reason == f"BadSetting: failed in round {times}"
        assert dead.replay(None) == 1
