"""The autorespond function: one answer a correspondent and interval, whatever fails or repeats."""

import email
import email.policy
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest

from postroom.autoreply.answers import Answer, from_json
from postroom.autoreply.replies import Replies, Reply
from postroom.directory.records import Alias, Target
from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.journeys.store import Event
from postroom.mailboxes.names import INBOX
from postroom.mailboxes.records import Mailbox
from postroom.mailboxes.store import Mailboxes
from postroom.pipeline import inbound
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.pipeline.answering import answer, answer_for_address, notify
from postroom.pipeline.answers import process
from postroom.pipeline.work import Work
from postroom.platform.batches import Reasons, run_batch
from postroom.platform.blobs import BlobKey
from postroom.sieve.actions import Copy, Notify, Vacation
from tests.unit.pipeline.rooms import Rooms

ALICE = "alice@example.test"
CAROL = "carol@example.test"
BOB = "bob@else.test"
AWAY = Vacation("I am away.", 7 * 86_400, handle="h")
WEEK = 7 * 86_400


@dataclass
class Desk:
    """What comes in, what is asked for, what goes out."""

    rooms: Rooms

    def work(
        self, *fields: str, sender: str = BOB, to: str = ALICE, name: str = "1", user: str = "alice"
    ) -> Work:
        message_id = f"<{name}@else.test>"
        queue_id = new_queue_id(
            self.rooms.clock.time, self.rooms.app.randomness.octets(RANDOM_OCTETS), message_id
        )
        lines = [f"From: <{sender}>", f"To: <{to}>", f"Message-ID: {message_id}", *fields]
        text = "\r\n".join([*lines, "", "Hi", ""]).encode()
        accepted = Accepted(
            queue_id,
            BlobKey(queue_id),
            len(text),
            int(self.rooms.clock.time * 1000),
            sender,
            (Recipient(to),),
            message_id,
        )
        work = Work(accepted, text=text)
        work.recipients[self.rooms.accounts[user].id].append(to)
        return work

    def target(self, user: str = "alice") -> Target:
        account = self.rooms.accounts[user]
        return Target(account.id, account.address)

    def answer(self, work: Work, action: Vacation = AWAY, user: str = "alice") -> Event | None:
        return answer(self.rooms.app, work, self.target(user), action)

    def asked(self) -> list[Answer]:
        """Letters of the Answers queue; taken out."""
        return [from_json(body) for body in self.take("answers")]

    def take(self, name: str) -> list[str]:
        queue = self.rooms.app.queue(name)
        bodies = []
        while received := queue.receive(10):
            bodies += [letter.body for letter in received]
            queue.delete([letter.receipt for letter in received])
        return bodies

    def give(self, letters: Sequence[Answer]) -> None:
        assert process(self.rooms.app, letters) == {}

    def sent(self) -> list[Accepted]:
        """What was posted, taken out of the Inbound queue."""
        return [Accepted.from_json(body) for body in self.take("inbound")]

    def text(self, accepted: Accepted) -> EmailMessage:
        found = email.message_from_bytes(
            self.rooms.app.blobs.get(accepted.blob), policy=email.policy.SMTP
        )
        assert isinstance(found, EmailMessage)
        return found

    def arrived(self, user: str, box: str = INBOX) -> int:
        found = self.rooms.app.mailboxes.find(self.rooms.accounts[user].id, box)
        return sum(1 for _ in self.rooms.app.mailboxes.messages(found.id))

    def steps(self, work: Work) -> list[tuple[str, str]]:
        journeys = self.rooms.app.journeys.trace(work.accepted.queue_id)
        return [(event.step, event.detail) for journey in journeys for event in journey.events]


@pytest.fixture
def desk(rooms: Rooms) -> Desk:
    return Desk(rooms)


def test_an_answer_goes_the_way_of_any_message(desk: Desk) -> None:
    work = desk.work("Subject: Lunch?")
    assert desk.answer(work) is None
    desk.give(desk.asked())
    [accepted] = desk.sent()
    assert accepted.reverse_path == ""
    assert [(to.address, to.notify) for to in accepted.recipients] == [(BOB, ("NEVER",))]
    assert accepted.ours
    assert not accepted.tls_optional
    text = desk.text(accepted)
    assert accepted.message_id == text["Message-ID"]
    assert (text["From"], text["To"], text["Subject"]) == (ALICE, BOB, "Auto: Lunch?")
    assert text["Auto-Submitted"] == "auto-replied"
    assert text["In-Reply-To"] == "<1@else.test>"
    assert ("answered", f"{ALICE} to {BOB} as {accepted.queue_id}") in desk.steps(work)


def test_what_must_not_be_answered_is_not_asked_for(desk: Desk) -> None:
    event = desk.answer(desk.work("List-Id: <a.list.test>"))
    assert event is not None
    assert (event.step, event.detail) == (
        "not answered",
        "alice@example.test: it is from a list (list-id)",
    )
    assert not desk.asked()


def test_an_answer_that_no_queue_takes_keeps_no_message_from_arriving(desk: Desk) -> None:
    event = desk.answer(desk.work(), Vacation("ä" * 65_000 * 2, 60))
    assert event is not None
    assert "an answer is 26" in event.detail
    assert not desk.asked()


def test_a_correspondent_gets_one_answer_an_interval(desk: Desk) -> None:
    first, second = desk.work(name="1"), desk.work(name="2")
    desk.answer(first)
    desk.answer(second)
    desk.give(desk.asked())
    assert len(desk.sent()) == 1
    told = [desk.steps(work)[0][0] for work in (first, second)]
    assert sorted(told) == ["answered", "not answered"]
    desk.answer(desk.work(sender="eve@else.test", name="3"))
    desk.give(desk.asked())
    assert len(desk.sent()) == 1
    desk.rooms.clock.time += WEEK + 1
    desk.answer(desk.work(name="4"))
    desk.give(desk.asked())
    assert len(desk.sent()) == 1


def test_who_is_forwarded_another_way_each_day_is_the_same_correspondent(desk: Desk) -> None:
    for day in ("aa", "ab", "ac"):
        desk.answer(desk.work(sender=f"SRS0=h4sh{day}={day}=else.test=bob@forwarder.test"))
    desk.give(desk.asked())
    assert len(desk.sent()) == 1


def test_details_of_an_address_make_no_more_correspondents(desk: Desk) -> None:
    """Or a stranger could have one mailbox get any number of answers from us."""
    for number in "123":
        desk.answer(desk.work(sender=f"bob+{number}@else.test", name=number))
    desk.give(desk.asked())
    assert len(desk.sent()) == 1


def test_an_answer_to_what_was_held_has_the_date_of_its_release(desk: Desk) -> None:
    work = desk.work()
    later = work.accepted.received + 3 * 86_400_000
    work.accepted = msgspec.structs.replace(work.accepted, hold_until=later)
    desk.rooms.clock.time += 3 * 86_400
    desk.answer(work)
    desk.give(desk.asked())
    date = desk.text(desk.sent()[0])["Date"].datetime
    assert date.timestamp() == later / 1000


def test_other_answers_have_other_intervals(desk: Desk) -> None:
    desk.answer(desk.work(name="1"))
    desk.answer(desk.work(name="2"), Vacation("Read this first.", 60, handle="another"))
    desk.answer(desk.work(to=CAROL, user="carol", name="3"), user="carol")
    desk.give(desk.asked())
    assert len(desk.sent()) == 3


def deliver(desk: Desk) -> None:
    """Let the pipeline have what was posted; twice, as a queue may."""
    letters = desk.sent()
    for batch in (letters, letters):
        assert inbound.process(desk.rooms.app, batch) == {}


def test_a_letter_that_comes_twice_is_one_answer(desk: Desk) -> None:
    desk.answer(desk.work(sender=CAROL))
    letters = desk.asked()
    desk.give([*letters, *letters])
    deliver(desk)
    assert desk.arrived("carol") == 1
    desk.give(letters)  # much later
    assert not desk.sent()
    assert desk.arrived("carol") == 1


def test_of_one_letter_in_many_hands_there_is_one_answer(desk: Desk) -> None:
    desk.answer(desk.work(sender=CAROL))
    letters = desk.asked()
    with ThreadPoolExecutor(4) as pool:
        for failed in pool.map(lambda _: process(desk.rooms.app, letters), range(8)):
            assert failed == {}
    deliver(desk)
    assert desk.arrived("carol") == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fail_at", range(1, 8))
def test_a_crash_at_any_write_neither_loses_nor_doubles_it(
    desk: Desk, fail_at: int, after: bool
) -> None:
    action = Vacation("x", 60, handle="h", fcc=Copy("Sent"))
    desk.answer(desk.work(sender=CAROL), action)
    letters = desk.asked()
    table = desk.rooms.table
    table.writes, table.fail_at, table.after = 0, fail_at, after
    for _ in range(3):
        if not process(desk.rooms.app, letters):
            break
    table.fail_at = 0
    deliver(desk)
    assert desk.arrived("carol") == 1
    assert desk.arrived("alice", "Sent") == 1


def test_one_that_fails_does_not_bring_back_the_others(desk: Desk) -> None:
    desk.answer(desk.work(name="1"))
    desk.answer(desk.work(name="2", sender="eve@else.test"))
    letters = desk.asked()
    desk.rooms.table.writes, desk.rooms.table.fail_at = 0, 1
    assert list(process(desk.rooms.app, letters)) == [0]
    desk.rooms.table.fail_at = 0
    assert len(desk.sent()) == 1


@pytest.mark.parametrize(
    ("wanted", "to", "sender"),
    [
        pytest.param("", ALICE, ALICE, id="her own"),
        pytest.param("", "sales@example.test", "sales@example.test", id="her alias"),
        pytest.param("", "alice+shop@example.test", "alice+shop@example.test", id="a detail"),
        pytest.param("", "team@example.test", ALICE, id="not the team's"),
        pytest.param("Sales <sales@example.test>", ALICE, "Sales <sales@example.test>", id="from"),
        pytest.param("carol@example.test", ALICE, ALICE, id="not somebody else's"),
        pytest.param("x@else.test, alice@example.test", ALICE, ALICE, id="all must be hers"),
    ],
)
def test_from_is_an_address_that_she_may_send_as(
    desk: Desk, wanted: str, to: str, sender: str
) -> None:
    directory = desk.rooms.app.directory
    directory.add_alias(Alias("sales@example.test", (ALICE,)))
    directory.add_alias(Alias("team@example.test", (ALICE, CAROL)))
    desk.answer(desk.work(to=to), Vacation("x", 60, from_address=wanted))
    desk.give(desk.asked())
    [accepted] = desk.sent()
    assert desk.text(accepted)["From"] == sender


@pytest.mark.parametrize(
    ("copy", "box"),
    [
        pytest.param(Copy("Sent", ("\\Seen", "x")), "Sent", id="a mailbox"),
        pytest.param(Copy("nowhere", special_use="\\sent"), "Sent", id="its special use"),
        pytest.param(Copy("Answers/Away", create=True), "Answers/Away", id="made for it"),
        pytest.param(Copy("nowhere"), INBOX, id="none"),
        pytest.param(Copy("inbox"), INBOX, id="INBOX in another spelling"),
        pytest.param(Copy("bad//name", create=True), INBOX, id="no name for a mailbox"),
    ],
)
def test_a_copy_of_what_was_sent_is_filed_once(desk: Desk, copy: Copy, box: str) -> None:
    desk.answer(desk.work(), Vacation("x", 60, handle="h", fcc=copy))
    letters = desk.asked()
    desk.give([*letters, *letters])
    accepted = desk.sent()[0]
    app = desk.rooms.app
    found = app.mailboxes.find(desk.rooms.accounts["alice"].id, box)
    [message] = app.mailboxes.messages(found.id)
    assert message.flags == frozenset(copy.flags)
    assert app.blobs.get(message.blob) == app.blobs.get(accepted.blob)
    assert message.blob != accepted.blob


def test_a_copy_with_more_keywords_than_a_mailbox_takes_is_filed_without(desk: Desk) -> None:
    app, alice = desk.rooms.app, desk.rooms.accounts["alice"].id
    inbox = app.mailboxes.inbox(alice)
    assert inbound.process(app, [desk.rooms.accept(b"first", ALICE)]) == {}
    many = [f"keyword{number}" for number in range(100)]
    app.mailboxes.store_flags(alice, inbox, [1], replace=many)
    copy = Copy(INBOX, ("\\Seen", "another"))
    desk.answer(desk.work(), Vacation("x", 60, handle="h", fcc=copy))
    desk.give(desk.asked())
    [_, filed] = app.mailboxes.messages(inbox)
    assert filed.flags == {"\\Seen"}


def test_a_mailbox_that_another_makes_at_this_moment_gets_the_copy(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Mailboxes.create

    def beaten(mailboxes: Mailboxes, account: str, name: str, use: str = "") -> Mailbox:
        create(mailboxes, account, name, use)
        return create(mailboxes, account, name, use)

    monkeypatch.setattr(Mailboxes, "create", beaten)
    copy = Copy("Answers", create=True)
    desk.answer(desk.work(), Vacation("x", 60, handle="h", fcc=copy))
    desk.give(desk.asked())
    assert desk.arrived("alice", "Answers") == 1


def test_no_answer_no_copy(desk: Desk) -> None:
    action = Vacation("x", WEEK, handle="h", fcc=Copy("Sent"))
    for name in "12":
        desk.answer(desk.work(name=name), action)
    desk.give(desk.asked())
    assert desk.arrived("alice", "Sent") == 1


def test_somebody_beyond_ascii_is_answered_with_smtputf8(desk: Desk) -> None:
    desk.answer(desk.work(sender="jörg@else.test"))
    desk.give(desk.asked())
    [accepted] = desk.sent()
    assert accepted.smtputf8
    assert accepted.recipients[0].address == "jörg@else.test"


# Two Postrooms


@pytest.mark.parametrize(
    ("stripped", "kept_path", "exchanges"),
    [
        pytest.param((), False, 1, id="as it is: one answer, and it is over"),
        pytest.param((), True, 1, id="a gateway that gives it a reverse-path"),
        pytest.param(("Auto-Submitted", "X-Auto-Response-Suppress"), False, 1, id="no fields"),
        pytest.param(
            ("Auto-Submitted", "X-Auto-Response-Suppress"), True, 2, id="neither: the interval"
        ),
    ],
)
def test_two_who_are_away_do_not_talk_for_ever(
    desk: Desk, stripped: tuple[str, ...], kept_path: bool, exchanges: int
) -> None:
    """Alice and Carol are both away, on Postrooms that only mail connects."""
    work, user, other = desk.work(sender=CAROL, name="0"), "alice", "carol"
    addresses = {"alice": ALICE, "carol": CAROL}
    for count in range(10):
        desk.answer(work, user=user)
        desk.give(desk.asked())
        sent = desk.sent()
        if not sent:
            assert count == exchanges
            return
        text = desk.text(sent[0])
        for name in stripped:
            del text[name]
        sender = addresses[user] if kept_path else ""
        fields = [f"{name}: {value}" for name, value in text.items() if name not in ("From", "To")]
        user, other = other, user
        work = desk.work(*fields, sender=sender, to=addresses[user], name=f"{count}x", user=user)
    raise AssertionError("they talk for ever")


# Addresses


SUPPORT = "support@example.test"


def replying(desk: Desk, reply: Reply) -> Replies:
    replies = Replies(desk.rooms.table, desk.rooms.app.directory)
    if desk.rooms.app.directory.alias(SUPPORT) is None:
        desk.rooms.app.directory.add_alias(Alias(SUPPORT, (ALICE,)))
    replies.put(SUPPORT, reply)
    return replies


def test_an_address_answers_with_a_ticket_that_a_follow_up_keeps(desk: Desk) -> None:
    replying(desk, Reply("Ticket {{ ticket }}", interval=3600))
    app = desk.rooms.app
    work = desk.work("Subject: Printer", to=SUPPORT)
    assert answer_for_address(app, work, SUPPORT, [SUPPORT]) is None
    desk.give(desk.asked())
    first = desk.text(desk.sent()[0])
    ticket = first["Subject"].removeprefix("[#").removesuffix("] Printer")
    assert len(ticket) == 10
    assert first["From"] == SUPPORT
    assert first["In-Reply-To"] == "<1@else.test>"
    assert f"Ticket {ticket}" in first.get_content()
    assert any(f"ticket {ticket}" in detail for _, detail in desk.steps(work))
    reply = ("Subject: Re: Printer", f"In-Reply-To: {first['Message-ID']}")
    answer_for_address(app, desk.work(*reply, to=SUPPORT, name="2"), SUPPORT, [SUPPORT])
    desk.give(desk.asked())
    assert not desk.sent()
    desk.rooms.clock.time += 3601
    answer_for_address(app, desk.work(*reply, to=SUPPORT, name="3"), SUPPORT, [SUPPORT])
    desk.give(desk.asked())
    assert f"[#{ticket}]" in desk.text(desk.sent()[0])["Subject"]


def test_an_address_answers_as_it_is_spelled_whether_or_not_dots_count(desk: Desk) -> None:
    app = desk.rooms.app
    app.directory.add_alias(Alias("help.desk@example.test", (ALICE,)))
    Replies(desk.rooms.table, app.directory).put("help.desk@example.test", Reply("Hello"))
    app.directory.ignore_dots("example.test", ignored=True)
    for name in "12":
        to = ("help.desk@example.test", "helpdesk@example.test")[name == "2"]
        entry = desk.rooms.accept(
            name.encode(),
            to,
            reverse_path=f"bob{name}@else.test",
            header=f"From: <bob{name}@else.test>\r\nTo: <{to}>\r\n".encode(),
        )
        assert inbound.process(app, [entry]) == {}
        desk.give(desk.asked())
        [sent] = desk.sent()
        assert desk.text(sent)["From"] == "help.desk@example.test"


def test_an_address_keeps_silent_for_lists_and_says_so(desk: Desk) -> None:
    replying(desk, Reply("x"))
    work = desk.work("List-Id: <x.y.test>", to=SUPPORT)
    answer_for_address(desk.rooms.app, work, SUPPORT, [SUPPORT])
    assert not desk.asked()
    assert desk.steps(work) == [("not answered", f"{SUPPORT}: it is from a list (list-id)")]


def test_an_address_that_answers_no_more_says_so(desk: Desk) -> None:
    replies = replying(desk, Reply("x"))
    work = desk.work(to=SUPPORT)
    answer_for_address(desk.rooms.app, work, SUPPORT, [SUPPORT])
    replies.remove(SUPPORT)
    desk.give(desk.asked())
    assert not desk.sent()
    assert desk.steps(work) == [("not answered", f"{SUPPORT}: it answers no more")]


def test_a_repeat_after_the_template_was_changed_rewrites_nothing(desk: Desk) -> None:
    replying(desk, Reply("one"))
    answer_for_address(desk.rooms.app, desk.work(sender=CAROL, to=SUPPORT), SUPPORT, [SUPPORT])
    letters = desk.asked()
    desk.give(letters)
    deliver(desk)
    [blob] = desk.rooms.blobs_of("carol")
    before = desk.rooms.app.blobs.get(BlobKey(blob))
    replying(desk, Reply("two"))
    desk.give(letters)
    assert not desk.sent()
    assert desk.rooms.app.blobs.get(BlobKey(blob)) == before


# Notifications


def test_a_notification_is_sent_once(desk: Desk) -> None:
    action = Notify("mailto:carol@example.test", "You have mail", fcc=Copy("Sent"))
    assert notify(desk.rooms.app, desk.work(), desk.target(), action) is None
    letters = desk.asked()
    desk.give([*letters, *letters])
    accepted = desk.sent()
    assert {one.reverse_path for one in accepted} == {ALICE}
    assert accepted[0].queue_id == accepted[1].queue_id
    assert desk.text(accepted[0])["Subject"] == "You have mail"
    assert inbound.process(desk.rooms.app, accepted) == {}
    assert (desk.arrived("carol"), desk.arrived("alice", "Sent")) == (1, 1)


def test_notifications_tell_of_bounces_but_not_of_machines(desk: Desk) -> None:
    action = Notify("mailto:carol@example.test")
    assert notify(desk.rooms.app, desk.work(sender=""), desk.target(), action) is None
    event = notify(
        desk.rooms.app, desk.work("Auto-Submitted: auto-notified"), desk.target(), action
    )
    assert event is not None
    assert event.step == "not notified"
    desk.give(desk.asked())
    [accepted] = desk.sent()
    assert accepted.reverse_path == ""


def test_the_events_to_try_the_function_with_are_letters(desk: Desk) -> None:
    events = Path(__file__).parents[3] / "functions/autorespond/events"
    reasons = Reasons(desk.rooms.table, desk.rooms.clock, "answers")
    for path in events.glob("*.json"):
        event = json.loads(path.read_text())
        failed = run_batch(event, from_json, lambda batch: process(desk.rooms.app, batch), reasons)
        assert failed == {"batchItemFailures": []}, path


def test_an_account_that_is_gone_files_no_copy(desk: Desk) -> None:
    desk.answer(desk.work(), Vacation("x", 60, handle="h", fcc=Copy("Sent", create=True)))
    desk.rooms.app.mailboxes.remove_account(desk.rooms.accounts["alice"].id)
    desk.give(desk.asked())
    assert len(desk.sent()) == 1
    assert not desk.rooms.app.mailboxes.all_of(desk.rooms.accounts["alice"].id)
