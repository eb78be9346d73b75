"""Many writers on one mailbox, in threads and in processes: UIDs and MODSEQ stay in order."""

import multiprocessing
import threading
from pathlib import Path
from typing import Any

import pytest

from postroom.mailboxes.records import DELETED, SEEN, Delivery, NewMessage
from postroom.mailboxes.store import Mailboxes
from postroom.mailboxes.view import View
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemClock, SystemRandomness

from .conftest import ACCOUNT, Office

ROUNDS = 25


def write(mailboxes: Mailboxes, office: Office, inbox: str, sent: str) -> None:
    """Deliveries to two mailboxes, flags, moves there and back, expunges."""
    for number in range(ROUNDS):
        outcomes = mailboxes.append_many(
            [
                Delivery(ACCOUNT, inbox, [office.letter(), office.letter()]),
                Delivery(ACCOUNT, sent, [office.letter()]),
            ]
        )
        [first, second], [third] = outcomes
        assert second.uid == first.uid + 1
        mailboxes.store_flags(ACCOUNT, inbox, [first.uid], add=[SEEN, f"k{number}"])
        mailboxes.move(ACCOUNT, inbox, [second.uid], sent)
        mailboxes.store_flags(ACCOUNT, sent, [third.uid], add=[DELETED])
        mailboxes.expunge(ACCOUNT, sent, [third.uid])


def in_process(folder: Path, name: str, inbox: str, sent: str) -> None:
    clock = SystemClock()
    store = EmbeddedStore(folder, clock)
    mailboxes = Mailboxes(store.table, store.blobs, store.topic, clock, SystemRandomness())
    write(mailboxes, Names(name), inbox, sent)
    store.close()


class Names(Office):
    """Letters whose blobs nobody reads, named apart from those of other processes."""

    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0

    def letter(self, text: str = "", **rest: Any) -> NewMessage:
        self.count += 1
        return NewMessage(BlobKey(f"{self.name}-{self.count}"), summarise(b"\r\nx"), 0)


def check(mailboxes: Mailboxes, inbox: str, sent: str, rounds: int) -> None:
    for mailbox, kept, given in ((inbox, rounds, 2 * rounds), (sent, rounds, 2 * rounds)):
        now = mailboxes.get(ACCOUNT, mailbox)
        messages = list(mailboxes.messages(mailbox))
        assert (now.messages, len(messages)) == (kept, kept)
        assert now.uid_next == given + 1
        assert now.size == sum(message.size for message in messages)
        assert now.unseen == sum(SEEN not in message.flags for message in messages)
        assert now.deleted == 0
        numbers = [message.uid for message in messages]
        assert numbers == sorted(set(numbers))
        assert max(message.mod_seq for message in messages) <= now.highest_mod_seq


@pytest.mark.parametrize("objects", [1, 2], ids=["one Mailboxes", "two of them"])
def test_threads(office: Office, objects: int) -> None:
    inbox, sent = office.id("INBOX"), office.id("Sent")
    store = office.store
    others = [
        Mailboxes(store.table, store.blobs, store.topic, office.clock, SystemRandomness())
        for _ in range(objects)
    ]
    errors: list[BaseException] = []
    done = threading.Event()

    def run(number: int) -> None:
        try:
            write(others[number % objects], Names(f"t{number}"), inbox, sent)
        except BaseException as error:
            errors.append(error)

    def look() -> None:
        """Whoever follows by MODSEQ misses nothing: it becomes visible in order."""
        try:
            view = View(office.mailboxes, ACCOUNT, inbox)
            while True:
                last = done.is_set()
                view.refresh()
                assert view.mailbox.messages == len(view.uids)
                assert list(view.uids) == sorted(view.uids)
                if last:
                    break
            assert list(view.messages_in(view.uids)) == list(office.mailboxes.messages(inbox))
        except BaseException as error:
            errors.append(error)

    looker = threading.Thread(target=look)
    looker.start()
    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    looker.join()
    assert errors == []
    check(office.mailboxes, inbox, sent, 4 * ROUNDS)


def test_processes(office: Office, tmp_path: Path) -> None:
    inbox, sent = office.id("INBOX"), office.id("Sent")
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=in_process, args=(tmp_path / "data", f"p{number}", inbox, sent))
        for number in range(2)
    ]
    for process in processes:
        process.start()
    write(office.mailboxes, Names("here"), inbox, sent)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    check(office.mailboxes, inbox, sent, 3 * ROUNDS)
