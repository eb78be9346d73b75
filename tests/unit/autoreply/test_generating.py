"""The script of a form, run by the real engine: what is answered, when, and to whom."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.autoreply.entity import text_entity
from postroom.autoreply.form import Away, Form, Reply
from postroom.autoreply.generating import quoted, script_of
from postroom.autoreply.known import LIST
from postroom.sieve.actions import Action, Keep, Vacation
from postroom.sieve.engine import compile_script
from postroom.sieve.world import Envelope
from tests.unit.sieve.worlds import TableWorld, actions

AWAY = Away(Reply("I am away.", "Away"))
KEEP = Keep(implicit=True)
OUTSIDE = "bob@else.test"
INSIDE = "carol@example.test"


def decided(
    form: Form, sender: str = OUTSIDE, at: str = "2026-07-01T12:00:00+00:00", known: str = OUTSIDE
) -> tuple[Action, ...]:
    world = TableWorld(at=datetime.fromisoformat(at), lists={LIST: {known}})
    script = script_of(form, ["example.test", "alias.test"])
    return actions(script, envelope=Envelope(sender, "alice@example.test"), world=world)


def answer(form: Form, sender: str = OUTSIDE, at: str = "2026-07-01T12:00:00+00:00") -> str:
    """The text of the answer, "" for none. The message is kept in either case."""
    found = decided(form, sender, at)
    assert KEEP in found
    return next((action.reason for action in found if isinstance(action, Vacation)), "")


def test_a_form_answers_and_keeps() -> None:
    form = Form(replace(AWAY, addresses=("a@b.test",), interval=1800))
    vacation, keep = decided(form)
    assert keep == KEEP
    assert isinstance(vacation, Vacation)
    assert (vacation.reason, vacation.subject, vacation.seconds, vacation.addresses) == (
        "I am away.",
        "Away",
        1800,
        ("a@b.test",),
    )
    assert not vacation.mime


def test_html_goes_along_as_an_entity() -> None:
    vacation = decided(Form(replace(AWAY, outside=Reply("Grüße", html="<p>Grüße</p>"))))[0]
    assert isinstance(vacation, Vacation)
    assert vacation.mime
    assert vacation.reason.encode() == text_entity("Grüße", "<p>Grüße</p>")


@pytest.mark.parametrize(
    ("outside", "inside", "to_bob", "to_carol"),
    [
        (Reply("out"), "same", "out", "out"),
        (Reply("out"), Reply("in"), "out", "in"),
        (Reply("out"), None, "out", ""),
        (None, Reply("in"), "", "in"),
        (Reply("out"), Reply("out"), "out", "out"),
    ],
)
def test_inside_and_outside(
    outside: Reply | None, inside: Reply | None, to_bob: str, to_carol: str
) -> None:
    form = Form(replace(AWAY, outside=outside, inside=inside))
    assert answer(form, OUTSIDE) == to_bob
    assert answer(form, INSIDE) == to_carol
    assert answer(form, "dave@ALIAS.test") == to_carol
    assert answer(form, "eve@sub.example.test") == to_bob


@pytest.mark.parametrize(
    ("at", "answered"),
    [
        pytest.param("2026-10-23T23:59:59+02:00", False, id="the evening before"),
        pytest.param("2026-10-24T00:00:00+02:00", True, id="the first second"),
        pytest.param("2026-10-25T02:30:00+01:00", True, id="the hour that comes twice"),
        pytest.param("2026-10-25T23:59:59+01:00", True, id="the last second, an hour later"),
        pytest.param("2026-10-26T00:00:00+01:00", False, id="the day after"),
    ],
)
def test_from_and_until_across_the_end_of_summer_time(at: str, answered: bool) -> None:
    form = Form(replace(AWAY, start="2026-10-24", until="2026-10-25", zone="Europe/Berlin"))
    assert bool(answer(form, at=at)) is answered


def test_open_ends() -> None:
    begins = Form(replace(AWAY, start="2026-07-01"))
    assert not answer(begins, at="2026-06-30T23:59:59+00:00")
    assert answer(begins, at="2036-07-01T00:00:00+00:00")
    ends = Form(replace(AWAY, until="2026-07-01 12:00"))
    assert answer(ends, at="2026-07-01T11:59:59+00:00")
    assert not answer(ends, at="2026-07-01T12:00:00+00:00")


def test_only_known_senders() -> None:
    form = Form(replace(AWAY, only_known=True))
    assert answer(form, OUTSIDE)
    assert not answer(form, "stranger@else.test")


@pytest.mark.parametrize(
    "form",
    [
        Form(),
        Form(replace(AWAY, enabled=False)),
    ],
)
def test_what_asks_for_nothing_is_no_script(form: Form) -> None:
    assert script_of(form, ["example.test"]) == ""


def test_without_a_text_for_outside_and_a_domain_nobody_is_answered() -> None:
    assert script_of(Form(Away(None, Reply("in"))), []) == ""


NASTY = st.text(
    st.one_of(
        st.sampled_from('"\\\r\n.${}/*#;:@<>\0 \t\x7f\u2028\U0001f3d6'),
        st.characters(),
    ),
    max_size=300,
)


def as_written(text: str) -> str:
    lines = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    return lines.encode("utf-8", "ignore").decode().replace("\n", "\r\n")


@given(NASTY.filter(lambda text: text.strip() and as_written(text).strip()), NASTY)
def test_whatever_somebody_writes_is_what_is_answered(text: str, subject: str) -> None:
    form = Form(replace(AWAY, outside=Reply(text, subject)))
    [vacation, keep] = decided(form)
    assert keep == KEEP
    assert isinstance(vacation, Vacation)
    assert vacation.reason == as_written(text)
    assert vacation.subject == " ".join(as_written(subject).split())


@given(NASTY.filter(str.strip), NASTY.filter(str.strip), NASTY.filter(str.strip))
def test_html_and_two_answers_compile_without_a_word_of_complaint(
    text: str, html: str, inside: str
) -> None:
    away = replace(AWAY, outside=Reply(text, html=html), inside=Reply(inside))
    program = compile_script(script_of(Form(away), ["example.test"]).encode())
    assert not program.warnings


FIRST, LAST = map(datetime.fromisoformat, ("2000-01-01", "2100-01-01"))


@given(
    st.datetimes(FIRST, LAST),
    st.timedeltas(timedelta(minutes=1), timedelta(days=400)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Tehran"]),
)
def test_any_window_compiles(start: datetime, length: timedelta, zone: str) -> None:
    until = (start + length + timedelta(days=2)).strftime("%Y-%m-%d %H:%M")
    away = replace(AWAY, start=start.strftime("%Y-%m-%d %H:%M"), until=until, zone=zone)
    compile_script(script_of(Form(away)).encode())


def test_a_string_is_quoted_as_the_grammar_wants_it() -> None:
    assert quoted('a "b" \\ c\nd\0') == '"a \\"b\\" \\\\ c\r\nd"'
