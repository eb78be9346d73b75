"""Queue ids."""

from hypothesis import given
from hypothesis import strategies as st

from postroom.journeys.ids import RANDOM_OCTETS, is_queue_id, new_queue_id, tail_of, time_of

TIMES = st.floats(min_value=0, max_value=2**33)
OCTETS = st.binary(min_size=RANDOM_OCTETS, max_size=RANDOM_OCTETS)


@given(TIMES, OCTETS, st.text(max_size=50))
def test_a_queue_id_tells_its_time_and_its_tail(
    seconds: float, octets: bytes, message_id: str
) -> None:
    queue_id = new_queue_id(seconds, octets, message_id)
    assert is_queue_id(queue_id)
    assert time_of(queue_id) == int(seconds * 1000)
    if message_id and not is_queue_id(message_id):
        assert tail_of(queue_id) == tail_of(message_id)


@given(TIMES, TIMES, OCTETS, OCTETS)
def test_queue_ids_sort_by_time(one: float, two: float, octets: bytes, others: bytes) -> None:
    first, second = new_queue_id(one, octets, "<a@b>"), new_queue_id(two, others, "")
    if int(one * 1000) < int(two * 1000):
        assert first < second


def test_a_missing_message_id_does_not_put_all_journeys_in_one_place() -> None:
    ids = {new_queue_id(1.0, bytes([number] * RANDOM_OCTETS), "") for number in range(100)}
    assert len({tail_of(queue_id) for queue_id in ids}) == 100
