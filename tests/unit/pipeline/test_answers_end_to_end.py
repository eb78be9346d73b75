"""From a form, or an address that answers, to what a correspondent gets: the whole pipeline."""

import email

import pytest

from postroom.autoreply.answers import from_json
from postroom.autoreply.form import Away, Form, Reply
from postroom.autoreply.forms import Forms
from postroom.autoreply.replies import Replies
from postroom.autoreply.replies import Reply as Template
from postroom.directory.records import Alias
from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.pipeline import inbound
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.pipeline.answers import process
from postroom.platform.blobs import BlobKey
from postroom.relay.entries import entry_of
from postroom.relay.waiting import OUTBOUND
from tests.unit.pipeline.rooms import Rooms
from tests.waiting import every

ALICE, CAROL = "alice@example.test", "carol@example.test"
SUPPORT = "support@example.test"


def letter(*fields: str, to: str = ALICE) -> bytes:
    return "\r\n".join([f"To: {to}", *fields, "Subject: Lunch?", "", "Hi"]).encode()


class House:
    """A Postroom of which every queue is worked on until nothing is left."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms

    def accepts(self, text: bytes, recipient: str, *, sender: str, account: str = "") -> Accepted:
        clock = self.rooms.clock
        octets = self.rooms.app.randomness.octets(RANDOM_OCTETS)
        message_id = f"<{octets.hex()}@else.test>"
        queue_id = new_queue_id(clock.time, octets, message_id)
        text = f"From: <{sender}>\r\nMessage-ID: {message_id}\r\n".encode() + text
        self.rooms.app.blobs.put(BlobKey(queue_id), text)
        return Accepted(
            queue_id,
            BlobKey(queue_id),
            len(text),
            int(clock.time * 1000),
            sender,
            (Recipient(recipient),),
            message_id,
            account=account,
        )

    def receives(self, text: bytes, recipient: str, *, sender: str, account: str = "") -> Accepted:
        accepted = self.accepts(text, recipient, sender=sender, account=account)
        self.rooms.app.queue("inbound").send(accepted.to_json())
        self.works()
        return accepted

    def works(self) -> None:
        while True:
            letters = [Accepted.from_json(body) for body in self._take("inbound")]
            asked = [from_json(body) for body in self._take("answers")]
            if not letters and not asked:
                return
            assert inbound.process(self.rooms.app, letters) == {}
            assert process(self.rooms.app, asked) == {}

    def _take(self, name: str) -> list[str]:
        queue = self.rooms.app.queue(name)
        received = queue.receive(10)
        queue.delete([each.receipt for each in received])
        return [each.body for each in received]

    def sets(self, user: str, away: Away) -> None:
        app = self.rooms.app
        account = self.rooms.accounts[user].id
        Forms(app.table, app.scripts).put(account, Form(away), ["example.test"])

    def texts(self, user: str) -> list[str]:
        blobs = self.rooms.blobs_of(user)
        found = [
            email.message_from_bytes(self.rooms.app.blobs.get(BlobKey(blob))) for blob in blobs
        ]
        return [str(message.get_payload()).strip() for message in found]

    def steps(self, accepted: Accepted) -> list[str]:
        journeys = self.rooms.app.journeys.trace(accepted.queue_id)
        return [event.step for journey in journeys for event in journey.events]


@pytest.fixture
def house(rooms: Rooms) -> House:
    return House(rooms)


def test_somebody_away_answers_once_and_the_mail_is_kept(house: House) -> None:
    house.sets("alice", Away(Reply("I am away.")))
    first = house.receives(letter(), ALICE, sender=CAROL)
    second = house.receives(letter("X-Again: yes"), ALICE, sender=CAROL)
    assert house.texts("carol") == ["I am away."]
    assert house.texts("alice") == ["Hi", "Hi"]
    assert "answered" in house.steps(first)
    assert "not answered" in house.steps(second)


def test_what_is_set_holds_from_the_next_message_on(house: House) -> None:
    house.receives(letter(), ALICE, sender=CAROL)
    house.sets("alice", Away(Reply("one")))
    house.receives(letter(), ALICE, sender=CAROL)
    house.sets("alice", Away(Reply("two")))  # other words are another answer
    house.receives(letter(), ALICE, sender=CAROL)
    house.sets("alice", Away(Reply("three"), enabled=False))
    house.receives(letter(), ALICE, sender=CAROL)
    assert house.texts("carol") == ["one", "two"]


def test_mail_of_a_list_is_not_answered_and_its_journey_says_why(house: House) -> None:
    house.sets("alice", Away(Reply("x")))
    accepted = house.receives(letter("List-Id: <a.list.test>"), ALICE, sender=CAROL)
    assert house.texts("carol") == []
    assert "not answered" in house.steps(accepted)
    assert "delivered" in house.steps(accepted)


def test_two_who_are_both_away_answer_each_other_once_at_most(house: House) -> None:
    house.sets("alice", Away(Reply("Alice is away.")))
    house.sets("carol", Away(Reply("Carol is away.")))
    house.receives(letter(), ALICE, sender=CAROL)
    assert house.texts("carol") == ["Alice is away."]
    assert house.texts("alice") == ["Hi"]


def test_only_whom_she_has_written_to(house: House) -> None:
    house.sets("alice", Away(Reply("x"), only_known=True))
    house.receives(letter(), ALICE, sender=CAROL)
    assert house.texts("carol") == []
    account = house.rooms.accounts["alice"].id
    house.receives(letter(to=CAROL), CAROL, sender=ALICE, account=account)
    house.receives(letter(), ALICE, sender=CAROL)
    assert "x" in house.texts("carol")


def test_an_answer_to_elsewhere_waits_for_the_relay_signed(house: House) -> None:
    keys = house.rooms.app.dkim_keys
    [key, *_] = keys.make("example.test", ("ed25519",), 0)
    keys.activate("example.test", key.selector)
    house.sets("alice", Away(Reply("I am away.")))
    house.receives(letter(), ALICE, sender="bob@else.test")
    [entry] = [entry_of(waiting) for waiting in every(house.rooms.app.table, OUTBOUND)]
    assert entry.reverse_path == ""
    assert [goal.address for goal in entry.goals] == ["bob@else.test"]
    assert b"DKIM-Signature:" in entry.prefix
    assert b"d=example.test" in entry.prefix


def test_an_address_answers_for_all_who_are_behind_it(house: House) -> None:
    app = house.rooms.app
    app.directory.add_alias(Alias(SUPPORT, (ALICE, "bob@example.test")))
    Replies(app.table, app.directory).put(SUPPORT, Template("We got it: {{ ticket }}"))
    accepted = house.receives(letter(to=SUPPORT), SUPPORT, sender=CAROL)
    [text] = house.texts("carol")
    assert text.startswith("We got it: ")
    assert house.texts("alice") == house.texts("bob") == ["Hi"]
    assert "answered" in house.steps(accepted)
    house.receives(letter(), ALICE, sender=CAROL)  # not by way of the address
    assert len(house.texts("carol")) == 1
