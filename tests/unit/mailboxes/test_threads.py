"""Threads as messages come in: in which order, by which way and how often does not matter, or it is
said here what becomes of it (docs/decisions/0008-threads.md)."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest

from postroom.mailboxes.records import DELETED, Delivery, Message, NewMessage
from postroom.mailboxes.store import Mailboxes
from postroom.mailboxes.threads import RETENTION
from postroom.message.lineage import root_hash
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey
from postroom.platform.system import SystemRandomness
from postroom.platform.table import MOST_WRITES, Absent, Key, Put

from .conftest import ACCOUNT, Office
from .tables import CountingTable

FIRST = "Message-ID: <a@x>\r\nSubject: hello"
SECOND = "Message-ID: <b@x>\r\nIn-Reply-To: <a@x>\r\nReferences: <a@x>\r\nSubject: Re: hello"
THIRD = "Message-ID: <c@x>\r\nIn-Reply-To: <b@x>\r\nReferences: <a@x> <b@x>\r\nSubject: AW: hello"
FOURTH = "Message-ID: <d@x>\r\nReferences: <a@x> <b@x> <c@x>\r\nSubject: [list] Re: hello"
# Of programs that name the parent and no more.
BARE = "Message-ID: <e@x>\r\nIn-Reply-To: <c@x>\r\nSubject: Re: hello"
CUT = "Message-ID: <f@x>\r\nIn-Reply-To: <c@x>\r\nReferences: <c@x>\r\nSubject: Re: hello"


def letter(office: Office, header: str) -> NewMessage:
    office.count += 1
    blob, octets = BlobKey(f"blob{office.count:06}"), header.encode() + b"\r\n\r\nx\r\n"
    office.store.blobs.put(blob, octets)
    return NewMessage(blob, summarise(octets), 1000)


def receive(office: Office, *headers: str, mailbox: str = "INBOX") -> list[bytes]:
    """Append them one by one; the thread of each."""
    where = office.id(mailbox)
    uids = [
        office.mailboxes.append(ACCOUNT, where, [letter(office, header)])[0].uid
        for header in headers
    ]
    return [found.thread for found in office.mailboxes.pick(where, uids)]


def stored(office: Office, mailbox: str = "INBOX") -> list[Message]:
    return list(office.mailboxes.messages(office.id(mailbox)))


def notes(office: Office) -> dict[str, bytes]:
    found = office.store.table.range(f"threads/{ACCOUNT}")
    return {record.key.sort: bytes(record.body["root"]) for record in found}  # type: ignore[arg-type]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_whoever_names_the_first_message_is_in_its_thread(
    office: Office, order: Sequence[int]
) -> None:
    headers = [FIRST, SECOND, THIRD, FOURTH]
    assert len(set(receive(office, *(headers[number] for number in order)))) == 1


@pytest.mark.parametrize("reply", [BARE, CUT])
def test_who_names_a_reply_alone_is_in_its_thread(office: Office, reply: str) -> None:
    first, third, last = receive(office, FIRST, THIRD, reply)
    assert first == third == last


def test_and_who_answers_that_one(office: Office) -> None:
    further = "Message-ID: <g@x>\r\nIn-Reply-To: <e@x>\r\nSubject: Re: hello"
    assert len(set(receive(office, FIRST, THIRD, BARE, further))) == 1


def test_also_from_another_mailbox(office: Office) -> None:
    [first] = receive(office, FIRST)
    receive(office, THIRD, mailbox="Sent")
    assert receive(office, BARE) == [first]


def test_but_not_of_another_account(office: Office) -> None:
    office.mailboxes.create_account("bob")
    office.mailboxes.append("bob", office.mailboxes.inbox("bob"), [letter(office, THIRD)])
    first, bare = receive(office, FIRST, BARE)
    assert first != bare


def test_all_of_one_append_know_of_each_other(office: Office) -> None:
    letters = [letter(office, header) for header in (FIRST, THIRD, BARE)]
    office.mailboxes.append(ACCOUNT, office.id("INBOX"), letters)
    assert len({message.thread for message in stored(office)}) == 1


def test_a_bare_reply_before_its_parent_begins_a_thread_and_stays_there(office: Office) -> None:
    early, first, third, repeat, late = receive(office, BARE, FIRST, THIRD, BARE, CUT)
    assert first == third == late
    assert early == repeat != first  # what was told to clients never changes (RFC 8474)


def test_a_repeat_is_in_the_thread_of_the_message(office: Office) -> None:
    for header in (FIRST, THIRD, BARE):
        assert len(set(receive(office, header, header))) == 1


def test_another_subject_is_another_thread(office: Office) -> None:
    other = SECOND.replace("Re: hello", "Lunch? (was: hello)").replace("<b@x>", "<l@x>")
    answer = "Message-ID: <m@x>\r\nIn-Reply-To: <l@x>\r\nSubject: Re: Lunch? (was: hello)"
    first, lunch, answered = receive(office, FIRST, other, answer)
    assert first != lunch == answered


def test_messages_without_identifiers_are_threads_of_their_own(office: Office) -> None:
    assert len(set(receive(office, *["Subject: hello"] * 3))) == 3
    named = "References: <a@x> <b@x>\r\nSubject: hello"
    assert len(set(receive(office, FIRST, named, named))) == 1


def test_two_that_name_each_other(office: Office) -> None:
    one = "Message-ID: <p@x>\r\nReferences: <q@x>\r\nSubject: hello"
    other = "Message-ID: <q@x>\r\nReferences: <p@x>\r\nSubject: hello"
    assert len(set(receive(office, one, other, one, other))) == 1


def test_thousands_of_references(office: Office) -> None:
    many = "".join(f"\r\n <{number}@x>" for number in range(5000))
    hostile = f"Message-ID: <h@x>\r\nReferences: <a@x>{many}\r\nSubject: hello"
    table = CountingTable(office.store.table)
    mailboxes = _over(office, table)
    [first] = receive(office, FIRST)
    table.start()
    mailboxes.append(ACCOUNT, office.id("INBOX"), [letter(office, hostile)])
    assert (table.reads, table.writes) == (1, 1)
    assert stored(office)[-1].thread == first


def test_what_a_first_message_and_its_replies_take(office: Office) -> None:
    table = CountingTable(office.store.table)
    mailboxes, inbox = _over(office, table), office.id("INBOX")
    taken = []
    for header in (FIRST, SECOND, THIRD, BARE):
        table.start()
        mailboxes.append(ACCOUNT, inbox, [letter(office, header)])
        taken.append((table.reads, table.writes, len(notes(office))))
    # The doubtful ones look once; the note is in the transaction.
    assert taken == [(1, 1, 0), (2, 1, 1), (1, 1, 2), (2, 1, 3)]


def test_a_delivery_that_is_noted_elsewhere_writes_nothing_more(office: Office) -> None:
    recalled = {"<c@x>": root_hash("<a@x>")}
    mailboxes = Mailboxes(
        office.store.table,
        office.store.blobs,
        office.store.topic,
        office.clock,
        SystemRandomness(),
        recall=lambda account, message_id: recalled.get(message_id) if account == ACCOUNT else None,
    )
    deliveries = [
        Delivery(ACCOUNT, office.id("INBOX"), [letter(office, header)], noted=True)
        for header in (FIRST, SECOND, THIRD, BARE)
    ]
    for delivery in deliveries:
        assert not isinstance(mailboxes.append_many([delivery])[0], Exception)
    assert len({message.thread for message in stored(office)}) == 1
    # The journey of the last tells of <c@x> alone, which is not where it went.
    assert list(notes(office)) == [root_hash("<e@x>").hex()]


def test_many_at_once(office: Office) -> None:
    """Every reply to a reply comes at the moment in which that one comes."""
    inbox = office.id("INBOX")

    def append(number: int) -> None:
        above = f"References: <0@x> <{number - 1}@x>\r\n" if number else ""
        own = f"Message-ID: <{number}@x>\r\n{above}Subject: hello"
        bare = f"Message-ID: <{number}b@x>\r\nIn-Reply-To: <{number}@x>\r\nSubject: hello"
        letters = [letter(office, own), letter(office, bare)]
        done = office.mailboxes.append_many([Delivery(ACCOUNT, inbox, [each]) for each in letters])
        assert not any(isinstance(outcome, Exception) for outcome in done)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(40)))
    found = stored(office)
    assert len(found) == 80
    assert len({message.thread for message in found}) == 1


def test_a_full_append_of_replies(office: Office) -> None:
    count = MOST_WRITES - 1
    letters = [letter(office, THIRD.replace("<c@x>", f"<{number}@x>")) for number in range(count)]
    office.mailboxes.append(ACCOUNT, office.id("INBOX"), letters)
    assert len(stored(office)) == len(notes(office)) == count


def test_an_append_that_does_nothing_finds_its_marker(office: Office) -> None:
    marker = Put(Key("journey", "1"), {}, condition=Absent())
    inbox = office.id("INBOX")
    deliveries = [Delivery(ACCOUNT, inbox, [letter(office, BARE)], [marker])]
    for _ in range(2):
        office.mailboxes.append_many(deliveries)
    assert len(stored(office)) == 1


def test_it_stays_whatever_becomes_of_the_message(office: Office) -> None:
    inbox, work, mailboxes = office.id("INBOX"), office.id("Archive"), office.mailboxes
    [thread] = receive(office, FIRST)
    mailboxes.store_flags(ACCOUNT, inbox, [1], add=[DELETED])
    mailboxes.copy(ACCOUNT, inbox, [1], work)
    mailboxes.expunge(ACCOUNT, inbox)
    mailboxes.restore(ACCOUNT, inbox)
    mailboxes.move(ACCOUNT, inbox, [2], work)
    replaced = letter(office, SECOND)
    mailboxes.replace(ACCOUNT, work, 1, inbox, replaced)
    assert [each.thread for each in stored(office, "Archive")] == [thread]
    assert [each.thread for each in stored(office)] == [thread]
    assert list(notes(office)) == [root_hash("<b@x>").hex()]


def test_notes_fade(office: Office) -> None:
    receive(office, SECOND)
    office.clock.time += RETENTION + 1
    assert notes(office) == {}


def _over(office: Office, table: CountingTable) -> Mailboxes:
    return Mailboxes(
        table, office.store.blobs, office.store.topic, office.clock, SystemRandomness()
    )
