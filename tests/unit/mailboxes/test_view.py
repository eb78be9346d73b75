import random
import threading

import pytest

from postroom.errors import MuchToRead
from postroom.mailboxes.records import DELETED, SEEN
from postroom.mailboxes.store import Mailboxes, MailboxMissing
from postroom.mailboxes.view import View, Views
from postroom.platform.system import SystemRandomness

from .conftest import ACCOUNT, DAY, Office
from .tables import CountingTable


def same(view: View, office: Office) -> None:
    messages = list(office.mailboxes.messages(view.mailbox.id))
    assert list(view.messages_in(view.uids)) == messages
    assert list(view.uids) == [message.uid for message in messages]
    assert len(view) == view.mailbox.messages == len(messages)
    assert view.mailbox == office.mailboxes.get(ACCOUNT, view.mailbox.id)
    unseen = (message.uid for message in messages if SEEN not in message.flags)
    assert view.first_unseen() == next(unseen, 0)


def test_a_view_follows_its_mailbox(office: Office) -> None:
    inbox = office.id("INBOX")
    office.fill("INBOX", 250)
    view = View(office.mailboxes, ACCOUNT, inbox)
    same(view, office)
    assert view.refresh() is None
    before = view.mailbox.highest_mod_seq
    office.fill("INBOX", 2)
    office.mailboxes.store_flags(ACCOUNT, inbox, [5, 6], add=[DELETED])
    office.mailboxes.expunge(ACCOUNT, inbox, [6])
    changes = view.refresh()
    assert changes is not None
    assert [message.uid for message in changes.changed] == [251, 252, 5]
    assert changes.expunged == [6]
    same(view, office)
    assert view.message(6) is None
    assert view.message(5) == office.mailboxes.pick(inbox, [5])[0]
    assert [message.uid for message in view.between(4, 8)] == [4, 5, 7, 8]
    assert view.since(before) == changes
    assert view.since(view.mailbox.highest_mod_seq).changed == []
    office.mailboxes.rename(ACCOUNT, "INBOX", "Elsewhere")
    view.refresh()
    assert not view.uids


def test_more_than_may_be_read_at_once_is_left_for_later(office: Office) -> None:
    inbox = office.id("INBOX")
    office.fill("INBOX", 20)
    views = Views(office.mailboxes)
    with pytest.raises(MuchToRead):
        views.open(ACCOUNT, inbox, most=19)
    view = views.open(ACCOUNT, inbox, most=20)
    before = view.mailbox
    for change in (
        lambda: office.fill("INBOX", 11),
        lambda: office.mailboxes.store_flags(ACCOUNT, inbox, range(1, 12), add=[DELETED]),
        lambda: office.mailboxes.expunge(ACCOUNT, inbox, None),
    ):
        change()
        known = view.mailbox
        with pytest.raises(MuchToRead):
            view.refresh(most=10)
        assert view.mailbox == known
        assert view.refresh(most=11) is not None
        same(view, office)
    view._log.clear()  # too long ago
    with pytest.raises(MuchToRead):
        view.since(before.highest_mod_seq, most=10)
    assert len(view.since(before.highest_mod_seq, most=11).expunged) == 11


def test_who_may_not_read_much_does_not_wait_for_who_does(office: Office) -> None:
    view = View(office.mailboxes, ACCOUNT, office.id("INBOX"))
    with view._refreshing:
        for look in (view.refresh, view.first_unseen, lambda most: view.since(0, most=most)):
            with pytest.raises(MuchToRead):
                look(most=10)
    assert view.refresh(most=10) is None


def test_the_first_unseen_message_moves_both_ways(office: Office) -> None:
    inbox = office.id("INBOX")
    office.fill("INBOX", 8)
    view = View(office.mailboxes, ACCOUNT, inbox)
    for change in (
        {"uids": [1, 2, 3, 5], "add": [SEEN]},
        {"uids": [4], "add": [SEEN, DELETED]},
        {"uids": [2], "remove": [SEEN]},
        {"uids": [2], "add": [SEEN, DELETED]},
        {"uids": [6, 7, 8], "add": [SEEN]},
        {"uids": [8, 7], "remove": [SEEN]},
    ):
        office.mailboxes.store_flags(ACCOUNT, inbox, **change)  # type: ignore[arg-type]
        view.refresh()
        same(view, office)
        office.mailboxes.expunge(ACCOUNT, inbox)
        view.refresh()
        same(view, office)


def test_a_view_of_a_mailbox_that_is_gone(office: Office) -> None:
    mailbox = office.mailboxes.create(ACCOUNT, "a").id
    view = View(office.mailboxes, ACCOUNT, mailbox)
    office.mailboxes.delete(ACCOUNT, "a")
    with pytest.raises(MailboxMissing):
        view.refresh()


def test_a_view_that_slept_through_the_grace_period(office: Office) -> None:
    office.fill("INBOX", 5)
    view = View(office.mailboxes, ACCOUNT, office.id("INBOX"))
    office.mailboxes.store_flags(ACCOUNT, view.mailbox.id, [2, 3], add=[DELETED])
    office.mailboxes.expunge(ACCOUNT, view.mailbox.id)
    office.clock.time += 9 * DAY
    office.mailboxes.sweep()
    view.refresh()
    same(view, office)


def test_sessions_that_look_at_different_times_learn_the_same(office: Office) -> None:
    office.fill("INBOX", 10)
    inbox = office.id("INBOX")
    chance = random.Random(5)
    view = View(office.mailboxes, ACCOUNT, inbox)
    told = [(0, {})] * 4
    for _ in range(300):
        uids = chance.sample(list(view.uids), min(len(view.uids), 3))
        match chance.randrange(4):
            case 0:
                office.fill("INBOX", 2)
            case 1:
                office.mailboxes.store_flags(ACCOUNT, inbox, uids, add=[SEEN, str(uids[:1])[1:-1]])
            case 2:
                office.mailboxes.store_flags(ACCOUNT, inbox, uids[:1], add=[DELETED])
                office.mailboxes.expunge(ACCOUNT, inbox)
            case 3:
                view.refresh()
                number = chance.randrange(4)
                mod_seq, known = told[number]
                changes = view.since(mod_seq)
                known = {**known, **{each.uid: each for each in changes.changed}}
                for uid in changes.expunged:
                    known.pop(uid, None)
                assert known == {each.uid: each for each in view.messages_in(view.uids)}
                told[number] = changes.mailbox.highest_mod_seq, known


def test_a_refresh_reads_one_record_when_nothing_changed(office: Office) -> None:
    office.fill("INBOX", 300)
    table = CountingTable(office.store.table)
    mailboxes = Mailboxes(
        table, office.store.blobs, office.store.topic, office.clock, SystemRandomness()
    )
    view = View(mailboxes, ACCOUNT, office.id("INBOX"))
    table.start()
    assert view.refresh() is None
    assert table.reads == 1
    office.fill("INBOX", 1)
    table.start()
    view.refresh()
    assert table.reads == 3


def test_sessions_share_a_view(office: Office) -> None:
    views = Views(office.mailboxes)
    inbox = office.id("INBOX")
    opened: list[View] = []
    threads = [
        threading.Thread(target=lambda: opened.append(views.open(ACCOUNT, inbox))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(view) for view in opened}) == 1
    office.fill("INBOX", 1)
    assert list(views.open(ACCOUNT, inbox).uids) == [1]
    with pytest.raises(MailboxMissing):
        views.open("bob", inbox)


def test_flags_changed_through_a_view_are_in_it_and_cost_no_reading(office: Office) -> None:
    office.fill("INBOX", 20)
    table = CountingTable(office.store.table)
    mailboxes = Mailboxes(
        table, office.store.blobs, office.store.topic, office.clock, SystemRandomness()
    )
    inbox = office.id("INBOX")
    view = View(mailboxes, ACCOUNT, inbox)
    before = view.mailbox.highest_mod_seq
    assert mailboxes.claim_recent(ACCOUNT, inbox, view) == 1
    table.start()
    stored, _ = mailboxes.store_flags(ACCOUNT, inbox, [3, 9], add=[SEEN, "later"], view=view)
    assert (table.reads, table.writes) == (0, 1)
    same(view, office)
    assert view.since(before).changed == stored == office.mailboxes.pick(inbox, [3, 9])


def test_flags_change_through_a_view_that_is_behind(office: Office) -> None:
    office.fill("INBOX", 5)
    inbox = office.id("INBOX")
    view = View(office.mailboxes, ACCOUNT, inbox)

    def change(uids: list[int], **how: list[str]) -> list[frozenset[str]]:
        stored, _ = office.mailboxes.store_flags(ACCOUNT, inbox, uids, view=view, **how)
        same(view, office)
        return [message.flags for message in stored]

    office.mailboxes.store_flags(ACCOUNT, inbox, [1], add=["theirs"])
    assert change([1, 2], add=[SEEN]) == [{"theirs", SEEN}, {SEEN}]
    office.mailboxes.store_flags(ACCOUNT, inbox, [2], remove=[SEEN])
    # The view says that there is nothing to do.
    assert change([2], add=[SEEN]) == [{SEEN}]
    office.mailboxes.remove(ACCOUNT, inbox, [3])
    assert change([3, 4], add=[SEEN]) == [{SEEN}]
    mod_seq = view.mailbox.highest_mod_seq
    office.mailboxes.store_flags(ACCOUNT, inbox, [4], add=["theirs"])
    stored = office.mailboxes.store_flags(
        ACCOUNT, inbox, [4], add=[DELETED], unchanged_since=mod_seq, view=view
    )
    assert stored == ([], [4])
    same(view, office)


def test_threads_and_other_processes_change_flags_through_views(office: Office) -> None:
    """Each has a keyword of its own: none is lost, and none comes back."""
    office.fill("INBOX", 4)
    inbox = office.id("INBOX")
    store = office.store
    others = Mailboxes(store.table, store.blobs, store.topic, office.clock, SystemRandomness())
    shared = View(office.mailboxes, ACCOUNT, inbox)
    views = [(office.mailboxes, shared)] * 2 + [(others, View(others, ACCOUNT, inbox))] * 2

    def work(mailboxes: Mailboxes, view: View, name: str) -> None:
        for number in range(25):
            how = "remove" if number % 2 else "add"
            mailboxes.store_flags(
                ACCOUNT, inbox, [1 + number % 4, 4], **{how: [name, f"{name}{number}"]}, view=view
            )  # type: ignore[arg-type]

    threads = [
        threading.Thread(target=work, args=(*each, f"name{place}"))
        for place, each in enumerate(views)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _, view in views:
        view.refresh()
        same(view, office)
    flags = shared.message(4)
    assert flags is not None
    expected = {f"name{place}" for place in range(4)}
    expected |= {f"name{place}{number}" for place in range(4) for number in range(0, 25, 2)}
    assert flags.flags == expected
