"""Mail that an address of ours forwards gets a reverse-path of ours, and bounces find back."""

import re

import pytest

from postroom.directory.records import Account, Alias
from tests.flows.house import DOMAIN, House
from tests.flows.post import ALICE, is_kept, mail, nothing_waits, reports, steps, told
from tests.sinks import Sink, at, refuse

SENDER = "sender@else.test"
LONG_SENDER = "bounces+campaign-2024-carol=one.test.and-more-so-that-it-is-long@bulk.else.test"


@pytest.fixture(autouse=True)
def team(house: House) -> None:
    house.app.directory.add_alias(Alias(f"team@{DOMAIN}", ("carol@one.test",)))


def bounce_for(queue_id: str) -> bytes:
    return (
        "From: MAILER-DAEMON@sink.example\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        f"Auto-Submitted: auto-replied\r\n\r\nAbout {queue_id}.\r\n"
    ).encode()


@pytest.mark.parametrize("sender", [SENDER, LONG_SENDER], ids=["short", "long"])
def test_a_bounce_goes_back_to_the_first_sender(house: House, sink: Sink, sender: str) -> None:
    octets = b"From: somebody@else.test\r\nSubject: forward\r\n\r\nHi.\r\n"
    queue_id, _ = house.send(octets, f"team@{DOMAIN}", sender=sender)
    house.work()
    [letter] = sink.letters
    assert letter.recipients == ["carol@one.test"]
    assert letter.content.endswith(octets), "From stays as it is, nothing of ours is signed"
    assert letter.content.startswith(b"Received: ")
    assert re.fullmatch(rf"SRS0=\S+@{DOMAIN}", letter.sender)
    assert f"ORCPT=rfc822;team@{DOMAIN}" in letter.rcpt[0]
    assert steps(house, queue_id) == {
        f">one.test from {DOMAIN}": ["accepted", "queued", "relayed"],
    }

    _, refused = house.send(bounce_for(queue_id), letter.sender, sender="")
    assert refused == {}
    house.work()
    [_, back] = sink.letters
    assert (back.sender, back.recipients) == ("", [sender])
    assert back.content.endswith(bounce_for(queue_id))
    assert nothing_waits(house)


def test_letter_case_is_lost_on_the_way_and_a_forged_address_is_refused(
    house: House, sink: Sink
) -> None:
    house.send(mail(), f"team@{DOMAIN}", sender=SENDER)
    house.work()
    path = sink.letters[0].sender
    forged = path.replace("=else.test=", "=victim.test=")
    expired = re.sub("(?<=^SRS0=.{8}=)..", "aa", path)
    for bad in (forged, expired, f"SRS0=x=y=else.test=sender@{DOMAIN}"):
        _, refused = house.send(bounce_for("x"), path.lower(), bad, sender="")
        assert refused[bad][0] == 550, bad
    house.work()
    assert {tuple(letter.recipients) for letter in sink.letters[1:]} == {(SENDER,)}


def test_an_address_that_is_too_old_is_refused(house: House, sink: Sink) -> None:
    house.send(mail(), f"team@{DOMAIN}", sender=SENDER)
    house.work()
    house.world.pass_time(30 * 86_400)
    with house.smtp() as client:
        client.mail("")
        assert client.rcpt(sink.letters[0].sender)[0] == 550


def test_a_failure_is_told_to_the_first_sender_once(house: House, sink: Sink) -> None:
    sink.rule = refuse("<carol@")
    queue_id, _ = house.send(mail(), f"team@{DOMAIN}", sender=SENDER)
    house.work()
    [bounce] = sink.letters
    assert (bounce.sender, bounce.recipients) == ("", [SENDER])
    assert b"550 5.1.1 No such user" in bounce.content
    assert f"team@{DOMAIN}".encode() in bounce.content, "the address that the sender knows"
    assert nothing_waits(house)
    assert not is_kept(house, queue_id)


def test_a_bounce_that_cannot_be_delivered_ends_there(house: House, sink: Sink) -> None:
    sink.rule = refuse(".")
    queue_id, _ = house.send(mail(), f"team@{DOMAIN}", sender=SENDER)
    house.work()
    assert sink.letters == []
    assert sink.verbs().count("RCPT") == 2, "carol, and the bounce"
    assert nothing_waits(house)
    assert not is_kept(house, queue_id)


def test_what_is_refused_as_spam_is_not_bounced_to_a_sender_who_may_be_forged(
    house: House, sink: Sink
) -> None:
    sink.rule = at("DOT", "550 5.7.1 Spam")
    house.send(mail(), f"team@{DOMAIN}", sender=SENDER)
    house.work()
    assert sink.verbs().count("MAIL") == 1
    assert nothing_waits(house)


def test_the_null_reverse_path_stays_as_it_is(house: House, sink: Sink) -> None:
    house.send(mail(), f"team@{DOMAIN}", sender="")
    house.work()
    assert [letter.sender for letter in sink.letters] == [""]


def test_our_own_users_write_through_an_alias(house: House, alice: Account, sink: Sink) -> None:
    """Their reverse-path is ours already: a bounce comes to them."""
    sink.rule = refuse("<carol@")
    house.submit("alice", mail(), f"team@{DOMAIN}")
    house.work()
    assert f"MAIL FROM:<{ALICE}>" in " ".join(sink.commands)
    [report] = reports(house)
    assert [action for _, action, _ in told(report)] == ["failed"]


def test_an_alias_with_places_here_and_there(house: House, alice: Account, sink: Sink) -> None:
    house.app.directory.add_alias(
        Alias(f"all@{DOMAIN}", (ALICE, "carol@one.test", "dan@two.test", f"team@{DOMAIN}"))
    )
    house.send(mail(), f"all@{DOMAIN}", f"team@{DOMAIN}", sender=SENDER)
    house.work()
    assert len(house.messages(alice)) == 1
    reached = sorted(address for letter in sink.letters for address in letter.recipients)
    assert reached == ["carol@one.test", "dan@two.test"], "each once, by however many ways"
