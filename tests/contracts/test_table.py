"""The contract of postroom.platform.table.Table."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from postroom.errors import ConditionFailed, TooLarge
from postroom.platform.table import (
    LARGEST_TRANSACTION,
    MOST_WRITES,
    Absent,
    Check,
    Condition,
    Delete,
    Holds,
    Key,
    Present,
    Put,
    Record,
    Table,
    prefix_end,
)

KEY = Key("mailbox/1", "m/0000000001")


@pytest.fixture
def table(world: Any) -> Table:
    found: Table = world.platform.table
    return found


def test_a_record_comes_back_as_it_was_written(table: Table) -> None:
    body = {
        "text": "grüße \N{ENVELOPE}",
        "empty": "",
        "octets": bytes(range(256)),
        "number": -(2**63) + 1,
        "large": 2**63 - 1,
        "yes": True,
        "no": False,
        "nothing": None,
        "list": ["a", 1, b"x", None, ["deep"]],
        "dict": {"a": {"b": [1, 2]}},
    }
    expires = 4_000_000_000
    table.write(Put(KEY, body, order=7, expires=expires))
    assert table.get(KEY) == Record(KEY, body, 7, expires)
    assert table.get(Key("mailbox/1", "other")) is None


def test_a_put_replaces_the_whole_record(table: Table) -> None:
    table.write(Put(KEY, {"a": 1, "b": 2}, order=7))
    table.write(Put(KEY, {"c": 3}))
    assert table.get(KEY) == Record(KEY, {"c": 3})
    assert list(table.range_by_order(KEY.partition, 0)) == []


def test_delete_removes_and_repeating_it_is_no_error(table: Table) -> None:
    table.write(Put(KEY, {}))
    table.write(Delete(KEY))
    table.write(Delete(KEY))
    assert table.get(KEY) is None


@pytest.mark.parametrize(
    ("body", "condition", "holds"),
    [
        pytest.param(None, Absent(), True, id="absent where nothing is"),
        pytest.param({}, Absent(), False, id="absent where something is"),
        pytest.param({}, Present(), True, id="present where something is"),
        pytest.param(None, Present(), False, id="present where nothing is"),
        pytest.param({"n": 4}, Holds("n", 4), True, id="the same number"),
        pytest.param({"n": 4}, Holds("n", 5), False, id="another number"),
        pytest.param({"n": 4}, Holds("n", "4"), False, id="a text is no number"),
        pytest.param({"n": True}, Holds("n", 1), False, id="a truth value is no number"),
        pytest.param({"n": b"x"}, Holds("n", b"x"), True, id="the same octets"),
        pytest.param({"n": "x"}, Holds("m", "x"), False, id="no such attribute"),
        pytest.param(None, Holds("n", 4), False, id="no such record"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda c: Put(KEY, {"new": 1}, condition=c), id="put"),
        pytest.param(lambda c: Delete(KEY, c), id="delete"),
        pytest.param(lambda c: Check(KEY, c), id="check"),
    ],
)
def test_conditions(
    table: Table,
    body: dict[str, Any] | None,
    condition: Condition,
    holds: bool,
    make: Callable[[Condition], Any],
) -> None:
    if body is not None:
        table.write(Put(KEY, body))
    if holds:
        table.write(make(condition))
        return
    with pytest.raises(ConditionFailed) as failure:
        table.write(make(condition))
    assert failure.value.failed == (0,)
    assert table.get(KEY) == (None if body is None else Record(KEY, body))


def test_a_transaction_is_all_or_nothing_and_names_every_failed_condition(table: Table) -> None:
    keys = [Key("p", f"{n}") for n in range(5)]
    table.write(Put(keys[1], {"v": 1}), Put(keys[3], {"v": 3}))
    with pytest.raises(ConditionFailed) as failure:
        table.write(
            Put(keys[0], {}),
            Put(keys[1], {}, condition=Absent()),
            Delete(keys[3]),
            Check(keys[4], Present()),
        )
    assert failure.value.failed == (1, 3)
    assert [record.key for record in table.range("p")] == [keys[1], keys[3]]
    table.write(Put(keys[0], {}), Delete(keys[3], Holds("v", 3)), Check(keys[1], Present()))
    assert [record.key for record in table.range("p")] == [keys[0], keys[1]]


def test_each_of_many_transactions_stands_by_itself(table: Table) -> None:
    assert table.write_each([]) == []
    table.write(Put(Key("p", "1"), {"v": 1}), Put(Key("p", "2"), {"v": 2}))
    refused = table.write_each(
        [
            [Put(Key("p", "0"), {}), Put(Key("q", "0"), {})],
            [Put(Key("p", "3"), {}), Put(Key("p", "1"), {}, condition=Absent())],
            [Delete(Key("p", "2"), Holds("v", 2))],
        ]
    )
    assert [error and error.failed for error in refused] == [None, (1,), None]
    assert [record.key.sort for record in table.range("p")] == ["0", "1"]
    assert [record.key.sort for record in table.range("q")] == ["0"]
    assert table.write_each([[Put(Key("p", "0"), {}, condition=Absent())]])[0] is not None


def test_a_future_resolves_when_every_reader_sees_the_write(table: Table) -> None:
    futures = [table.write_soon(Put(Key("p", f"{n:03}"), {"n": n})) for n in range(50)]
    refused = table.write_soon(Put(Key("p", "000"), {}, condition=Absent()))
    for future in futures:
        future.result(10)
    assert len(list(table.range("p"))) == 50
    with pytest.raises(ConditionFailed):
        refused.result(10)


def test_counting_by_many_threads_loses_no_step(table: Table) -> None:
    key = Key("p", "counter")
    table.write(Put(key, {"n": 0}))

    def add(times: int) -> None:
        while times:
            record = table.get(key)
            assert record is not None
            n = record.body["n"]
            assert isinstance(n, int)
            try:
                table.write(Put(key, {"n": n + 1}, condition=Holds("n", n)))
            except ConditionFailed:
                continue
            times -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, [10] * 4))
    assert table.get(key) == Record(key, {"n": 40})


def fill(table: Table, count: int) -> list[str]:
    """Records with a body large enough that DynamoDB needs several pages for them."""
    names = [f"m/{n:05}" for n in range(count)]
    table.put_many(
        [Put(Key("big", name), {"n": n, "x": "x" * 900}, order=n) for n, name in enumerate(names)]
    )
    table.write(Put(Key("bigger", "m/00000"), {}), Put(Key("bi", "m/00000"), {}))
    return names


def test_ranges_go_both_ways_over_many_pages(table: Table) -> None:
    names = fill(table, 2600)

    def sorts(**how: Any) -> list[str]:
        return [record.key.sort for record in table.range("big", **how)]

    assert sorts() == names
    assert sorts(backwards=True) == names[::-1]
    assert sorts(first="m/00100", last="m/02500") == names[100:2501]
    assert sorts(first="m/00100", last="m/02500", backwards=True) == names[100:2501][::-1]
    assert sorts(first="m/01000x", limit=1500) == names[1001:2501]
    assert sorts(last="m/02000", backwards=True, limit=1200) == names[801:2001][::-1]
    assert sorts(limit=0) == []
    assert sorts(first="n") == []


def test_ranges_by_order_go_both_ways_over_many_pages(table: Table) -> None:
    fill(table, 2600)
    table.write(Put(Key("big", "without"), {}))

    def orders(above: int, **how: Any) -> list[int | None]:
        return [record.order for record in table.range_by_order("big", above, **how)]

    assert orders(-1) == list(range(2600))
    assert orders(2590) == list(range(2591, 2600))
    assert orders(0, backwards=True) == list(range(2599, 0, -1))
    assert orders(100, limit=1500) == list(range(101, 1601))
    assert orders(2599) == []


def test_records_that_share_an_order_are_all_found_across_pages(table: Table) -> None:
    table.put_many([Put(Key("p", f"{n:04}"), {}, order=n // 700) for n in range(2100)])
    found = [record.key.sort for record in table.range_by_order("p", 0)]
    assert sorted(found) == [f"{n:04}" for n in range(700, 2100)]


def test_sort_keys_are_in_order_of_their_octets(table: Table) -> None:
    names = ["a", "B", "é", "\uffff", "\U00010000", "a/b", "a0", "a!", "Z", "~"]
    table.write(*[Put(Key("p", name), {}) for name in names])
    found = [record.key.sort for record in table.range("p")]
    assert found == sorted(names, key=lambda name: name.encode())
    inside = [record.key.sort for record in table.range("p", "a", prefix_end("a"))]
    assert inside == ["a", "a!", "a/b", "a0"]


def test_get_many_returns_those_that_exist(table: Table) -> None:
    table.put_many([Put(Key(f"p{n % 3}", f"{n}"), {"n": n}) for n in range(0, 300, 2)])
    asked = [Key(f"p{n % 3}", f"{n}") for n in range(300)]
    found = table.get_many(asked)
    assert found == {asked[n]: Record(asked[n], {"n": n}) for n in range(0, 300, 2)}
    assert table.get_many([]) == {}
    assert table.get_many([asked[0], asked[0]]) == {asked[0]: Record(asked[0], {"n": 0})}


def test_an_expired_record_is_not_there(world: Any, table: Table) -> None:
    expires = int(world.clock.seconds()) + 100
    table.write(Put(KEY, {"n": 1}, order=5, expires=expires))
    table.write(Put(Key(KEY.partition, "x"), {"n": 2}, order=6))
    assert table.get(KEY) is not None
    world.pass_time(101)
    assert table.get(KEY) is None
    assert table.get_many([KEY]) == {}
    assert [record.key.sort for record in table.range(KEY.partition)] == ["x"]
    assert [record.order for record in table.range_by_order(KEY.partition, 0)] == [6]
    for condition in (Present(), Holds("n", 1)):
        with pytest.raises(ConditionFailed):
            table.write(Check(KEY, condition))
    table.write(Put(KEY, {"n": 3}, condition=Absent()))
    assert table.get(KEY) == Record(KEY, {"n": 3})


@pytest.mark.parametrize(
    "put",
    [
        pytest.param(Put(Key("p" * 1025, "s"), {}), id="partition key"),
        pytest.param(Put(Key("p", "é" * 513), {}), id="sort key"),
        pytest.param(Put(KEY, {"x": b"x" * 410_000}), id="record"),
        pytest.param(Put(KEY, {"x": ["y" * 1000] * 410}), id="record of small parts"),
        pytest.param(Put(KEY, {"x": 2**63}), id="integer"),
        pytest.param(Put(KEY, {"x": [{"y": 2**63}]}), id="integer inside"),
        pytest.param(Put(KEY, {"x": 2**70}), id="very large integer"),
    ],
)
def test_what_is_too_large_is_refused_at_once(table: Table, put: Put) -> None:
    for refuse in (
        lambda: table.write(put),
        lambda: table.write_soon(put),
        lambda: table.write_each([[Put(Key("p", "first"), {})], [put]]),
        lambda: table.put_many([put]),
    ):
        with pytest.raises(TooLarge):
            refuse()
    assert list(table.range(KEY.partition)) == []


def test_a_record_just_under_the_limit_is_kept(table: Table) -> None:
    table.write(Put(KEY, {"x": b"x" * 409_000}))
    assert table.get(KEY) == Record(KEY, {"x": b"x" * 409_000})


def test_a_transaction_has_bounds(table: Table) -> None:
    assert table.most_writes >= MOST_WRITES
    assert table.largest_transaction >= LARGEST_TRANSACTION
    table.write(*[Put(Key("p", f"{n}"), {}) for n in range(table.most_writes)])
    with pytest.raises(TooLarge):
        table.write(*[Put(Key("q", f"{n}"), {}) for n in range(table.most_writes + 1)])
    too_many = table.largest_transaction // 400_000 + 1
    with pytest.raises(TooLarge):
        table.write_soon(*[Put(Key("q", f"{n}"), {"x": b"x" * 400_000}) for n in range(too_many)])
    assert list(table.range("q")) == []


def test_put_many_takes_any_number_and_may_be_repeated(table: Table) -> None:
    puts = [Put(Key("p", f"{n:04}"), {"n": n}) for n in range(250)]
    table.put_many(puts)
    table.put_many(puts)
    table.put_many([])
    assert [record.body["n"] for record in table.range("p")] == list(range(250))
