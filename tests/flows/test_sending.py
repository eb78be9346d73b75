"""People submit mail; it leaves, is tried again, and comes back as a report when it fails."""

import re
from datetime import UTC, datetime

import pytest

from postroom.directory.records import Account
from tests.flows.house import DOMAIN, House
from tests.flows.post import (
    ALICE,
    about,
    is_kept,
    mail,
    nothing_waits,
    queued,
    reports,
    returned,
    steps,
    told,
)
from tests.sinks import PLAIN, Sink, at, refuse

HOUR, DAY = 3600, 86_400
NO_DSN = [*PLAIN, "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"]


def test_mail_leaves_and_stays_as_its_recipients_want(
    house: House, alice: Account, sink: Sink
) -> None:
    bob = house.account("bob")
    octets = mail(text="..dots\r\n.\r\ncaf\u00e9\r\n")
    queue_id = house.submit(
        "alice", octets, f"bob@{DOMAIN}", "carol@one.test", "dan@one.test", "eve@two.test"
    )
    house.work()
    assert [len(house.messages(account)) for account in (alice, bob)] == [0, 1]
    letters = sorted(sink.letters, key=lambda letter: letter.recipients)
    assert [letter.recipients for letter in letters] == [
        ["carol@one.test", "dan@one.test"],
        ["eve@two.test"],
    ]
    for letter in letters:
        assert letter.sender == ALICE
        assert letter.content.endswith(octets)
        [received] = re.findall(rb"(?s)\AReceived: (.*?)\r\nFrom", letter.content)
        assert b"with ESMTPSA id " + queue_id.encode() in b" ".join(received.split())
    assert steps(house, queue_id) == {
        bob.id: ["accepted", "delivered"],
        ">one.test": ["accepted", "queued", "relayed"],
        ">two.test": ["accepted", "queued", "relayed"],
    }
    assert nothing_waits(house)


def test_the_text_goes_when_all_is_done(house: House, alice: Account, sink: Sink) -> None:
    sink.rule = at("RCPT", "450 4.2.0 Later", match="two.test", times=1)
    queue_id = house.submit("alice", mail(), "bob@one.test", "eve@two.test")
    house.work()
    assert is_kept(house, queue_id)
    house.pass_time(5 * 60)
    assert len(sink.letters) == 2
    assert not is_kept(house, queue_id)


# Failures.


def test_a_failure_is_told_once_and_the_address_is_left_alone(
    house: House, alice: Account, sink: Sink
) -> None:
    sink.rule = refuse("<gone@")
    queue_id = house.submit("alice", mail("first"), "gone@one.test", "here@one.test")
    house.work()
    [report] = reports(house)
    assert told(report) == [("gone@one.test", "failed", "5.1.1")]
    assert report["To"] == ALICE
    assert report["In-Reply-To"] == "<first@client.test>"
    assert "550 5.1.1 No such user" in str(report)
    quoted = returned(report)
    assert quoted.get_content_type() == "message/rfc822"
    assert "Subject: first" in quoted.as_string()
    assert "Hello." in quoted.as_string()
    [story] = [one for one in house.app.journeys.trace(queue_id) if one.place == ">one.test"]
    assert [event.step for event in story.events[2:]] == ["bounced", "relayed"]
    assert "gone@one.test" in story.events[2].detail
    assert "550 5.1.1 No such user" in story.events[2].detail
    [here] = sink.letters
    assert here.recipients == ["here@one.test"]

    sink.commands.clear()
    again = house.submit("alice", mail("second"), "gone@one.test")
    house.work()
    assert sink.commands == [], "nobody asks again"
    [_, second] = reports(house)
    assert told(second) == [("gone@one.test", "failed", "5.7.1")]
    human = next(iter(second.iter_parts())).get_content()
    assert "suppression list" in " ".join(human.split()) or "550 5.1.1" in human
    assert steps(house, again) == {"!": ["accepted", "bounced"]}
    assert nothing_waits(house)
    assert not is_kept(house, again)


def test_a_message_is_tried_until_it_is_taken(house: House, alice: Account, sink: Sink) -> None:
    sink.rule = at("RCPT", "450 4.2.0 Greylisted", times=3)
    house.submit("alice", mail(), "bob@one.test")
    house.work()
    assert sink.letters == []
    assert queued(house) == 1
    house.pass_time(30)
    assert sink.verbs().count("RCPT") == 1, "it is not asked before its time"
    house.pass_time(30 * 60)
    [letter] = sink.letters
    assert letter.recipients == ["bob@one.test"]
    assert sink.verbs().count("RCPT") == 4
    assert reports(house) == []
    assert nothing_waits(house)


def test_five_days(house: House, alice: Account, sink: Sink) -> None:
    """One warning after four hours, one bounce after five days, as few attempts as promised."""
    sink.rule = at("RCPT", "451 4.3.0 Disk full")
    queue_id = house.submit("alice", mail(), "bob@one.test")
    house.work()
    house.pass_time(3.9 * HOUR)
    assert reports(house) == []
    house.pass_time(0.2 * HOUR)
    [warning] = reports(house)
    assert told(warning) == [("bob@one.test", "delayed", "4.3.0")]
    assert returned(warning).get_content_type() == "text/rfc822-headers"
    assert "Hello." not in returned(warning).as_string()
    house.pass_time(5 * DAY)
    [_, bounce] = reports(house)
    assert told(bounce) == [("bob@one.test", "failed", "5.4.7")]
    assert "451 4.3.0 Disk full" in str(bounce)
    assert returned(bounce).get_content_type() == "message/rfc822"
    assert 30 <= sink.verbs().count("RCPT") <= 45
    assert steps(house, queue_id)[">one.test"][-1] == "bounced"
    assert nothing_waits(house)
    assert not is_kept(house, queue_id)
    sink.rule = None
    house.submit("alice", mail("next"), "bob@one.test")
    house.pass_time(HOUR)
    assert len(sink.letters) == 1, "who could not be reached for days is not suppressed"


def test_nobody_is_told_of_mail_with_the_null_reverse_path(
    house: House, alice: Account, sink: Sink
) -> None:
    sink.rule = refuse("<gone@")
    with house.submission("alice") as client:
        assert client.mail("")[0] == 250
        assert client.rcpt("gone@one.test")[0] == 250
        assert client.rcpt("here@one.test")[0] == 250
        assert client.data(mail())[0] == 250
    house.work()
    assert [letter.sender for letter in sink.letters] == [""]
    assert reports(house) == []
    assert nothing_waits(house)


# What a sender may ask for.


def test_notify_never(house: House, alice: Account, sink: Sink) -> None:
    sink.rule = refuse("<gone@")
    house.submit("alice", mail(), "gone@one.test", rcpt="NOTIFY=NEVER")
    house.work()
    assert reports(house) == []
    assert nothing_waits(house)


def test_success_is_told_by_whoever_is_last_to_know_dsn(
    house: House, alice: Account, sink: Sink
) -> None:
    house.account("bob")
    sink.extensions = list(NO_DSN)
    recipients = ("carol@one.test", f"bob@{DOMAIN}")
    house.submit("alice", mail(), *recipients, options="ENVID=QQ+2B1", rcpt="NOTIFY=SUCCESS")
    house.work()
    found = sorted(
        (told(report), about(report)["Original-Envelope-Id"]) for report in reports(house)
    )
    assert found == [
        ([(f"bob@{DOMAIN}", "delivered", "2.0.0")], "QQ+1"),
        ([("carol@one.test", "relayed", "2.0.0")], "QQ+1"),
    ]
    [letter] = sink.letters
    assert letter.mail == "" or "ENVID" not in letter.mail
    assert letter.rcpt == [""]


def test_a_server_that_knows_dsn_is_told_what_was_asked(
    house: House, alice: Account, sink: Sink
) -> None:
    options, rcpt = "RET=HDRS ENVID=QQ+2B1", "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Carol@one.test"
    house.submit("alice", mail(), "carol@one.test", options=options, rcpt=rcpt)
    house.work()
    [letter] = sink.letters
    assert {"RET=HDRS", "ENVID=QQ+2B1"} <= set(letter.mail.split())
    [parameters] = letter.rcpt
    notify, orcpt = sorted(parameters.split())
    assert set(notify.removeprefix("NOTIFY=").split(",")) == {"SUCCESS", "DELAY"}
    assert orcpt == "ORCPT=rfc822;Carol@one.test"
    assert reports(house) == [], "the other server tells"


def test_only_the_header_comes_back_if_that_was_asked(
    house: House, alice: Account, sink: Sink
) -> None:
    sink.rule = refuse("<gone@")
    house.submit("alice", mail(), "gone@one.test", options="RET=HDRS ENVID=xyz")
    house.work()
    [report] = reports(house)
    assert about(report)["Original-Envelope-Id"] == "xyz"
    assert returned(report).get_content_type() == "text/rfc822-headers"
    assert "Subject: hello" in returned(report).as_string()
    assert "Hello." not in returned(report).as_string()


@pytest.mark.parametrize("how", ["HOLDFOR", "HOLDUNTIL"])
def test_mail_is_held_until_its_time(house: House, alice: Account, sink: Sink, how: str) -> None:
    bob = house.account("bob")
    until = house.world.clock.seconds() + 2 * HOUR
    option = f"HOLDUNTIL={datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%M:%SZ}"
    options = option if how == "HOLDUNTIL" else f"HOLDFOR={2 * HOUR}"
    queue_id = house.submit("alice", mail(), "carol@one.test", f"bob@{DOMAIN}", options=options)
    house.work()
    house.pass_time(1.9 * HOUR)
    assert sink.letters == []
    assert house.messages(bob) == []
    assert steps(house, queue_id) == {"later": ["accepted", "held"]}
    house.pass_time(0.2 * HOUR)
    assert len(sink.letters) == 1
    assert len(house.messages(bob)) == 1
    assert reports(house) == []
    assert nothing_waits(house)


def test_a_deadline_returns_the_message(house: House, alice: Account, sink: Sink) -> None:
    """RFC 2852: R gives up at the time, N only tells."""
    sink.extensions.append("DELIVERBY")
    sink.rule = at("RCPT", "451 4.3.0 Disk full")
    house.submit("alice", mail("return"), "bob@one.test", options=f"BY={2 * HOUR};R")
    house.submit("alice", mail("notify"), "carol@two.test", options=f"BY={HOUR};N")
    house.work()
    house.pass_time(0.9 * HOUR)
    assert reports(house) == []
    house.pass_time(2.5 * HOUR)
    found = sorted(told(report) for report in reports(house))
    assert found == [
        [("bob@one.test", "failed", "5.4.7")],
        [("carol@two.test", "delayed", "4.3.0")],
    ]
    assert queued(house) == 1
    sink.rule = None
    house.pass_time(6 * HOUR)
    [letter] = sink.letters
    assert letter.recipients == ["carol@two.test"]
    assert len(reports(house)) == 2


def test_a_deadline_is_not_given_to_a_server_that_cannot_keep_it(
    house: House, alice: Account, sink: Sink
) -> None:
    house.submit("alice", mail(), "bob@one.test", options=f"BY={2 * HOUR};R")
    house.work()
    assert sink.letters == []
    [report] = reports(house)
    assert told(report) == [("bob@one.test", "failed", "5.3.3")]
