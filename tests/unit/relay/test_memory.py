"""Texts of all attempts share the room."""

import threading

from postroom.relay.memory import Room


def test_there_is_room_for_so_much_and_no_more() -> None:
    room = Room(100)
    with room.holding(60) as first, room.holding(40) as second:
        assert first
        assert second
        with room.holding(1, patience=0.01) as third:
            assert not third
    with room.holding(100, patience=0) as all_of_it:
        assert all_of_it


def test_one_that_is_larger_than_all_goes_alone() -> None:
    room = Room(100)
    with room.holding(1000, patience=0) as entered:
        assert entered
        with room.holding(1, patience=0.01) as other:
            assert not other
    with room.holding(1), room.holding(1000, patience=0.01) as entered:
        assert not entered


def test_who_waits_is_let_in_when_another_leaves() -> None:
    room = Room(100)
    entered: list[bool] = []

    def wait() -> None:
        with room.holding(80, patience=20) as came:
            entered.append(came)

    with room.holding(80):
        waiting = threading.Thread(target=wait)
        waiting.start()
    waiting.join(20)
    assert entered == [True]


def test_an_error_inside_frees_the_room() -> None:
    room = Room(10)
    for _ in range(3):
        try:
            with room.holding(10, patience=0) as entered:
                assert entered
                raise RuntimeError
        except RuntimeError:
            pass
