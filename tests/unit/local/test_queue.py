"""`postroom queue`, as a shell sees it, over a queue with one message of each kind."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from local.cli import queue_views
from local.cli.queue import queue
from postroom.app import App, build
from postroom.directory.addresses import BadAddress
from postroom.errors import BadSetting
from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.journeys.store import Journey
from postroom.platform.blobs import BlobKey
from postroom.relay.entries import Entry, Goal
from postroom.relay.operations import Busy, Filter, NotInQueue, Queued
from postroom.relay.outbound import Dispatch, Unit
from postroom.relaying import operations_of, paces_of

MINUTE = 60_000  # milliseconds
Run = Callable[..., Result]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    found = build({"POSTROOM_DATA": str(tmp_path)})
    yield found
    found.platform.close()


@pytest.fixture
def run(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("POSTROOM_DATA", str(tmp_path))
    monkeypatch.setenv("POSTROOM_STORE", "embedded")
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *words: CliRunner().invoke(queue, words)


def ids(run: Run, *words: str) -> list[str]:
    return [row["queue_id"] for row in json.loads(run("list", "--json", *words).output)]


def put(app: App, *addresses: str, **changes: Any) -> str:
    """One message; addresses of several domains are several entries. Returns its queue id."""
    now = int(app.clock.seconds() * 1000)
    queue_id = new_queue_id(now / 1000, app.randomness.octets(RANDOM_OCTETS), "")
    app.blobs.put(BlobKey(queue_id), b"x")
    values: dict[str, Any] = {
        "queue_id": queue_id,
        "blob": BlobKey(queue_id),
        "size": 4321,
        "received": now,
        "reverse_path": "alice@example.test",
        "sender": "alice@example.test",
        "sender_domain": "example.test",
        "account": "a1",
    }
    domains: dict[str, list[Goal]] = {}
    for address in addresses:
        domains.setdefault(address.rpartition("@")[2], []).append(Goal(address))
    units = []
    for domain, goals in domains.items():
        made = Entry(name=domain, domain=domain, goals=tuple(goals), **(values | changes))
        units.append(Unit(Journey(queue_id, made.place, "", made.sender, (), ()), made))
    assert app.outbound.add([Dispatch(queue_id, units)]) == [None]
    return queue_id


def deferred(app: App, *addresses: str, minutes: int = 30, why: str = "451 later") -> str:
    now = int(app.clock.seconds() * 1000)
    story = ((now - 2 * MINUTE, "deferred", f"{addresses[0]}: {why}"),)
    return put(app, *addresses, attempts=1, next_try=now + minutes * MINUTE, events=story)


def busy(app: App, *addresses: str) -> str:
    return put(app, *addresses, busy_until=int(app.clock.seconds() * 1000) + 5 * MINUTE)


def test_an_empty_queue(run: Run) -> None:
    assert run("list").output == "nothing waits to leave\n"
    assert run("list", "--domain", "x.test").output == "nothing like that waits\n"
    assert json.loads(run("list", "--json").output) == []


def test_each_kind_is_listed_with_its_reason(app: App, run: Run) -> None:
    fresh = put(app, "bob@fresh.test")
    later = deferred(app, "carol@slow.test", "dave@slow.test", why="mx.slow.test: 451 greylisted")
    now = busy(app, "erin@busy.test")
    held = put(app, "frank@held.test", sender="")
    operations_of(app).hold(held, "looks [odd]")
    output = run("list").output
    lines = {line[:22]: line for line in output.splitlines() if line[0] != " "}
    assert lines[fresh].split()[1:] == ["0s", "4.3", "kB", "soon", "bob@fresh.test"]
    assert lines[later].endswith("in 30m  carol@slow.test +1")
    assert lines[now].split()[-2:] == ["now", "erin@busy.test"]
    assert lines[held].endswith("on hold  frank@held.test")
    assert "    from <>, not tried yet, looks [odd]" in output.splitlines()
    reason = "    from alice@example.test, 1 try, carol@slow.test: mx.slow.test: 451 greylisted"
    assert reason in output.splitlines()
    states = {row["queue_id"]: row["state"] for row in json.loads(run("list", "--json").output)}
    assert states == {fresh: "waiting", later: "waiting", now: "busy", held: "held"}


def test_rows_for_scripts_have_plain_values(app: App, run: Run) -> None:
    deferred(app, "bob@slow.test")
    [row] = json.loads(run("list", "--json").output)
    assert (row["size"], row["tries"], row["to"]) == (4321, 1, ["bob@slow.test"])
    assert row["next_try"] > row["accepted"]
    assert row["reason"] == "bob@slow.test: 451 later"


def test_filters_and_limit(app: App, run: Run) -> None:
    one = put(app, "bob@one.test")
    two = put(app, "bob@xn--bcher-kva.example", sender="carol@example.test")
    held = put(app, "erin@one.test")
    assert run("hold", held, "--reason", "x").exit_code == 0
    assert set(ids(run)) == {one, two, held}
    assert ids(run, "--domain", "ONE.test", "--held") == [held]
    assert set(ids(run, "--domain", "one.test")) == {one, held}
    assert ids(run, "--domain", "bücher.example") == [two]
    assert ids(run, "--sender", "carol@") == [two]
    assert ids(run, "--to", "erin") == [held]
    assert len(ids(run, "--limit", "2")) == 2
    assert "…and more" in run("list", "--limit", "2").output
    assert "…and more" not in run("list", "--limit", "3").output


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_lines_fit_the_terminal(app: App, width: int) -> None:
    deferred(app, f"{'local.' * 10}part@{'sub.' * 20}example.test", why="é" * 300)
    deferred(app, "bob@slow.test", why="short")
    put(app, "bob@evil.test", sender="x\x1b[31my@evil.test")
    some = list(operations_of(app).entries(Filter()))
    text = queue_views.as_lines(some, app.clock.seconds(), width).plain
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert len(text.splitlines()) == 7


@pytest.mark.parametrize(
    ("address", "width", "shown"),
    [
        ("bob@example.test", 16, "bob@example.test"),
        ("bob@example.test", 15, "b…@example.test"),
        ("bob@example.test", 14, "bob@example.t…"),
        ("bob@example.test", None, "bob@example.test"),
    ],
)
def test_a_long_address_keeps_its_domain(address: str, width: int | None, shown: str) -> None:
    assert queue_views.short(address, width) == shown


def test_one_message_tells_its_story(app: App, run: Run) -> None:
    name = deferred(app, "bob@slow.test", "carol@slow.test", "dave@other.test")
    output = run("show", name).output
    assert "bob@slow.test, carol@slow.test" in output
    assert "dave@other.test" in output
    assert output.count("451 later") == 2
    assert "next try  in 30m, at 20" in output
    found = json.loads(run("show", name, "--json").output)
    assert [row["destination"] for row in found] == ["other.test", "slow.test"]
    assert found[0]["attempts"][0]["detail"] == "bob@slow.test: 451 later"
    assert "a worker has it now" in run("show", busy(app, "x@y.test")).output


def test_retry_hold_release(app: App, run: Run) -> None:
    one, two = deferred(app, "bob@one.test"), deferred(app, "bob@two.test")
    assert "1 entry is on hold" in run("hold", "--domain", "two.test").output
    assert "1 entry is attempted now" in run("retry", "--all").output, "on hold is on hold"
    [row] = json.loads(run("show", one, "--json").output)
    assert (row["state"], row["next_try"]) == ("waiting", None)
    assert "1 entry is attempted now" in run("release", "--all").output
    [row] = json.loads(run("show", two, "--json").output)
    assert (row["state"], row["next_try"]) == ("waiting", None)
    assert isinstance(run("release", two).exception, NotInQueue)


def test_what_a_worker_has_is_left_alone(app: App, run: Run) -> None:
    one, two = busy(app, "bob@one.test"), put(app, "bob@two.test")
    assert isinstance(run("delete", one).exception, Busy)
    output = run("delete", "--all").output
    assert "1 left alone: a worker has it at this moment" in output
    assert "1 entry is gone, nobody is told" in output
    assert ids(run) == [one]
    assert two not in run("list").output


def test_delete_takes_only_the_domain_that_is_named(app: App, run: Run) -> None:
    name = put(app, "bob@one.test", "bob@two.test")
    assert (
        "1 entry is gone, their senders are told"
        in run("delete", "--domain", "one.test", "--bounce").output
    )
    [row] = json.loads(run("show", name, "--json").output)
    assert row["destination"] == "two.test"
    assert len(app.queue("bounces").receive()) == 1


def test_one_message_goes_another_way(app: App, run: Run) -> None:
    name = deferred(app, "bob@one.test")
    told = run("route", name, "smtp://relay.example.test:26").output
    assert "1 entry is sent by smtp://relay.example.test:26" in told
    assert "smtp://relay.example.test:26" in run("show", name).output
    assert "the usual way" in run("route", name, "").output
    assert "relay.example.test" not in run("show", name).output
    refused = run("route", name, "smtps://user@relay.example.test")
    assert isinstance(refused.exception, BadSetting)
    assert "postroom route set" in str(refused.exception)


def test_a_domain_is_paused_paced_and_resumed(app: App, run: Run) -> None:
    assert "nothing is sent to xn--bcher-kva.example" in run("pause", "bücher.example").output
    assert paces_of(app).of(["xn--bcher-kva.example"])["xn--bcher-kva.example"].paused
    name = put(app, "bob@xn--bcher-kva.example")
    operations_of(app).hold(name, "xn--bcher-kva.example is paused: by an operator")
    assert "1 entry is attempted now" in run("resume", "bücher.example").output
    run("pace", "slow.test", "--connections", "2")
    run("pace", "slow.test", "--interval", "500")
    [row] = json.loads(run("pace", "slow.test", "--json").output)
    assert (row["connections"], row["interval_ms"], row["paused"]) == (2, 500, "")
    assert "500" in run("pace", "slow.test").output
    run("pace", "slow.test", "--connections", "0", "--interval", "0")
    [row] = json.loads(run("pace", "slow.test", "--json").output)
    assert (row["connections"], row["interval_ms"]) == (20, 0)


@pytest.mark.parametrize("what", ["retry", "hold", "release", "delete"])
def test_nothing_is_done_to_everything_by_accident(app: App, run: Run, what: str) -> None:
    name = put(app, "bob@one.test")
    for words in ([], ["--all", name], ["--all", "--domain", "one.test"]):
        refused = run(what, *words)
        assert refused.exit_code == 2
    assert ids(run) == [name]


@pytest.mark.parametrize("what", ["show", "retry", "hold", "release", "delete"])
def test_a_message_that_is_not_there(run: Run, what: str) -> None:
    for name in ("1m86t8k38g20812qy91d1q", "nonsense"):
        refused = run(what, name)
        assert isinstance(refused.exception, NotInQueue)
        assert f"postroom trace {name}" in str(refused.exception)


def test_no_domain_at_all(run: Run) -> None:
    assert isinstance(run("pause", "no_domain").exception, BadAddress)
    assert run("list", "--live", "--json").exit_code == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (12, "12s"), (300, "5m"), (7500, "2h 5m"), (3 * 86_400 + 14_400, "3d 4h")],
)
def test_a_span_of_time(seconds: float, text: str) -> None:
    assert queue_views.span(seconds) == text


def test_what_was_due_and_is_not_yet_taken_comes_soon(app: App) -> None:
    put(app, "bob@one.test", next_try=1)
    [found] = operations_of(app).entries(Filter())
    assert isinstance(found, Queued)
    assert queue_views.next_of(found, app.clock.seconds()) == "soon"
