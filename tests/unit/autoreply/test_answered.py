"""One answer for each correspondent in an interval; known correspondents; replies of addresses."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from postroom.autoreply.answered import SHORTEST, Answered, Claim
from postroom.autoreply.known import KEPT, Known
from postroom.autoreply.original import Original
from postroom.autoreply.replies import BadReply, Replies, Reply, reply_of, write
from postroom.platform.embedded.store import EmbeddedStore
from tests.unit.pipeline.rooms import SetClock

BOB = "bob@else.test"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def store(tmp_path: Path, clock: SetClock) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path, clock)
    yield store
    store.close()


def test_another_message_finds_the_answer_taken_and_a_repeat_its_own(
    store: EmbeddedStore, clock: SetClock
) -> None:
    answered = Answered(store.table, clock)
    assert answered.claim("alice", "h", BOB, "first", 3600) is Claim.NEW
    assert answered.claim("alice", "h", BOB, "second", 3600) is Claim.TAKEN
    assert answered.claim("alice", "h", BOB, "first", 3600) is Claim.AGAIN


def test_accounts_handles_and_correspondents_have_each_their_own(
    store: EmbeddedStore, clock: SetClock
) -> None:
    answered = Answered(store.table, clock)
    assert answered.claim("alice", "h", BOB, "1", 3600) is Claim.NEW
    assert answered.claim("carol", "h", BOB, "2", 3600) is Claim.NEW
    assert answered.claim("alice", "other", BOB, "3", 3600) is Claim.NEW
    assert answered.claim("alice", "h", "eve@else.test", "4", 3600) is Claim.NEW
    assert answered.claim("alice", "h", "x" * 5000 + "@else.test", "5", 3600) is Claim.NEW


@pytest.mark.parametrize(
    ("wanted", "seconds"), [(7 * 86_400, 7 * 86_400), (1800, 1800), (0, SHORTEST), (5, SHORTEST)]
)
def test_after_the_interval_there_is_another(
    store: EmbeddedStore, clock: SetClock, wanted: int, seconds: int
) -> None:
    answered = Answered(store.table, clock)
    assert answered.claim("alice", "h", BOB, "1", wanted) is Claim.NEW
    clock.time += seconds - 1
    assert answered.claim("alice", "h", BOB, "2", wanted) is Claim.TAKEN
    clock.time += 2
    assert answered.claim("alice", "h", BOB, "3", wanted) is Claim.NEW


def test_of_many_at_once_one_wins(store: EmbeddedStore, clock: SetClock) -> None:
    answered = Answered(store.table, clock)
    with ThreadPoolExecutor(8) as pool:
        claims = list(
            pool.map(lambda name: answered.claim("alice", "h", BOB, str(name), 60), range(16))
        )
    assert sorted(claim.name for claim in claims) == ["NEW"] + ["TAKEN"] * 15


def test_whom_one_has_written_to_one_knows(store: EmbeddedStore, clock: SetClock) -> None:
    known = Known(store.table, clock)
    assert not known.knows("alice", BOB)
    store.table.put_many(known.met("alice", ["Bob@Else.test", BOB, "x" * 2000 + "@else.test"]))
    assert known.knows("alice", BOB)
    assert known.knows("alice", "prvs=0123456789=bob@else.test")
    assert not known.knows("carol", BOB)
    assert not known.knows("alice", "eve@else.test")
    assert not known.knows("alice", "")
    clock.time += KEPT + 1
    assert not known.knows("alice", BOB)


class Marks:
    """The directory's part: it names addresses in its own way."""

    def __init__(self) -> None:
        self.on: set[str] = set()

    def set_answering(self, address: str, on: bool) -> str:
        name = address.lower()
        (self.on.add if on else self.on.discard)(name)
        return name


def test_replies_are_kept_under_the_directorys_name(store: EmbeddedStore) -> None:
    marks = Marks()
    replies = Replies(store.table, marks)
    reply = Reply("Hello {{ author }}", "[#{{ ticket }}]", "<p>{{ subject }}</p>", 3600)
    assert replies.put("Support@example.test", reply) == "support@example.test"
    assert reply_of(store.table, "support@example.test") == reply
    assert marks.on == {"support@example.test"}
    replies.remove("Support@example.test")
    assert reply_of(store.table, "support@example.test") is None
    assert not marks.on


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("{{ tickt }}"), 'template of the text cannot be used: line 1: there is no "tickt"'),
        (Reply("x", "{% for %}"), "template of the subject cannot be used: line 1"),
        (Reply("x", html="{{ ''.__class__ }}"), "template of the HTML"),
        (Reply(" \n"), "the text is empty"),
        (Reply("x", interval=59), "60 seconds to 365 days"),
    ],
)
def test_a_reply_that_cannot_be_used_is_refused_when_it_is_saved(
    store: EmbeddedStore, reply: Reply, reason: str
) -> None:
    marks = Marks()
    with pytest.raises(BadReply, match=reason):
        Replies(store.table, marks).put("support@example.test", reply)
    assert not marks.on


def test_a_reply_is_written_for_one_message() -> None:
    original = Original("q", 1_795_525_200_123, BOB, "<1@else.test>", (), "<b>\u202f", "Bob")
    reply = Reply("{{ author }} {{ date }} {{ time }} {{ address }}", html="<p>{{ subject }}")
    subject, entity = write(reply, original, "support@example.test", "7K3M9Q2X4T")
    assert subject == "[#7K3M9Q2X4T] <b>"
    assert b"Bob 2026-11-24 13:00 support@example.test" in entity
    assert b"<p>&lt;b&gt;" in entity
