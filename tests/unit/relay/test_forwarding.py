"""Rewritten reverse-paths lead back to who wrote, and to nobody else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.relay.forwarding import is_rewritten
from tests.unit.relay.world import World

DAY = 86_400


@pytest.mark.parametrize(
    "sender",
    [
        pytest.param("bob@elsewhere.test", id="plain"),
        pytest.param("a=b=c@elsewhere.test", id="signs of our own in it"),
        pytest.param("Bob.Smith+x@Sub.Elsewhere.test", id="upper case stays"),
        pytest.param("jürgen@bücher.test", id="beyond ASCII"),
    ],
)
def test_a_bounce_finds_its_way_back(world: World, sender: str) -> None:
    there = world.forwarding.rewritten(sender, "example.test")
    assert there.endswith("@example.test")
    assert is_rewritten(there)
    assert world.forwarding.original(there) == sender
    # Servers on the way may change the case of what they think is theirs.
    shouted = world.forwarding.original(there.upper())
    assert shouted is not None
    assert shouted.lower() == sender.lower()


def test_forwarders_in_a_row_keep_the_first(world: World) -> None:
    first = "SRS0=abcd=ef=home.test=bob@first.test"
    second = world.forwarding.rewritten(first, "example.test")
    assert second.startswith("SRS1=")
    assert world.forwarding.original(second) == first
    foreign = "SRS1=xxxx=first.test==abcd=ef=home.test=bob@second.test"
    third = world.forwarding.rewritten(foreign, "example.test")
    assert third.count("SRS1") == 1


def test_our_own_and_null_paths_stay(world: World) -> None:
    for path in ("", "alice@example.test", "alice@EXAMPLE.test"):
        assert world.forwarding.rewritten(path, "example.test") == path


def test_what_we_did_not_write_leads_nowhere(world: World) -> None:
    there = world.forwarding.rewritten("bob@elsewhere.test", "example.test")
    for forged in (
        there.replace("bob", "eve"),
        there.replace("elsewhere", "victim"),
        "SRS0=aaaaaaaa=aa=victim.test=bob@example.test",
        "SRS0=@example.test",
        "srs0",
        "alice@example.test",
    ):
        assert world.forwarding.original(forged) is None


def test_it_fades(world: World) -> None:
    there = world.forwarding.rewritten("bob@elsewhere.test", "example.test")
    world.clock.time += 21 * DAY
    assert world.forwarding.original(there) == "bob@elsewhere.test"
    world.clock.time += DAY
    assert world.forwarding.original(there) is None


def test_all_processes_share_the_secret(world: World) -> None:
    other = type(world)(world.store, world.clock, world.randomness, world.folder)
    there = world.forwarding.rewritten("bob@elsewhere.test", "example.test")
    assert other.forwarding.original(there) == "bob@elsewhere.test"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80))
def test_no_text_is_ours_by_chance_and_any_sender_comes_back(world: World, text: str) -> None:
    for forged in (text, f"{text}@example.test", f"SRS0={text}@example.test"):
        assert world.forwarding.original(forged) is None
    sender = f"{text}@elsewhere.test"
    there = world.forwarding.rewritten(sender, "example.test")
    assert is_rewritten(there)
    if not is_rewritten(sender):
        assert world.forwarding.original(there) == (sender if text and "\n" not in text else None)
