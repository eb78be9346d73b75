"""A mailbox that is searched gets an index, by the function that makes it; whatever becomes of
the index, what is found stays the same."""

import imaplib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from postroom.directory.records import Account
from postroom.errors import StoreUnavailable
from postroom.mailboxes.records import NewMessage
from postroom.mailboxes.search_index import SWEPT, Index, Task
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey
from postroom.platform.embedded.text_index import SUFFIX
from postroom.platform.text_segments import write_segment
from tests.flows.house import House
from tests.running import DOMAIN, PASSWORD, Postroom, running

MANY = 300  # more than are read without asking for an index


def fill(house: House, account: Account, count: int, name: str = "INBOX") -> None:
    """Messages of which every tenth is about tea."""
    mailbox = house.app.mailboxes.find(account.id, name)
    new = []
    for number in range(mailbox.uid_next, mailbox.uid_next + count):
        about = "tea" if number % 10 == 0 else "coffee"
        octets = f"Subject: Number {number}\r\n\r\nLet us talk about {about}.\r\n".encode()
        key = BlobKey(f"{mailbox.id}-{number}")
        house.app.blobs.put(key, octets)
        new.append(NewMessage(key, summarise(octets), 1_700_000_000))
    for start in range(0, count, 40):
        house.app.mailboxes.append(account.id, mailbox.id, new[start : start + 40])


def tens(count: int) -> list[int]:
    return list(range(10, count + 1, 10))


def search(client: imaplib.IMAP4, *keys: str) -> list[int]:
    kind, found = client.uid("SEARCH", *keys)
    assert kind == "OK"
    return [int(uid) for uid in found[0].split()]


def index_of(house: House, account: Account) -> Index:
    return house.app.search_index.read(account.id, house.inbox(account).id)


def make_index(house: House) -> None:
    """Run the function on what the gateway sends soon after its reply."""
    deadline = time.monotonic() + 20
    while not house.app.queue("index").depth()[0]:
        assert time.monotonic() < deadline, "nobody asked for an index"
        time.sleep(0.02)
    house.work()


def no_reading(*arguments: Any) -> Any:
    raise StoreUnavailable("a message was read")


def test_what_is_searched_is_indexed_and_then_found_without_reading(
    house: House, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(house, alice, MANY)
    with house.imap("alice") as client:
        client.select("INBOX")
        assert search(client, "TEXT", "tea") == tens(MANY)
        make_index(house)
        assert index_of(house, alice).covered == MANY
        with monkeypatch.context() as patch:
            patch.setattr(house.app.blobs, "get_many", no_reading)
            assert search(client, "BODY", '"About TEA"') == tens(MANY)
            assert search(client, "TEXT", '"nothing of this kind"') == []
            assert search(client, "SUBJECT", '"number 7"', "NOT", "TEXT", "coffee") == [70]
        # News is read, and what is gone is not found.
        fill(house, alice, 10)
        client.noop()
        client.uid("STORE", "20", "+FLAGS.SILENT", r"(\Deleted)")
        client.expunge()
        assert search(client, "TEXT", "tea") == [uid for uid in tens(MANY + 10) if uid != 20]
    assert house.letters(queue="index") == []


def test_a_small_search_asks_for_nothing(house: House, alice: Account) -> None:
    fill(house, alice, 40)
    with house.imap("alice") as client:
        client.select("INBOX")
        assert search(client, "TEXT", "tea") == tens(40)
    assert house.letters(queue="index") == []


def damage(house: House, account: Account, octets: bytes | None) -> None:
    """Replace the segments by the octets, or remove them, where they are kept."""
    texts: Any = house.app.platform.text_index
    for segment in index_of(house, account).segments:
        path: Path = texts._path(segment.key)
        if hasattr(texts, "_bucket"):
            path.unlink()
            path = Path("search") / segment.key
            if octets is None:
                texts._clients.s3.delete_object(Bucket=texts._bucket, Key=str(path))
            else:
                texts._clients.s3.put_object(Bucket=texts._bucket, Key=str(path), Body=octets)
        elif octets is None:
            path.unlink()
        else:
            path.write_bytes(octets)


@pytest.mark.parametrize("octets", [None, b"", b"no database" * 999])
def test_a_damaged_index_is_not_used_and_made_anew(
    house: House, alice: Account, octets: bytes | None
) -> None:
    fill(house, alice, MANY)
    task = Task(alice.id, house.inbox(alice).id)
    assert house.app.indexing.step(task) is None
    before = index_of(house, alice)
    damage(house, alice, octets)
    with house.imap("alice") as client:
        client.select("INBOX")
        assert search(client, "TEXT", "tea") == tens(MANY)
        make_index(house)
        after = index_of(house, alice)
        assert after.covered == MANY
        assert not set(after.segments) & set(before.segments)
        assert search(client, "TEXT", "tea") == tens(MANY)
    assert house.letters(queue="index") == []


def test_texts_of_what_is_gone_for_good_go(house: House, alice: Account) -> None:
    fill(house, alice, 40)
    inbox, app = house.inbox(alice).id, house.app
    app.indexing.step(Task(alice.id, inbox))
    app.mailboxes.store_flags(alice.id, inbox, [10, 20], add=["\\Deleted"])
    app.mailboxes.expunge(alice.id, inbox)
    house.pass_time(9 * 86_400)
    assert app.mailboxes.sweep() == 2
    assert app.search_index.tell_swept(app.queue("index")) == 1
    house.work()
    index = index_of(house, alice)
    assert (index.covered, [segment.messages for segment in index.segments]) == (40, [38])


def test_the_index_of_a_mailbox_that_is_gone_goes(house: House, alice: Account) -> None:
    app = house.app
    work = app.mailboxes.create(alice.id, "Work").id
    fill(house, alice, 40, "Work")
    app.indexing.step(Task(alice.id, work))
    [segment] = app.search_index.read(alice.id, work).segments
    app.mailboxes.delete(alice.id, "Work")
    # It may be brought back: the index stays.
    assert app.indexing.step(Task(alice.id, work)) is None
    assert app.search_index.read(alice.id, work).segments == (segment,)
    house.pass_time(9 * 86_400)
    app.mailboxes.sweep()
    app.search_index.tell_swept(app.queue("index"))
    house.work()
    assert app.search_index.read(alice.id, work) == Index()
    assert not app.platform.text_index._path(segment.key).exists()  # type: ignore[attr-defined]
    assert list(app.table.range(SWEPT)) == []


@pytest.mark.slow
def test_a_running_postroom_makes_the_index_and_asks_it(tmp_path: Path) -> None:
    with running(tmp_path, ["alice"]) as postroom, imap(postroom) as client:
        for number in range(1, MANY + 1):
            about = "tea" if number % 10 == 0 else "coffee"
            client.append("INBOX", "", "", f"Subject: {number}\r\n\r\nOf {about}.\r\n".encode())
        client.select()
        assert search(client, "BODY", "tea") == tens(MANY)
        folder = postroom.data / "search"
        deadline = time.monotonic() + 60
        while not list(folder.glob(f"*{SUFFIX}")) or postroom.waiting():
            assert time.monotonic() < deadline, "nobody made an index"
            time.sleep(0.05)
        assert search(client, "BODY", "tea") == tens(MANY)
        [segment] = folder.glob(f"*{SUFFIX}")
        # Nothing is read of what the index covers: of an empty one, nothing is found.
        empty = tmp_path / "empty"
        write_segment(empty, [], [], lambda uid: True)
        empty.replace(segment)
        assert search(client, "BODY", "tea") == []


@contextmanager
def imap(postroom: Postroom) -> Iterator[imaplib.IMAP4]:
    with imaplib.IMAP4("localhost", postroom.ports["imap"]) as client:
        client.starttls(postroom.trust())
        client.login(f"alice@{DOMAIN}", PASSWORD)
        yield client
