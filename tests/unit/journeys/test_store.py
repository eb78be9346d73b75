"""Journeys over a real store."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.errors import ConditionFailed
from postroom.journeys.ids import new_queue_id
from postroom.journeys.store import RETENTION, Event, Journey, Journeys
from postroom.platform.embedded.store import EmbeddedStore

NOW = 1_800_000_000


class StillClock:
    """A clock that the test sets."""

    time = float(NOW)

    def seconds(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def store(tmp_path: Path, clock: StillClock) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path, clock)
    yield store
    store.close()


@pytest.fixture
def journeys(store: EmbeddedStore, clock: StillClock) -> Journeys:
    return Journeys(store.table, clock)


def queue_id(number: int, message_id: str = "") -> str:
    return new_queue_id(NOW + number, bytes([number]) * 9, message_id)


def journey(name: str, place: str, message_id: str = "<1@a.test>") -> Journey:
    return Journey(
        name,
        place,
        message_id,
        "sender@elsewhere.test",
        ("alice@example.test", "bob@example.test"),
        (Event(NOW * 1000, "accepted", "from x"), Event(NOW * 1000 + 5, "delivered", "INBOX")),
    )


def test_a_marker_can_be_written_once(store: EmbeddedStore, journeys: Journeys) -> None:
    marker = journeys.marker(journey(queue_id(1), "account"))
    store.table.write(marker)
    with pytest.raises(ConditionFailed):
        store.table.write(marker)
    store.table.write(journeys.marker(journey(queue_id(1), "another account")))
    store.table.write(journeys.marker(journey(queue_id(2), "account")))


def test_what_is_traced_is_what_was_marked(store: EmbeddedStore, journeys: Journeys) -> None:
    written = journey(queue_id(1, "<1@a.test>"), "account")
    store.table.write(journeys.marker(written))
    for name in (written.queue_id, "<1@a.test>", "1@a.test"):
        assert journeys.trace(name) == [written]
    assert journeys.trace("<2@a.test>") == []
    assert journeys.trace(queue_id(9, "<1@a.test>")) == []  # same partition, another message


def test_done_tells_the_places_that_were_reached(store: EmbeddedStore, journeys: Journeys) -> None:
    for place in ("one", "with/slash"):
        store.table.write(journeys.marker(journey(queue_id(1), place)))
    assert journeys.done(queue_id(1), ["one", "two", "with/slash"]) == {"one", "with/slash"}
    assert journeys.done(queue_id(2), ["one"]) == set()


def test_one_message_id_may_have_many_messages(store: EmbeddedStore, journeys: Journeys) -> None:
    """Lists send copies, and senders repeat: the newest comes first."""
    names = [queue_id(number, "<1@a.test>") for number in (1, 3, 2)]
    for name in names:
        store.table.write(journeys.marker(journey(name, "account")))
    assert [found.queue_id for found in journeys.trace("<1@a.test>")] == [
        names[1],
        names[2],
        names[0],
    ]


def test_message_ids_that_share_a_partition_are_told_apart(
    store: EmbeddedStore, journeys: Journeys
) -> None:
    mine = journey(queue_id(1, "<1@a.test>"), "account")
    other = journey(queue_id(2, "<1@a.test>"), "account", message_id="<same-hash@b.test>")
    for each in (mine, other):
        store.table.write(journeys.marker(each))
    assert journeys.trace("<1@a.test>") == [mine]


def test_an_address_leads_to_its_newest_messages(store: EmbeddedStore, journeys: Journeys) -> None:
    names = [queue_id(number) for number in range(5)]
    for name in names:
        store.table.write(journeys.marker(journey(name, "account")))
    pairs = [("alice@example.test", name) for name in names]
    journeys.index([*pairs, *pairs, ("bob@example.test", names[0])])  # repeats are harmless
    journeys.index(pairs)
    found = [each.queue_id for each in journeys.trace("Alice@Example.TEST", most=3)]
    assert found == names[:1:-1]
    assert [each.queue_id for each in journeys.trace("bob@example.test")] == names[:1]
    assert journeys.trace("carol@example.test") == []


def test_an_address_whose_message_waits_has_no_journey_yet(journeys: Journeys) -> None:
    journeys.index([("alice@example.test", queue_id(1))])
    assert journeys.trace("alice@example.test") == []


def test_journeys_fade(store: EmbeddedStore, journeys: Journeys, clock: StillClock) -> None:
    name = queue_id(1, "<1@a.test>")
    store.table.write(journeys.marker(journey(name, "account")))
    journeys.index([("alice@example.test", name)])
    clock.time += RETENTION - 60
    assert len(journeys.trace("alice@example.test")) == 1
    assert journeys.done(name, ["account"]) == {"account"}
    clock.time += 120
    for lost in (name, "<1@a.test>", "alice@example.test"):
        assert journeys.trace(lost) == []


@pytest.mark.parametrize("name", ["", "<", "<>", "@", "no such thing", "ü@ü", "x" * 1000])
def test_a_name_that_means_nothing_finds_nothing(journeys: Journeys, name: str) -> None:
    assert journeys.trace(name) == []


def test_a_reply_tells_its_root_where_it_has_been(store: EmbeddedStore, journeys: Journeys) -> None:
    one = journey(queue_id(1, "<1@a.test>"), "account")
    for place in ("account", *(f"other{number:03}" for number in range(50))):
        marked = replace(one, place=place, root=b"root" if place == "account" else b"theirs")
        store.table.write(journeys.marker(marked))
    assert journeys.root("account", "<1@a.test>") == b"root"
    assert journeys.root("stranger", "<1@a.test>") is None
    assert journeys.root("account", "<2@a.test>") is None
    [found] = [each for each in journeys.trace("<1@a.test>") if each.place == "account"]
    assert found.root == b"root"


def test_a_root_is_not_told_of_another_message(store: EmbeddedStore, journeys: Journeys) -> None:
    other = journey(queue_id(1, "<1@a.test>"), "account", message_id="<same-hash@b.test>")
    store.table.write(journeys.marker(replace(other, root=b"root")))
    assert journeys.root("account", "<1@a.test>") is None
