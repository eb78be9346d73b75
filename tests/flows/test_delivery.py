"""Mail goes in by SMTP, through the inbound function, and comes out by IMAP and POP3."""

import imaplib
import time

import pytest

from postroom.directory.records import Alias
from postroom.journeys.ids import is_queue_id
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.platform.blobs import BlobKey
from postroom.relay.reports import report_of
from postroom.relay.waiting import REPORT
from tests.flows.house import DOMAIN, HOSTNAME, House, below_ours
from tests.waiting import every

SENDER = "sender@elsewhere.test"


_NOT_READ = ("DecodeError", "ValidationError")  # msgspec's words for what is no queue entry


def mail(number: int = 1, text: bytes = b"Hello.\r\n") -> bytes:
    return (
        b"From: Sender <sender@elsewhere.test>\r\nTo: list of many\r\n"
        b"Subject: number %d\r\nMessage-ID: <%d@elsewhere.test>\r\n\r\n%b" % (number, number, text)
    )


def test_a_message_comes_out_as_it_went_in(house: House) -> None:
    house.account("alice")
    octets = mail(text=b"caf\xc3\xa9\r\n.\r\n..two dots\r\n.one\r\n" + b"x" * 1500 + b"\r\n")
    queue_id, refused = house.send(octets, f"alice@{DOMAIN}")
    assert refused == {}
    assert is_queue_id(queue_id)
    assert house.deliver() == set()
    with house.imap("alice") as client:
        assert client.select() == ("OK", [b"1"])
        _, [found, _] = client.fetch("1", "(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
        assert b"FLAGS (\\Recent)" in found[0]
        ours, rest = below_ours(found[1])
        assert rest == octets
        assert b"RFC822.SIZE %d " % len(found[1]) in found[0]
        arrived = imaplib.Internaldate2tuple(found[0])
        assert arrived is not None
        assert 0 <= house.world.clock.seconds() - time.mktime(arrived) < 60
        assert ours["Return-Path"] == f"<{SENDER}>"
        assert ours["Delivered-To"] == f"alice@{DOMAIN}"
        received = " ".join(ours["Received"].split())
        assert received.startswith("from client.test (unknown [127.0.0.1]) by " + HOSTNAME)
        assert received.endswith(f" with ESMTP id {queue_id} for <alice@{DOMAIN}>")
        client.fetch("1", "(BODY[])")
        [flags] = client.fetch("1", "(FLAGS)")[1]
        assert set(imaplib.ParseFlags(flags)) == {b"\\Seen", b"\\Recent"}
    with house.pop3("alice") as pop3:
        lines = pop3.retr(1)[1]
        assert b"\r\n".join(lines) + b"\r\n" == found[1]


def test_an_idling_client_hears_of_new_mail(house: House) -> None:
    house.account("alice")
    with house.imap("alice") as client:
        client.select()
        client.send(b"t IDLE\r\n")
        assert client.readline().startswith(b"+ ")
        house.send(mail(), f"alice@{DOMAIN}")
        house.deliver()
        assert client.readline() == b"* 1 EXISTS\r\n"
        client.send(b"DONE\r\n")
        while not client.readline().startswith(b"t OK"):
            pass


def test_aliases_details_and_domain_aliases_lead_to_accounts(house: House) -> None:
    house.account("alice")
    house.account("bob")
    house.account("carol")
    house.domain("also.test", alias_of=DOMAIN)
    directory = house.app.directory
    directory.add_alias(Alias(f"team@{DOMAIN}", (f"alice@{DOMAIN}", f"inner@{DOMAIN}")))
    directory.add_alias(Alias(f"inner@{DOMAIN}", (f"bob@{DOMAIN}",)))
    directory.add_alias(Alias(f"carol@{DOMAIN}", (f"carol@{DOMAIN}", f"bob@{DOMAIN}")))
    sent = {
        1: f"team@{DOMAIN}",
        2: f"Alice+lists@{DOMAIN.upper()}",
        3: "alice@also.test",
        4: "team+x@also.test",
        5: f"carol@{DOMAIN}",  # forward and keep
    }
    for number, recipient in sent.items():
        _, refused = house.send(mail(number), recipient)
        assert refused == {}
    assert house.deliver() == set()
    for name, numbers in {"alice": [1, 2, 3, 4], "bob": [1, 4, 5], "carol": [5]}.items():
        found = [below_ours(octets) for octets in house.read(name)]
        assert sorted(rest for _, rest in found) == [mail(number) for number in numbers], name
        assert {ours["Delivered-To"] for ours, _ in found} == {f"{name}@{DOMAIN}"}


def test_a_catch_all_takes_unknown_addresses(house: House) -> None:
    house.domain("caught.test", catch_all=f"alice@{DOMAIN}")
    house.account("alice")
    _, refused = house.send(mail(), "whoever@caught.test", f"whoever@{DOMAIN}")
    assert refused == {f"whoever@{DOMAIN}": (550, b"5.1.1 No such user here")}
    assert house.deliver() == set()
    [octets] = house.read("alice")
    ours, rest = below_ours(octets)
    assert rest == mail()
    assert ours["Delivered-To"] == f"alice@{DOMAIN}"


def test_many_recipients_share_one_blob(house: House) -> None:
    accounts = [house.account(name) for name in ("alice", "bob", "carol")]
    house.app.directory.add_alias(
        Alias(f"all@{DOMAIN}", tuple(account.address for account in accounts))
    )
    addresses = [account.address for account in accounts]
    house.send(mail(), *addresses, f"all@{DOMAIN}", f"alice+again@{DOMAIN}")
    assert house.deliver() == set()
    messages = [house.messages(account) for account in accounts]
    assert [len(found) for found in messages] == [1, 1, 1]
    assert len({found[0].blob for found in messages}) == 1
    for name in ("alice", "bob", "carol"):
        [octets] = house.read(name)
        ours, rest = below_ours(octets)
        assert rest == mail()
        assert " for <" not in ours["Received"]  # it would tell each of the others


def test_a_repeated_batch_delivers_once(house: House) -> None:
    alice, bob = house.account("alice"), house.account("bob")
    for number in range(4):
        house.send(mail(number), f"alice@{DOMAIN}", f"bob@{DOMAIN}")
    letters = house.letters()
    assert len(letters) == 4
    assert house.invoke(letters) == set()
    assert house.invoke(letters[::-1]) == set()  # all once more, in another order
    house.world.pass_time(100)  # nobody deleted them: the queue gives them again
    assert house.deliver() == set()
    house.world.pass_time(100)
    assert house.letters() == []
    for account in (alice, bob):
        assert [message.uid for message in house.messages(account)] == [1, 2, 3, 4]
    # Within one batch as well: SQS may hold two copies of a letter.
    house.send(mail(9), f"alice@{DOMAIN}")
    [letter] = house.letters()
    house.queue.send(letter.body)
    assert house.invoke([letter, *house.letters()]) == set()
    assert len(house.messages(alice)) == 5


def test_a_half_done_batch_is_finished_by_the_next_run(house: House) -> None:
    alice, bob = house.account("alice"), house.account("bob")
    house.send(mail(), f"alice@{DOMAIN}")
    [first] = house.letters()
    body = Accepted.from_json(first.body)
    assert house.invoke([first]) == set()
    # The same message, of which a dead run delivered only Alice's part.
    both = Accepted.from_json(first.body)
    recipients = (*body.recipients, Recipient(f"bob@{DOMAIN}"))
    house.queue.send(type(both)(**{**_fields(both), "recipients": recipients}).to_json())
    assert house.deliver() == set()
    assert [len(house.messages(account)) for account in (alice, bob)] == [1, 1]


def _fields(accepted: Accepted) -> dict[str, object]:
    return {name: getattr(accepted, name) for name in accepted.__struct_fields__}


def test_a_missing_blob_hurts_only_its_own_message(house: House) -> None:
    alice = house.account("alice")
    queue_ids = [house.send(mail(number), f"alice@{DOMAIN}")[0] for number in range(5)]
    house.app.blobs.delete([BlobKey(queue_ids[2])])
    letters = house.letters()
    by_queue_id = {Accepted.from_json(letter.body).queue_id: letter.id for letter in letters}
    assert house.invoke(letters) == {by_queue_id[queue_ids[2]]}
    found = {below_ours(octets)[1] for octets in house.read("alice")}
    assert found == {mail(number) for number in (0, 1, 3, 4)}
    assert len(house.messages(alice)) == 4
    reasons = house.reasons.of([by_queue_id[queue_ids[2]]])
    assert "BlobMissing" in reasons[by_queue_id[queue_ids[2]]]


def test_poison_ends_in_the_dead_letters_and_can_be_dropped(house: House) -> None:
    house.account("alice")
    for body in ("not json", '{"queue_id": 3}'):
        house.queue.send(body)
    house.send(mail(), f"alice@{DOMAIN}")
    failed = house.deliver()
    assert len(failed) == 2
    assert len(house.read("alice")) == 1
    for _ in range(6):
        house.world.pass_time(100)
        house.deliver()
    dead = house.dead.all()
    assert {letter.id for letter in dead} == failed
    assert {letter.body for letter in dead} == {"not json", '{"queue_id": 3}'}
    assert all(letter.reason.split(":")[0] in _NOT_READ for letter in dead)
    [first, second] = dead
    assert house.dead.drop({first.id}) == 1
    assert [letter.id for letter in house.dead.all()] == [second.id]
    assert house.dead.drop(None) == 1
    assert house.dead.all() == []
    assert len(house.read("alice")) == 1


def test_a_dead_letter_is_delivered_by_a_replay_once_its_cause_is_gone(house: House) -> None:
    house.account("alice")
    queue_id, _ = house.send(mail(), f"alice@{DOMAIN}")
    blob = BlobKey(queue_id)
    octets = house.app.blobs.get(blob)
    house.app.blobs.delete([blob])
    for _ in range(6):
        house.deliver()
        house.world.pass_time(100)
    assert house.read("alice") == []
    [letter] = house.dead.all()
    assert "BlobMissing" in letter.reason
    house.app.blobs.put(blob, octets)
    assert house.dead.replay({"another"}) == 0
    assert house.dead.replay(None) == 1
    assert house.deliver() == set()
    assert [below_ours(octets)[1] for octets in house.read("alice")] == [mail()]
    assert house.dead.all() == []


def test_mail_for_an_account_removed_after_the_250_bounces_and_the_others_get_theirs(
    house: House,
) -> None:
    alice, bob = house.account("alice"), house.account("bob")
    house.send(mail(1), f"alice@{DOMAIN}", f"bob@{DOMAIN}")
    house.send(mail(2), f"alice@{DOMAIN}")
    house.app.directory.remove_account(bob.address)
    house.app.mailboxes.remove_account(bob.id)
    letters = house.letters()
    assert house.invoke(letters) == set()
    assert house.invoke(letters) == set(), "the queue repeats itself"
    assert {below_ours(octets)[1] for octets in house.read("alice")} == {mail(1), mail(2)}
    assert len(house.messages(alice)) == 2
    [report] = [report_of(waiting) for waiting in every(house.app.table, REPORT)]
    [told] = report.told
    assert (told.address, told.status) == (f"bob@{DOMAIN}", "5.1.1")
    assert "no such address here" in told.reason


def test_a_journey_is_found_by_queue_id_message_id_and_address(house: House) -> None:
    house.account("alice")
    house.account("bob")
    house.app.directory.add_alias(Alias(f"info@{DOMAIN}", (f"alice@{DOMAIN}",)))
    queue_id, _ = house.send(mail(7), f"INFO@{DOMAIN}", f"bob@{DOMAIN}")
    later, _ = house.send(mail(8), f"bob@{DOMAIN}")
    house.deliver()
    journeys = house.app.journeys
    for name in (queue_id, "<7@elsewhere.test>", "7@elsewhere.test"):
        found = journeys.trace(name)
        assert sorted(event.detail for one in found for event in one.events[1:]) == [
            f"alice@{DOMAIN} INBOX",
            f"bob@{DOMAIN} INBOX",
        ], name
    assert {journey.queue_id for journey in journeys.trace(f"Info@{DOMAIN}")} == {queue_id}
    assert [one.queue_id for one in journeys.trace(f"bob@{DOMAIN}")][::2] == [later, queue_id]
    [alices] = [one for one in journeys.trace(queue_id) if f"INFO@{DOMAIN}" in one.recipients]
    assert alices.reverse_path == SENDER
    assert alices.message_id == "<7@elsewhere.test>"
    accepted, delivered = alices.events
    assert (accepted.step, delivered.step) == ("accepted", "delivered")
    assert accepted.detail == "from client.test [127.0.0.1]"
    assert accepted.at <= delivered.at
    assert journeys.trace("<unknown@elsewhere.test>") == []
    assert journeys.trace(f"alice@{DOMAIN}") == []


def test_a_full_mailbox_is_told_in_the_dialogue(house: House) -> None:
    alice = house.account("alice", quota=2000)
    house.account("bob")
    house.send(mail(1, b"x" * 990 + b"\r\n" + b"y" * 990 + b"\r\n"), f"alice@{DOMAIN}")
    house.deliver()
    assert house.app.mailboxes.usage(alice.id) >= 2000
    _, refused = house.send(mail(2), f"alice@{DOMAIN}", f"bob@{DOMAIN}")
    assert refused == {f"alice@{DOMAIN}": (452, b"4.2.2 Mailbox full")}
    assert house.deliver() == set()
    assert len(house.read("alice")) == 1
    assert len(house.read("bob")) == 1


def test_the_null_reverse_path_is_kept(house: House) -> None:
    house.account("alice")
    house.send(mail(), f"alice@{DOMAIN}", sender="")
    house.deliver()
    [octets] = house.read("alice")
    assert below_ours(octets)[0]["Return-Path"] == "<>"


@pytest.mark.parametrize("size", [300_000, 3_000_000])
def test_large_mail_is_streamed_and_comes_out_whole(house: House, size: int) -> None:
    house.account("alice")
    line = bytes(range(32, 96)) + b"\r\n"
    octets = mail(text=line * (size // len(line)))
    house.send(octets, f"alice@{DOMAIN}")
    house.deliver()
    [found] = house.read("alice")
    assert below_ours(found)[1] == octets
