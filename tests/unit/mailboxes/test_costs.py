"""Requests to the table: few, and no more of them in a large mailbox than in a small one."""

import pytest

from postroom.mailboxes.records import DELETED, Delivery
from postroom.mailboxes.store import Mailboxes
from postroom.platform.system import SystemRandomness
from postroom.platform.table import Absent, Key, Put

from .conftest import ACCOUNT, Office
from .tables import CountingTable


@pytest.fixture(params=[10, 1500], ids=["small", "large"])
def size(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def table(office: Office) -> CountingTable:
    return CountingTable(office.store.table)


@pytest.fixture
def mailboxes(office: Office, table: CountingTable) -> Mailboxes:
    return Mailboxes(
        table, office.store.blobs, office.store.topic, office.clock, SystemRandomness()
    )


def marker(number: int) -> Put:
    return Put(Key("journey", str(number)), {}, condition=Absent())


def test_deliveries(office: Office, table: CountingTable, mailboxes: Mailboxes, size: int) -> None:
    office.fill("INBOX", size)
    inbox = office.id("INBOX")
    table.start()
    mailboxes.append(ACCOUNT, inbox, [office.letter(claim="c")], [marker(1)], quota=10**9)
    assert (table.reads, table.writes) == (1, 2)
    table.start()
    mailboxes.append_many(
        [Delivery(ACCOUNT, inbox, [office.letter(claim="c")], [marker(n)]) for n in range(2, 12)]
    )
    assert (table.reads, table.writes) == (1, 11)


def test_what_no_delivery_shares_is_one_write(
    office: Office, table: CountingTable, mailboxes: Mailboxes
) -> None:
    inbox = office.id("INBOX")
    table.start()
    mailboxes.append(ACCOUNT, inbox, [office.letter(), office.letter()])
    assert (table.reads, table.writes) == (1, 1)


def test_a_batch_to_ten_mailboxes(
    office: Office, table: CountingTable, mailboxes: Mailboxes
) -> None:
    for number in range(10):
        office.mailboxes.create_account(str(number))
    inboxes = [office.mailboxes.find(str(number), "INBOX") for number in range(10)]
    table.start()
    mailboxes.append_many(
        [
            Delivery(
                inbox.account, inbox.id, [office.letter(claim="c")], [marker(number)], quota=10**9
            )
            for number, inbox in enumerate(inboxes)
        ]
    )
    assert (table.reads, table.writes) == (10, 20)


def test_work_on_a_few_messages(
    office: Office, table: CountingTable, mailboxes: Mailboxes, size: int
) -> None:
    office.fill("INBOX", size)
    inbox, trash = office.id("INBOX"), office.id("Trash")
    steps = {
        "store": (lambda: mailboxes.store_flags(ACCOUNT, inbox, [1, 9], add=[DELETED]), (2, 1)),
        "move": (lambda: mailboxes.move(ACCOUNT, inbox, [1, 2], trash), (3, 1)),
        "copy": (lambda: mailboxes.copy(ACCOUNT, trash, [1, 2], inbox), (4, 1)),
        "expunge": (lambda: mailboxes.expunge(ACCOUNT, inbox, [9]), (2, 1)),
        "changes": (lambda: mailboxes.changes(ACCOUNT, inbox, size // 90 + 3), (3, 0)),
        "find": (lambda: mailboxes.find(ACCOUNT, "INBOX"), (1, 0)),
        "usage": (lambda: mailboxes.usage(ACCOUNT), (1, 0)),
        "recent": (lambda: mailboxes.claim_recent(ACCOUNT, inbox), (1, 1)),
    }
    taken = {}
    for name, (step, _) in steps.items():
        table.start()
        step()
        taken[name] = (table.reads, table.writes)
    assert taken == {name: expected for name, (_, expected) in steps.items()}


def test_a_flag_change_writes_a_few_hundred_octets(office: Office) -> None:
    office.fill("INBOX", 1, prefix=b"Return-Path: <someone@example.test>\r\n" * 3)
    record = next(iter(office.store.table.range(f"mailbox/{office.id('INBOX')}")))
    encoded = record.body["message"]
    assert isinstance(encoded, bytes)
    assert len(encoded) < 250
