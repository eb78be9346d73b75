"""`postroom masked`, as a shell sees it."""

from pathlib import Path

import pytest

from postroom.app import build
from postroom.journeys.ids import new_queue_id
from postroom.journeys.store import Event, Journey
from tests.unit.local.conftest import Run

ALICE = "alice@example.test"


@pytest.fixture
def made(peopled: Run) -> str:
    """Alice's address for shop.test."""
    words = ("masked", "add", ALICE, "--site", "shop.test", "--note", "shoes")
    assert "leads to alice@example.test, for shop.test" in peopled(*words).out
    [listed] = peopled("masked", "list", ALICE, "--json").json
    address: str = listed["address"]
    return address


def test_masked_addresses_come_and_go(peopled: Run, made: str) -> None:
    [listed] = peopled("masked", "list", ALICE, "--json").json
    assert listed.pop("created").endswith("Z")
    plain = {"address": made, "site": "shop.test", "enabled": True, "open": True, "expires": ""}
    assert listed == {**plain, "note": "shoes"}
    assert "is refused" in peopled("masked", "disable", made).out
    assert "disabled" in peopled("masked", "list", ALICE).out
    assert "takes mail again" in peopled("masked", "enable", made, "--expires", "2090-01-01").out
    assert "until 2090-01-01" in peopled("masked", "list", ALICE).out
    peopled("masked", "change", made, "--note", "boots", "--expires", "2020-01-01")
    [listed] = peopled("masked", "list", ALICE, "--json").json
    assert (listed["note"], listed["site"], listed["open"]) == ("boots", "shop.test", False)
    peopled("masked", "enable", made)
    assert peopled("masked", "list", ALICE, "--json").json[0]["open"] is True
    assert "is gone" in peopled("masked", "remove", made).out
    assert "none yet" in peopled("masked", "list", ALICE).out


def test_senders_are_told_and_strangers_come_first(peopled: Run, made: str, data: Path) -> None:
    assert "nobody has written" in peopled("masked", "senders", ALICE).out
    app = build({"POSTROOM_DATA": str(data)})
    for number, (sender, to) in enumerate(
        (
            ("news@mail.shop.test", made),
            ("bounce@spam.example", made),
            ("other@spam.example", made.upper()),
            (made, "friend@else.test"),  # what she sent from it
        )
    ):
        queue_id = new_queue_id(1_800_000_000 + number, bytes(9), f"<{number}@x.test>")
        for place in ("account", "another"):
            journey = Journey(queue_id, place, "", sender, (to,), (Event(0, "accepted", ""),))
            app.table.write(app.journeys.marker(journey))
        app.journeys.index([(made, queue_id)])
    app.platform.close()
    for name in (made, ALICE):
        told = peopled("masked", "senders", name, "--json").json
        assert [(one["sender"], one["judged"], one["messages"]) for one in told] == [
            ("spam.example", "stranger", 2),
            ("mail.shop.test", "expected", 1),
        ]
        assert told[0]["first"] < told[0]["last"]
    told_to_a_person = peopled("masked", "senders", ALICE).out
    assert "stranger" in told_to_a_person
    assert "postroom masked disable" in told_to_a_person


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param("add x@example.test", "postroom user list", id="nobody's"),
        pytest.param("list x@example.test", "postroom user list", id="list of nobody"),
        pytest.param("disable alice@example.test", "postroom masked list", id="a user's own"),
        pytest.param("enable x@nowhere.test", "postroom masked list", id="not ours"),
        pytest.param("remove nonsense", "postroom masked list", id="no address"),
        pytest.param("senders x@example.test", "postroom user list", id="senders to nobody"),
        pytest.param("add alice@example.test --expires soon", "2027-03-31", id="when"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(peopled: Run, words: str, reason: str) -> None:
    ended = peopled("masked", *words.split())
    assert (ended.code, ended.out) == (1, "")
    assert reason in ended.err
    assert len(ended.err.splitlines()) == 1
