"""Reports that other servers send about mail of ours count, once, and only when they are true."""

import pytest

from postroom.directory.records import Account
from tests.flows.house import DOMAIN, House
from tests.flows.post import ALICE, mail, nothing_waits, steps, told
from tests.flows.post import reports as all_reports
from tests.sinks import Sink


def as_postfix(
    returned: bytes, recipient: str, action: str = "failed", status: str = "5.1.1"
) -> bytes:
    """What Postfix sends when the server behind it has refused the recipient."""
    return (
        (
            "From: MAILER-DAEMON@relay.one.test (Mail Delivery System)\r\n"
            "Subject: Undelivered Mail Returned to Sender\r\n"
            f"To: {ALICE}\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status;\r\n"
            '\tboundary="4B9C91.1700000000/relay.one.test"\r\n\r\n'
            "This is a MIME-encapsulated message.\r\n\r\n"
            "--4B9C91.1700000000/relay.one.test\r\n"
            "Content-Description: Notification\r\nContent-Type: text/plain\r\n\r\n"
            "I'm sorry to have to inform you that your message could not\r\n"
            "be delivered to one or more recipients.\r\n\r\n"
            "--4B9C91.1700000000/relay.one.test\r\n"
            "Content-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n"
            f"Reporting-MTA: dns; relay.one.test\r\n"
            f"X-Postfix-Queue-ID: 4B9C91\r\nX-Postfix-Sender: rfc822; {ALICE}\r\n"
            "Arrival-Date: Mon,  1 Jan 2024 12:00:00 +0000 (UTC)\r\n\r\n"
            f"Final-Recipient: rfc822; {recipient}\r\nOriginal-Recipient: rfc822;{recipient}\r\n"
            f"Action: {action}\r\nStatus: {status}\r\nRemote-MTA: dns; inner.one.test\r\n"
            f"Diagnostic-Code: smtp; 550 {status} User unknown\r\n\r\n"
            "--4B9C91.1700000000/relay.one.test\r\n"
            "Content-Description: Undelivered Message\r\nContent-Type: message/rfc822\r\n\r\n"
        ).encode()
        + mail()
        + b"\r\n--4B9C91.1700000000/relay.one.test--\r\n"
    )


def is_suppressed(house: House, address: str) -> bool:
    return bool(house.app.suppression.find([(DOMAIN, address)]))


@pytest.mark.parametrize("with_received", [True, False], ids=["as sent", "less our Received"])
def test_a_bounce_from_elsewhere_counts(
    house: House, alice: Account, sink: Sink, with_received: bool
) -> None:
    queue_id = house.submit("alice", mail(), "carol@one.test")
    house.work()
    returned = sink.letters[0].content if with_received else mail()
    for _ in range(2):  # it comes twice: the first reply was lost
        house.send(as_postfix(returned, "carol@one.test"), ALICE, sender="")
        house.work()
    assert [told(report) for report in all_reports(house)] == [
        [("carol@one.test", "failed", "5.1.1")]
    ] * 2
    assert steps(house, queue_id) == {
        ">one.test": ["accepted", "queued", "relayed"],
        "<bounced carol@one.test": ["bounced"],
    }
    assert is_suppressed(house, "carol@one.test")
    assert nothing_waits(house)

    house.submit("alice", mail("again"), "carol@one.test")
    house.work()
    assert len(sink.letters) == 1
    assert told(all_reports(house)[2]) == [("carol@one.test", "failed", "5.7.1")]


@pytest.mark.parametrize(
    ("recipient", "status"),
    [
        pytest.param("stranger@two.test", "5.1.1", id="an address that we have not written to"),
        pytest.param("carol@one.test", "5.2.2", id="a mailbox that is full today"),
        pytest.param("carol@one.test", "5.7.1", id="a message that was not liked"),
    ],
)
def test_what_says_nothing_about_the_address_suppresses_nobody(
    house: House, alice: Account, sink: Sink, recipient: str, status: str
) -> None:
    house.submit("alice", mail(), "carol@one.test", "dan@one.test")
    house.work()
    octets = as_postfix(sink.letters[0].content, recipient, status=status)
    house.send(octets, ALICE, sender="")
    house.work()
    assert len(house.messages(alice)) == 1
    assert not is_suppressed(house, recipient)
    assert not is_suppressed(house, "carol@one.test")


def test_a_report_about_a_message_that_is_not_ours_is_only_delivered(
    house: House, alice: Account, sink: Sink
) -> None:
    house.send(as_postfix(mail(), "carol@one.test"), ALICE, sender="")
    house.work()
    assert len(house.messages(alice)) == 1
    assert not is_suppressed(house, "carol@one.test")


def test_success_is_credited_to_the_journey(house: House, alice: Account, sink: Sink) -> None:
    queue_id = house.submit("alice", mail(), "carol@one.test", rcpt="NOTIFY=SUCCESS")
    house.work()
    octets = as_postfix(mail(), "carol@one.test", "delivered", "2.1.5")
    house.send(octets, ALICE, sender="")
    house.work()
    assert steps(house, queue_id)["<delivered carol@one.test"] == ["delivered"]
    assert not is_suppressed(house, "carol@one.test")
