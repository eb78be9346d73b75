"""What an attempt means: for the entry, for the journey, for the sender."""

import msgspec
import pytest

from postroom.platform.table import LARGEST_RECORD
from postroom.relay.entries import MOST_EVENTS, MOST_RECIPIENTS, Entry, Goal
from postroom.relay.parcel import Outcome
from postroom.relay.schedule import Schedule
from postroom.relay.settling import Settled, settle

NOW = 1_800_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
SENT = Outcome("relayed", "2.0.0", "taken", "250 2.0.0 ok", "mx.elsewhere.test [192.0.2.1]")
LATER = Outcome("deferred", "4.2.1", "not now", "450 4.2.1 greylisted", "mx.elsewhere.test")
NEVER = Outcome("failed", "5.1.1", "no such user", "550 5.1.1 no", "mx.elsewhere.test")


def entry(*notify: str, age: int = 0, **changes: object) -> Entry:
    made = Entry(
        queue_id="1m86t8k38g20812qy91d1q",
        name="elsewhere.test",
        domain="elsewhere.test",
        blob="1m86t8k38g20812qy91d1q",  # type: ignore[arg-type]
        size=10,
        received=NOW - age,
        reverse_path="alice@example.test",
        goals=(Goal("bob@elsewhere.test", notify),),
        sender="alice@example.test",
        account="a1",
    )
    return msgspec.structs.replace(made, **changes)


def judge(entry: Entry, outcome: Outcome) -> Settled:
    outcomes = dict.fromkeys((goal.address for goal in entry.goals), outcome)
    return settle(entry, outcomes, NOW, Schedule(), b"\0\0")


def actions(settled: Settled) -> list[str]:
    return [told.action for told in settled.report.told] if settled.report else []


def test_what_was_taken_is_done() -> None:
    settled = judge(entry(), SENT)
    assert settled.entry is None
    assert settled.report is None
    [(at, step, detail)] = settled.story.events
    assert (at, step) == (NOW, "relayed")
    assert "bob@elsewhere.test" in detail
    assert "250 2.0.0 ok" in detail


def test_what_was_deferred_comes_again() -> None:
    settled = judge(entry(attempts=2, busy_until=NOW + 1), LATER)
    assert settled.entry is not None
    assert settled.entry.attempts == 3
    assert settled.due == settled.entry.next_try == NOW + 15 * 60_000
    assert settled.entry.busy_until == 0
    assert settled.report is None


@pytest.mark.parametrize(
    ("notify", "outcome", "told"),
    [
        pytest.param((), NEVER, ["failed"], id="failure by default"),
        pytest.param(("SUCCESS",), NEVER, [], id="only success was asked for"),
        pytest.param(("NEVER",), NEVER, [], id="never"),
        pytest.param(("FAILURE",), SENT, [], id="success was not asked for"),
        pytest.param(("SUCCESS", "FAILURE"), SENT, ["relayed"], id="the peer lacks DSN"),
    ],
)
def test_the_sender_is_told_what_was_asked(
    notify: tuple[str, ...], outcome: Outcome, told: list[str]
) -> None:
    settled = judge(entry(*notify), outcome)
    assert actions(settled) == told
    assert [what.status for what in settled.failed] == (["5.1.1"] if outcome is NEVER else []), (
        "failures count, whoever is told"
    )


def test_success_is_the_next_servers_to_tell_when_it_can() -> None:
    passed = Outcome("relayed", "2.0.0", "taken", dsn_passed=True)
    assert judge(entry("SUCCESS"), passed).report is None


@pytest.mark.parametrize(
    ("age", "warned", "told"),
    [
        pytest.param(4 * HOUR - 1, False, [], id="not yet"),
        pytest.param(4 * HOUR, False, ["delayed"], id="after four hours"),
        pytest.param(9 * HOUR, True, [], id="once"),
        pytest.param(5 * DAY, False, ["failed"], id="after five days it is over"),
        pytest.param(9 * DAY, True, ["failed"], id="long after"),
    ],
)
def test_delays_are_told_once_and_end(age: int, warned: bool, told: list[str]) -> None:
    settled = judge(entry(age=age, warned=warned), LATER)
    assert actions(settled) == told
    if told == ["delayed"]:
        assert settled.report is not None
        assert settled.report.told[0].until == NOW - age + 5 * DAY
        assert settled.entry is not None
        assert settled.entry.warned
    if told == ["failed"]:
        assert settled.entry is None
        assert settled.report is not None
        assert settled.report.told[0].status == "5.4.7"
        assert "5 days" in settled.report.told[0].reason
        assert settled.report.told[0].reply == "450 4.2.1 greylisted", "the last words"


def test_the_last_attempt_comes_when_time_is_over() -> None:
    settled = judge(entry(age=5 * DAY - HOUR, attempts=40, warned=True), LATER)
    assert settled.due == NOW + HOUR


@pytest.mark.parametrize(
    ("mode", "told"), [("R", ["failed"]), ("N", ["delayed"]), ("RT", ["failed"])]
)
def test_deliver_by_ends_or_tells(mode: str, told: list[str]) -> None:
    assert actions(judge(entry(age=HOUR, deliver_by=NOW, by_mode=mode), LATER)) == told
    assert actions(judge(entry(age=HOUR, deliver_by=NOW + 1, by_mode=mode), LATER)) == []


def test_the_delay_is_told_when_the_time_is_over_and_once() -> None:
    by = NOW + 60_000
    late = entry(deliver_by=by, by_mode="N", attempts=9, age=HOUR)
    assert judge(late, LATER).due == by, "not a pause later"
    warned = msgspec.structs.replace(late, warned=True)
    assert judge(warned, LATER).due > by
    assert actions(judge(entry(deliver_by=NOW, by_mode="N", warned=True), LATER)) == []


def test_the_warning_is_not_a_pause_late() -> None:
    late = entry(age=4 * HOUR - 60_000, attempts=9)
    assert judge(late, LATER).due == NOW + 60_000
    assert judge(msgspec.structs.replace(late, warned=True), LATER).due >= NOW + HOUR


def test_a_time_that_was_over_on_arrival_has_been_told_of() -> None:
    assert actions(judge(entry(deliver_by=NOW - HOUR, by_mode="N"), LATER)) == []
    assert actions(judge(entry(deliver_by=NOW - HOUR, by_mode="N", age=4 * HOUR), LATER)) == [
        "delayed"
    ]


@pytest.mark.parametrize(
    ("mode", "by_passed", "notify", "told"),
    [
        pytest.param("N", False, (), ["relayed"], id="the peer will not tell when it is late"),
        pytest.param("N", False, ("FAILURE",), ["relayed"], id="whatever else was asked"),
        pytest.param("N", False, ("NEVER",), [], id="never"),
        pytest.param("N", True, (), [], id="the peer takes the deadline over"),
        pytest.param("NT", True, (), ["relayed"], id="a trace"),
        pytest.param("RT", True, ("DELAY",), ["relayed"], id="a trace of what may be returned"),
        pytest.param("RT", True, ("NEVER",), [], id="a trace, but never"),
        pytest.param("R", True, (), [], id="no trace"),
    ],
)
def test_relaying_is_told_where_a_deadline_asks_for_it(
    mode: str, by_passed: bool, notify: tuple[str, ...], told: list[str]
) -> None:
    sent = Outcome("relayed", "2.0.0", "taken", dsn_passed=True, by_passed=by_passed)
    settled = judge(entry(*notify, deliver_by=NOW + HOUR, by_mode=mode), sent)
    assert actions(settled) == told
    if settled.report is not None:
        assert settled.report.deliver_by == NOW + HOUR
        assert settled.report.told[0].more_to_come


def test_nobody_hears_of_mail_without_a_sender() -> None:
    settled = judge(entry(sender=""), NEVER)
    assert settled.report is None
    assert settled.entry is None
    assert settled.story.events[-1][1] == "bounced"


def test_refused_forwards_do_not_bounce_to_a_sender_who_may_be_forged() -> None:
    spam = Outcome("failed", "5.7.1", "refused", "550 5.7.1 spam")
    assert judge(entry(account=""), spam).report is None
    assert actions(judge(entry(account=""), NEVER)) == ["failed"]
    assert actions(judge(entry(), spam)) == ["failed"]


def test_each_recipient_has_a_fate_of_its_own() -> None:
    names = ("a@elsewhere.test", "b@elsewhere.test", "c@elsewhere.test")
    three = entry(goals=tuple(Goal(name, ("SUCCESS", "FAILURE")) for name in names))
    settled = settle(
        three, dict(zip(names, (SENT, LATER, NEVER), strict=True)), NOW, Schedule(), b"\0\0"
    )
    assert settled.entry is not None
    assert [goal.address for goal in settled.entry.goals] == ["b@elsewhere.test"]
    assert actions(settled) == ["relayed", "failed"]
    assert settled.report is not None
    assert settled.report.name == "elsewhere.test 1"
    again = settle(settled.entry, {"b@elsewhere.test": NEVER}, NOW, Schedule(), b"\0\0")
    assert again.report is not None
    assert again.report.name == "elsewhere.test 2", "each attempt reports under a name of its own"


def test_a_long_story_is_cut_in_the_middle() -> None:
    story = entry()
    for _ in range(100):
        settled = judge(story, LATER)
        assert settled.entry is not None
        story = settled.entry
    assert len(story.events) == MOST_EVENTS


@pytest.mark.parametrize("letter", ["x", "ü", "\ufffd"])
def test_a_peer_that_refuses_hundreds_at_length_fits_into_one_report(letter: str) -> None:
    """What cannot be written down would be attempted again, by those whom it had taken, too."""
    goals = tuple(Goal(f"user{number}@elsewhere.test") for number in range(MOST_RECIPIENTS))
    told = Outcome("failed", "5.1.1", letter * 200, "550 5.1.1 " + letter * 490, letter * 300)
    settled = judge(entry(goals=goals), told)
    assert settled.report is not None
    assert [told.address for told in settled.report.told] == [goal.address for goal in goals]
    assert all(told.reply.startswith("550 5.1.1") for told in settled.report.told)
    assert len(msgspec.msgpack.encode(settled.report)) < LARGEST_RECORD - 64 * 1024
    assert len(msgspec.msgpack.encode(settled.story)) < LARGEST_RECORD - 64 * 1024


def test_few_who_are_refused_keep_all_that_was_said() -> None:
    told = Outcome("failed", "5.1.1", "x" * 200, "550 " + "x" * 490, "mx.elsewhere.test")
    settled = judge(entry(), told)
    assert settled.report is not None
    assert settled.report.told[0].reply == told.reply
