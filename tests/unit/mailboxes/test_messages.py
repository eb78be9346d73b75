"""Append, flags, copy, move, expunge: what each does to messages, counters and MODSEQ."""

import threading

import pytest

from postroom.errors import BlobMissing, ConditionFailed, StoreUnavailable, TooLarge
from postroom.mailboxes.records import DELETED, FLAGGED, SEEN, Delivery, Mailbox
from postroom.mailboxes.store import BadFlag, Mailboxes, MailboxMissing, OverQuota
from postroom.platform.system import SystemRandomness
from postroom.platform.table import Absent, Delete, Key, Put, Record

from .conftest import ACCOUNT, DAY, Office
from .tables import CountingTable

MARKER = Put(Key("journey/x", "1"), {}, condition=Absent())
OTHER_MARKER = Put(Key("journey/x", "2"), {}, condition=Absent())


def counted(office: Office, name: str) -> Mailbox:
    """The mailbox, once its counters agree with its messages."""
    mailbox = office.mailboxes.find(ACCOUNT, name)
    messages = list(office.mailboxes.messages(mailbox.id))
    assert mailbox.messages == len(messages)
    assert mailbox.unseen == sum(SEEN not in message.flags for message in messages)
    assert mailbox.deleted == sum(DELETED in message.flags for message in messages)
    assert mailbox.size == sum(message.size for message in messages)
    return mailbox


def test_append_gives_uids_in_order_and_one_mod_seq(office: Office) -> None:
    letters = [
        office.letter("one", prefix=b"Return-Path: <>\r\n"),
        office.letter("two", flags=frozenset({"\\seen", "$Work"})),
    ]
    done = office.mailboxes.append(ACCOUNT, office.id("INBOX"), letters)
    assert [(each.uid, each.mod_seq) for each in done] == [(1, 2), (2, 2)]
    first, second = office.mailboxes.messages(office.id("INBOX"))
    assert first.size == letters[0].summary.size + len(b"Return-Path: <>\r\n")
    assert second.flags == {SEEN, "$Work"}
    assert second.saved == int(office.clock.time)
    inbox = counted(office, "INBOX")
    assert (inbox.uid_next, inbox.highest_mod_seq, inbox.keywords) == (3, 2, ("$Work",))
    assert office.mailboxes.usage(ACCOUNT) == inbox.size
    found = list(office.mailboxes.summaries([second.blob, first.blob]))
    assert found == [letters[1].summary, letters[0].summary]


def test_a_repeated_delivery_finds_its_marker(office: Office) -> None:
    inbox = office.id("INBOX")
    office.mailboxes.append(ACCOUNT, inbox, [office.letter()], [OTHER_MARKER])
    before = counted(office, "INBOX")
    with pytest.raises(ConditionFailed) as error:
        office.mailboxes.append(ACCOUNT, inbox, [office.letter()], [MARKER, OTHER_MARKER])
    assert error.value.failed == (1,)
    assert counted(office, "INBOX") == before
    assert office.store.table.get(MARKER.key) is None


def test_a_batch_gives_each_delivery_its_own_outcome(office: Office) -> None:
    inbox, sent = office.id("INBOX"), office.id("Sent")
    office.mailboxes.append(ACCOUNT, inbox, [office.letter()], [MARKER])
    big = office.letter("x" * 1000)
    outcomes = office.mailboxes.append_many(
        [
            Delivery(ACCOUNT, inbox, [office.letter()], [OTHER_MARKER]),
            Delivery(ACCOUNT, inbox, [office.letter()], [MARKER]),
            Delivery(ACCOUNT, inbox, [office.letter()], [OTHER_MARKER]),
            Delivery(ACCOUNT, "gone", [office.letter()]),
            Delivery(ACCOUNT, sent, [big], quota=500),
            Delivery(ACCOUNT, sent, [office.letter(), office.letter()]),
            Delivery(ACCOUNT, sent, [office.letter(flags=frozenset({"\\Recent"}))]),
            Delivery(ACCOUNT, sent, [office.letter(prefix=b"x" * 300_000)]),
        ]
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [
        list,
        ConditionFailed,
        ConditionFailed,
        MailboxMissing,
        OverQuota,
        list,
        BadFlag,
        TooLarge,
    ]
    assert counted(office, "INBOX").messages == 2
    assert counted(office, "Sent").messages == 2


def test_a_batch_larger_than_a_transaction(office: Office) -> None:
    inbox = office.id("INBOX")
    deliveries = [
        Delivery(ACCOUNT, inbox, [office.letter()], [Put(Key("j", str(number)), {})])
        for number in range(120)
    ]
    outcomes = office.mailboxes.append_many(deliveries)
    assert [done[0].uid for done in outcomes if isinstance(done, list)] == list(range(1, 121))
    with pytest.raises(TooLarge):
        office.mailboxes.append(ACCOUNT, inbox, [office.letter() for _ in range(100)])
    assert counted(office, "INBOX").messages == 120


class FadingTable(CountingTable):
    """Is read three times, then no more."""

    def get(self, key: Key) -> Record | None:
        if self.reads == 3:
            raise StoreUnavailable("the test says so")
        return super().get(key)


def test_what_is_done_when_the_store_goes_away_is_not_said_to_have_failed(office: Office) -> None:
    table, topic = FadingTable(office.store.table), office.store.topic
    told: list[str] = []
    subscription = topic.subscribe(told.append)
    mailboxes = Mailboxes(table, office.store.blobs, topic, office.clock, SystemRandomness())
    inbox = office.id("INBOX")
    deliveries = [Delivery(ACCOUNT, inbox, [office.letter()]) for _ in range(200)]
    outcomes = mailboxes.append_many(deliveries)
    subscription.close()
    done = [outcome for outcome in outcomes if isinstance(outcome, list)]
    assert 0 < len(done) == counted(office, "INBOX").messages < 200
    assert {type(outcome) for outcome in outcomes[len(done) :]} == {StoreUnavailable}
    assert told == [f"{ACCOUNT} {inbox}"]


def test_quota_counts_all_mailboxes(office: Office) -> None:
    office.fill("Sent", 2)
    used = office.mailboxes.usage(ACCOUNT)
    letter = office.letter("12345")
    size = letter.summary.size
    with pytest.raises(OverQuota):
        office.mailboxes.append(ACCOUNT, office.id("INBOX"), [letter], quota=used + size - 1)
    office.mailboxes.append(ACCOUNT, office.id("INBOX"), [letter], quota=used + size)
    with pytest.raises(OverQuota):
        office.mailboxes.copy(ACCOUNT, office.id("INBOX"), [1], office.id("Sent"), used + size + 1)
    office.mailboxes.move(ACCOUNT, office.id("INBOX"), [1], office.id("Sent"), 1)


def test_store_changes_only_what_changes(office: Office) -> None:
    inbox = office.id("INBOX")
    office.fill("INBOX", 3)
    now, left = office.mailboxes.store_flags(ACCOUNT, inbox, [1, 2, 9], add=["\\SEEN", "Work"])
    assert left == []
    assert [(each.uid, each.mod_seq, each.flags) for each in now] == [
        (1, 3, {SEEN, "Work"}),
        (2, 3, {SEEN, "Work"}),
    ]
    now, _ = office.mailboxes.store_flags(ACCOUNT, inbox, [1, 2, 3], add=["\\Seen"])
    assert [each.mod_seq for each in now] == [3, 3, 4]
    now, _ = office.mailboxes.store_flags(ACCOUNT, inbox, [1], remove=["wORK", "unknown"])
    assert now[0].flags == {SEEN}
    now, left = office.mailboxes.store_flags(
        ACCOUNT, inbox, [1, 2, 3], replace=["work", "\\Deleted"], unchanged_since=4
    )
    assert left == [1]
    assert [each.flags for each in now] == [{"Work", DELETED}] * 2
    assert counted(office, "INBOX").keywords == ("Work",)


def test_a_store_that_changes_nothing_writes_and_tells_nothing(office: Office) -> None:
    office.fill("INBOX", 1)
    before = office.mailboxes.find(ACCOUNT, "INBOX")
    office.mailboxes.store_flags(ACCOUNT, before.id, [1], remove=[FLAGGED])
    assert office.mailboxes.find(ACCOUNT, "INBOX") == before


@pytest.mark.parametrize(
    "flag",
    [
        pytest.param("\\Recent", id="recent is not for storing"),
        pytest.param("\\Other", id="unknown system flag"),
        pytest.param("two words", id="space"),
        pytest.param("", id="empty"),
        pytest.param("a]", id="bracket"),
        pytest.param("ä", id="not ASCII"),
        pytest.param("k" * 101, id="too long"),
    ],
)
def test_what_is_no_flag_is_refused(office: Office, flag: str) -> None:
    office.fill("INBOX", 1)
    with pytest.raises(BadFlag):
        office.mailboxes.store_flags(ACCOUNT, office.id("INBOX"), [1], add=[flag])


def test_keywords_are_limited(office: Office) -> None:
    office.fill("INBOX", 1)
    inbox = office.id("INBOX")
    office.mailboxes.store_flags(ACCOUNT, inbox, [1], add=[f"k{n}" for n in range(100)])
    office.mailboxes.store_flags(ACCOUNT, inbox, [1], add=["K5"])
    with pytest.raises(BadFlag):
        office.mailboxes.store_flags(ACCOUNT, inbox, [1], add=["one-more"])


def test_a_thousand_messages_go_in_chunks(office: Office) -> None:
    inbox, archive = office.id("INBOX"), office.id("Archive")
    uids = office.fill("INBOX", 1000)
    now, _ = office.mailboxes.store_flags(ACCOUNT, inbox, uids, add=[DELETED])
    assert [each.uid for each in now] == uids
    copied = office.mailboxes.copy(ACCOUNT, inbox, uids, archive)
    assert [(old, new.uid) for old, new in copied] == [(uid, uid) for uid in uids]
    assert counted(office, "Archive").messages == 1000
    moved = office.mailboxes.move(ACCOUNT, archive, uids[:500], inbox)
    assert [new.uid for _, new in moved] == list(range(1001, 1501))
    assert office.mailboxes.expunge(ACCOUNT, inbox) == [*uids, *range(1001, 1501)]
    assert counted(office, "INBOX").messages == 0
    assert counted(office, "Archive").messages == 500


def test_a_copy_that_fails_on_the_way_copies_nothing(office: Office) -> None:
    inbox, archive = office.id("INBOX"), office.id("Archive")
    uids = office.fill("INBOX", 120)
    [last] = office.mailboxes.pick(inbox, [120])
    office.store.table.write(Delete(Key(f"blob/{last.blob}", "0")))
    small = CountingTable(office.store.table)  # several transactions, as DynamoDB takes them
    mailboxes = Mailboxes(
        small, office.store.blobs, office.store.topic, office.clock, SystemRandomness()
    )
    with pytest.raises(BlobMissing):
        mailboxes.copy(ACCOUNT, inbox, uids, archive)
    assert small.writes > 1
    assert counted(office, "Archive").messages == 0
    assert counted(office, "INBOX").messages == 120
    office.clock.time += 9 * DAY
    office.mailboxes.sweep()
    assert all(office.store.blobs.get(each.blob) for each in office.mailboxes.messages(inbox))


def test_large_prefixes_make_smaller_chunks(office: Office) -> None:
    letters = [office.letter(prefix=b"x" * 250_000) for _ in range(4)]
    for _ in range(5):
        office.mailboxes.append(ACCOUNT, office.id("INBOX"), letters)
    uids = list(range(1, 21))
    office.mailboxes.store_flags(ACCOUNT, office.id("INBOX"), uids, add=[DELETED])
    office.mailboxes.copy(ACCOUNT, office.id("INBOX"), uids, office.id("Sent"))
    office.mailboxes.move(ACCOUNT, office.id("Sent"), uids, office.id("Trash"))
    assert office.mailboxes.expunge(ACCOUNT, office.id("INBOX")) == uids
    assert counted(office, "Trash").messages == 20


def test_expunge_takes_only_the_deleted_ones(office: Office) -> None:
    inbox = office.id("INBOX")
    office.fill("INBOX", 5)
    office.mailboxes.store_flags(ACCOUNT, inbox, [2, 3, 4], add=[DELETED])
    assert office.mailboxes.expunge(ACCOUNT, inbox, [1, 2, 9]) == [2]
    assert office.mailboxes.expunge(ACCOUNT, inbox) == [3, 4]
    assert office.mailboxes.expunge(ACCOUNT, inbox) == []
    assert [each.uid for each in office.mailboxes.pick(inbox, [1, 2, 3, 5])] == [1, 5]
    [new] = office.mailboxes.append(ACCOUNT, inbox, [office.letter()])
    assert new.uid == 6
    changes = office.mailboxes.changes(ACCOUNT, inbox, 3)
    assert (changes.expunged, [each.uid for each in changes.changed]) == ([2, 3, 4], [6])
    counted(office, "INBOX")


def test_copy_and_move_within_one_mailbox(office: Office) -> None:
    inbox = office.id("INBOX")
    office.fill("INBOX", 2, flags=frozenset({"\\Seen", "a"}))
    office.clock.time += 100
    [(_, copy)] = office.mailboxes.copy(ACCOUNT, inbox, [1], inbox)
    [(_, moved)] = office.mailboxes.move(ACCOUNT, inbox, [2], inbox)
    assert (copy.uid, moved.uid) == (3, 4)
    first, third, fourth = office.mailboxes.messages(inbox)
    assert third.flags == fourth.flags == {SEEN, "a"}
    assert third.internal_date == first.internal_date
    assert third.saved == first.saved + 100
    counted(office, "INBOX")


def test_missing_mailboxes(office: Office) -> None:
    office.fill("INBOX", 1)
    inbox = office.id("INBOX")
    for act in (
        lambda: office.mailboxes.get(ACCOUNT, "gone"),
        lambda: office.mailboxes.get("bob", inbox),
        lambda: office.mailboxes.append("bob", inbox, [office.letter()]),
        lambda: office.mailboxes.copy(ACCOUNT, inbox, [1], "gone"),
        lambda: office.mailboxes.move(ACCOUNT, "gone", [1], inbox),
        lambda: office.mailboxes.store_flags("bob", inbox, [1], add=[SEEN]),
        lambda: office.mailboxes.expunge("bob", inbox, [1]),
        lambda: office.mailboxes.changes("bob", inbox, 0),
        lambda: office.mailboxes.claim_recent("bob", inbox),
    ):
        with pytest.raises(MailboxMissing):
            act()
    assert counted(office, "INBOX").messages == 1


def test_recent_is_claimed_once(office: Office) -> None:
    inbox = office.id("INBOX")
    office.fill("INBOX", 2)
    claim = office.mailboxes.claim_recent
    assert [claim(ACCOUNT, inbox), claim(ACCOUNT, inbox)] == [1, 3]
    office.fill("INBOX", 1)
    assert [claim(ACCOUNT, inbox), claim(ACCOUNT, inbox)] == [3, 4]


def test_listeners_are_told_after_the_commit(office: Office) -> None:
    heard: list[tuple[str, int]] = []
    enough = threading.Event()
    inbox, sent = office.id("INBOX"), office.id("Sent")

    def listen(text: str) -> None:
        account, mailbox = text.split(" ")
        count = office.mailboxes.get(account, mailbox).highest_mod_seq if mailbox else 0
        heard.append((mailbox, count))
        if len(heard) == 6:
            enough.set()

    subscription = office.store.topic.subscribe(listen)
    office.mailboxes.append(ACCOUNT, inbox, [office.letter(), office.letter()])
    office.mailboxes.store_flags(ACCOUNT, inbox, [1], add=[DELETED])
    office.mailboxes.expunge(ACCOUNT, inbox, [1])
    office.mailboxes.move(ACCOUNT, inbox, [2], sent)
    office.mailboxes.create(ACCOUNT, "new")
    assert enough.wait(10)
    subscription.close()
    assert [mailbox for mailbox, _ in heard] == [inbox, inbox, inbox, inbox, sent, ""]
    assert all(now >= due for (_, now), due in zip(heard, (2, 3, 4, 5, 2), strict=False))


def test_expunged_messages_can_be_restored(office: Office) -> None:
    inbox = office.id("INBOX")
    office.fill("INBOX", 60, flags=frozenset({"\\Deleted", "a"}))
    office.mailboxes.expunge(ACCOUNT, inbox)
    office.clock.time += DAY
    assert [each.message.uid for each in office.mailboxes.expunged(inbox)] == list(range(1, 61))
    [(old, new)] = office.mailboxes.restore(ACCOUNT, inbox, [7])
    assert (old, new.uid) == (7, 61)
    assert len(office.mailboxes.restore(ACCOUNT, inbox)) == 59
    assert office.mailboxes.restore(ACCOUNT, inbox) == []
    assert {each.flags for each in office.mailboxes.messages(inbox)} == {frozenset({"a"})}
    assert counted(office, "INBOX").messages == 60
    # Whoever saw the old ones learns that they are gone.
    assert office.mailboxes.changes(ACCOUNT, inbox, 2).expunged == list(range(1, 61))
