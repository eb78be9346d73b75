"""reject, ereject (RFC 5429), vacation (RFC 5230, 6131, 8580), notify (RFC 5435, 5436)."""

import pytest

from postroom.sieve.actions import (
    Action,
    Copy,
    Discard,
    FileInto,
    Keep,
    Notify,
    Reject,
    Vacation,
)
from postroom.sieve.commands.notifying import encode_url
from tests.unit.sieve.worlds import TableWorld, actions, complaints, failure

_ALL = """require ["reject", "ereject", "vacation", "vacation-seconds", "enotify", "fcc",
"fileinto", "copy", "mailbox", "imap4flags", "variables", "special-use", "mailboxid"];\n"""
_DAY = 86_400
_KEPT = Keep(implicit=True)
_METHOD = '"mailto:a@b.test"'


def _answer(script: str) -> Vacation:
    vacation = actions(_ALL + script)[0]
    assert isinstance(vacation, Vacation)
    return vacation


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param('reject "no";', [Reject("no")], id="reject"),
        pytest.param('ereject "no";', [Reject("no", extended=True)], id="ereject"),
        pytest.param('discard; reject "no";', [Reject("no")], id="discard first"),
        pytest.param(
            f'reject "no"; notify {_METHOD};',
            [Reject("no"), Notify("mailto:a@b.test")],
            id="somebody is told",
        ),
    ],
)
def test_a_message_is_refused(script: str, expected: list[Action]) -> None:
    assert actions(_ALL + script) == tuple(expected)


@pytest.mark.parametrize("refusal", ['reject "no";', 'ereject "no";'])
@pytest.mark.parametrize(
    "other",
    ["keep;", 'fileinto "a";', 'fileinto :copy "a";', 'redirect "a@b.test";', 'vacation "x";',
     'reject "x";', 'ereject "x";'],
)  # fmt: skip
def test_a_refusal_goes_with_nothing_that_delivers_or_answers(refusal: str, other: str) -> None:
    assert failure(_ALL + refusal + other)
    assert failure(_ALL + other + refusal)


def test_a_script_before_may_have_filed_what_the_next_refuses() -> None:
    archive = _ALL + 'fileinto :copy "Archive";'
    assert actions(archive, _ALL + 'reject "no";') == (FileInto("Archive"), Reject("no"))


def test_a_refusal_is_the_only_answer() -> None:
    assert actions(_ALL + 'vacation "away";', _ALL + 'reject "no";') == (Reject("no"),)


def test_one_answer_even_when_two_scripts_have_one() -> None:
    first, second, _ = (
        *actions(_ALL + 'vacation "form";', _ALL + 'vacation "mine";'),
        None,
    )
    assert isinstance(first, Vacation)
    assert first.reason == "form"
    assert second == _KEPT


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        pytest.param("", 7 * _DAY, id="seven days"),
        pytest.param(":days 3", 3 * _DAY, id="days"),
        pytest.param(":days 0", _DAY, id="at least a day"),
        pytest.param(":days 9999", 365 * _DAY, id="at most a year"),
        pytest.param(":seconds 1800", 1800, id="seconds"),
        pytest.param(":seconds 0", 0, id="every message"),
        pytest.param(":seconds 2147483647", 365 * _DAY, id="at most a year of seconds"),
    ],
)
def test_how_often_the_same_person_is_answered(arguments: str, seconds: int) -> None:
    assert _answer(f'vacation {arguments} "away";').seconds == seconds


def test_an_answer_with_everything() -> None:
    script = """set "s" "two
        lines"; vacation :subject "On ${s}" :from "Bob <bob@example.test>" :addresses
        ["b@example.test", "nobody", "C <c@example.test>"] :handle "h" :fcc "Sent"
        :flags ["\\\\Seen", "x"] :create :specialuse "\\\\Sent" "away";"""
    assert actions(_ALL + script) == (
        Vacation(
            reason="away",
            seconds=7 * _DAY,
            subject="On two lines",
            from_address="Bob <bob@example.test>",
            addresses=("b@example.test", "c@example.test"),
            handle="h",
            fcc=Copy("Sent", ("\\Seen", "x"), create=True, special_use="\\Sent"),
        ),
        _KEPT,
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param('vacation "a";', 'vacation "b";', id="the text"),
        pytest.param('vacation :subject "x" "a";', 'vacation :from "x@y.test" "a";', id="subject"),
        pytest.param('vacation :subject "" "a";', 'vacation "a";', id="a subject that is empty"),
        pytest.param('vacation :mime "\n\na";', 'vacation "\n\na";', id=":mime"),
    ],
)
def test_other_words_are_another_answer(one: str, other: str) -> None:
    assert _answer(one).handle != _answer(other).handle


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param('vacation "a";', 'vacation :days 3 "a";', id="days do not matter"),
        pytest.param('vacation "a";', 'vacation :addresses "b@c.test" "a";', id="nor addresses"),
        pytest.param(
            'set "v" "1"; vacation :subject "${v}" "a";',
            'set "v" "2"; vacation :subject "${v}" "a";',
            id="nor what variables hold",
        ),
    ],
)
def test_the_same_words_are_the_same_answer(one: str, other: str) -> None:
    assert _answer(one).handle == _answer(other).handle


def test_answers_go_with_all_that_delivers() -> None:
    found = actions(_ALL + 'vacation "a"; fileinto "b"; redirect "c@d.test"; keep; discard;')
    assert [type(action).__name__ for action in found] == [
        "Vacation", "FileInto", "Redirect", "Keep"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "script",
    [
        pytest.param('vacation :days 1 :seconds 5 "x";', id="days and seconds"),
        pytest.param('vacation :from "nobody" "x";', id="from nobody"),
        pytest.param('vacation :mime "Subject: ü\n\nx";', id="a header beyond ASCII"),
        pytest.param('vacation :flags "x" "y";', id="flags of no copy"),
        pytest.param('vacation :fcc "a//b" "y";', id="a copy to no mailbox"),
        pytest.param(f'notify :importance "0" {_METHOD};', id="importance"),
        pytest.param(f'notify :options "x" {_METHOD};', id="an option without a value"),
        pytest.param(f'notify :options "_x=y" {_METHOD};', id="an option's name"),
        pytest.param(f'notify :options "x=a\nb" {_METHOD};', id="an option's line end"),
        pytest.param(f'notify :from "x" {_METHOD};', id="notified by nobody"),
        pytest.param('notify "mailto:nobody";', id="nobody notified"),
        pytest.param('notify "bob@example.test";', id="no URI"),
        pytest.param(f"notify :create {_METHOD};", id="a mailbox for no copy"),
    ],
)
def test_a_wrong_answer_is_found_at_once(script: str) -> None:
    assert complaints(_ALL + script)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param('vacation "a"; vacation "a";', id="two answers"),
        pytest.param('set "v" "x"; vacation :from "${v}" "a";', id="from nobody"),
        pytest.param('set "v" "ü"; vacation :mime "Subject: ${v}\n\na";', id="beyond ASCII"),
        pytest.param('notify "xmpp:a@b.test";', id="a method that is not there"),
        pytest.param('set "m" "mailto:x"; notify "${m}";', id="nobody notified"),
        pytest.param(f'set "i" "9"; notify :importance "${{i}}" {_METHOD};', id="importance"),
        pytest.param(f'set "o" "9"; notify :options "${{o}}" {_METHOD};', id="an option"),
        pytest.param(
            "".join(f'notify "mailto:{number}@b.test";' for number in range(6)), id="too many"
        ),
    ],
)
def test_an_answer_that_cannot_be_keeps_the_message(script: str) -> None:
    assert failure(_ALL + script)


def test_a_notification_with_everything() -> None:
    script = f"""notify :from "bob@example.test" :importance "1" :options ["a=b", "c="]
        :message "Mail!" :fcc "Sent" {_METHOD};"""
    assert actions(_ALL + script) == (
        Notify("mailto:a@b.test", "Mail!", "bob@example.test", 1, ("a=b", "c="), fcc=Copy("Sent")),
        _KEPT,
    )


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        pytest.param('valid_notify_method "mailto:a@b.test"', True, id="an address"),
        pytest.param('valid_notify_method ["mailto:a@b.test", "tel:1"]', False, id="all must be"),
        pytest.param('valid_notify_method "mailto:nobody"', False, id="no address"),
        pytest.param(f'notify_method_capability {_METHOD} "ONLINE" "maybe"', True, id="maybe"),
        pytest.param(f'notify_method_capability {_METHOD} "online" "yes"', False, id="not surely"),
        pytest.param(f'notify_method_capability {_METHOD} "x" "maybe"', False, id="unknown"),
        pytest.param(
            'notify_method_capability "tel:1" "online" "maybe"', False, id="no such method"
        ),
    ],
)
def test_what_can_be_asked_of_methods(test: str, holds: bool) -> None:
    found = actions(f"{_ALL}if {test} {{ discard; }}", world=TableWorld())
    assert found == ((Discard(),) if holds else (_KEPT,))


def test_urls_are_encoded() -> None:
    assert encode_url("Safe body&evil=ü-._~") == "Safe%20body%26evil%3D%C3%BC-._~"
