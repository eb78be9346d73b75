"""What every peer is asked for: mail both ways, and reports that come back and count."""

import email
import email.policy
import json
import smtplib
from collections.abc import Iterable, Sequence
from email.message import EmailMessage
from typing import Any, Protocol

from bench.machine import wait_until
from tests.clients.conftest import User
from tests.clients.letters import LETTERS, below_ours, untouched, with_lf
from tests.clients.reading import inbox
from tests.peers.letters import as_it_left, as_submitted, letter, signatures
from tests.running import DOMAIN, Postroom


class Peer(Protocol):
    domain: str
    port: int

    def mail(self, count: int) -> list[bytes]:
        """The *count* messages that have come for bob, which are taken away."""


def lead(postroom: Postroom, peer: Peer, *domains: str) -> None:
    """Let mail for these domains go to the peer."""
    for domain in domains:
        url = f"smtp://127.0.0.1:{peer.port}?tls=none"
        done = postroom.command("route", "set", domain, url)
        assert done.returncode == 0, done.stderr


def submit(
    postroom: Postroom,
    user: User,
    to: str,
    letters: Iterable[bytes],
    *,
    sender: str = "",
    mail: Sequence[str] = (),
    rcpt: Sequence[str] = (),
) -> None:
    with smtplib.SMTP("localhost", postroom.ports["submission"], timeout=30) as client:
        client.starttls(context=postroom.trust())
        client.login(user.address, user.password)
        for octets in letters:
            client.sendmail(sender or user.address, [to], octets, mail, rcpt)


def every_letter_arrives_there(postroom: Postroom, user: User, peer: Peer) -> None:
    """Below the peer's fields and ours, octet by octet."""
    for address in ("@elsewhere.test", f"alice@{DOMAIN}"):  # who has written the letters
        granted = postroom.command("user", "grant", address, user.address)
        assert granted.returncode == 0, granted.stderr
    submit(
        postroom, user, f"bob@{peer.domain}", LETTERS.values(),
        sender="alice@elsewhere.test", mail=["BODY=8BITMIME"],
    )  # fmt: skip
    untouched(map(as_submitted, peer.mail(len(LETTERS))), map(with_lf, LETTERS.values()))


def signatures_hold_there(postroom: Postroom, user: User, peer: Peer) -> None:
    """Though the peer has added fields and, in its files, changed the ends of lines."""
    to = f"bob@{peer.domain}"
    odd = "Grüße \t\r\n\r\n.\r\n..\r\nFrom me\r\n" + "x" * 998 + "\r\n \r\n\r\n\r\n"
    sent = [letter(user.address, to), letter(user.address, to, "Odd ends", odd)]
    submit(postroom, user, to, sent, mail=["BODY=8BITMIME"])
    for octets in peer.mail(len(sent)):
        assert signatures(postroom, as_it_left(octets)) == ["ed25519-sha256", "rsa-sha256"]


def every_letter_arrives_here(postroom: Postroom, user: User, peer: Peer) -> list[bytes]:
    """Returns the messages as delivered: the peer's fields are still above the letters."""
    with smtplib.SMTP("127.0.0.1", peer.port, timeout=30) as client:
        for octets in LETTERS.values():
            client.sendmail(f"bob@{peer.domain}", [user.address], octets, ["BODY=8BITMIME"])
    return [below_ours(octets) for octets in inbox(postroom, user, len(LETTERS))]


def a_bounce_is_credited(postroom: Postroom, user: User, peer: Peer, domain: str) -> str:
    """The peer takes a message and finds out later that there is nobody of that name.

    Returns who that is.
    """
    nobody = f"nobody.{user.address.partition('@')[0]}@{domain}"
    sent = letter(user.address, nobody)
    submit(postroom, user, nobody, [sent])
    [bounce] = reports(postroom, user, 1)
    assert bounce["Return-Path"] == "<>"
    assert f"mx.{peer.domain}" in str(bounce["Received"])

    wait_until(lambda: "bounced" in steps(postroom, sent), "the bounce in the journey", 30)
    assert {"accepted", "relayed", "bounced"} <= set(steps(postroom, sent))
    [told] = [event for event in events(postroom, sent) if event["step"] == "bounced"]
    assert nobody in told["detail"]
    return nobody


def is_suppressed(postroom: Postroom, address: str) -> bool:
    listed = postroom.command("suppression", "list", DOMAIN, "--json")
    return address in {entry["address"] for entry in json.loads(listed.stdout)}


def the_next_one_fails_at_once(postroom: Postroom, user: User, nobody: str) -> None:
    """After a first bounce, which is in the mailbox already."""
    again = letter(user.address, nobody, "Again")
    submit(postroom, user, nobody, [again])
    [_, own] = reports(postroom, user, 2)
    about, recipient = blocks(own)
    assert about["Reporting-MTA"] == "dns; localhost"
    assert _bare(recipient["Final-Recipient"]) == f"rfc822;{nobody}"
    assert (recipient["Action"], recipient["Status"]) == ("failed", "5.7.1")
    assert "Remote-MTA" not in recipient
    text = next(own.iter_parts()).get_content()
    assert "suppression list" in " ".join(text.split())
    assert "relayed" not in steps(postroom, again)


def a_success_is_reported(
    postroom: Postroom, user: User, peer: Peer, envelope_id: str = "order+42"
) -> None:
    """The peer speaks DSN: it reports, with what the sender has asked us to say."""
    bob = f"bob@{peer.domain}"
    sent = letter(user.address, bob)
    submit(
        postroom, user, bob, [sent], mail=["RET=HDRS", "ENVID=order+2B42"],
        rcpt=["NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;robert@{peer.domain}"],
    )  # fmt: skip
    peer.mail(1)
    [report] = reports(postroom, user, 1)
    assert f"mx.{peer.domain}" in str(report["Received"])
    about, recipient = blocks(report)
    assert about["Original-Envelope-Id"] == envelope_id
    assert _bare(recipient["Original-Recipient"]) == f"rfc822;robert@{peer.domain}"
    assert _bare(recipient["Final-Recipient"]) == f"rfc822;{bob}"
    assert recipient["Action"] == "delivered"
    wait_until(lambda: "delivered" in steps(postroom, sent), "the report in the journey", 30)


def reports(postroom: Postroom, user: User, count: int) -> list[EmailMessage]:
    found = []
    for octets in inbox(postroom, user, count):
        report = email.message_from_bytes(octets, policy=email.policy.default)
        assert report.get_content_type() == "multipart/report", octets.decode()
        found.append(report)
    return found


def blocks(report: EmailMessage) -> list[EmailMessage]:
    """What the report's second part says: about the message, then about each recipient."""
    found: Any = list(report.iter_parts())[1].get_payload()
    return list(found)


def events(postroom: Postroom, octets: bytes) -> list[dict[str, Any]]:
    """All that is known of a message, by its Message-ID."""
    name = email.message_from_bytes(octets)["Message-ID"]
    done = postroom.command("trace", name, "--json")
    journeys = json.loads(done.stdout) if done.returncode == 0 else []
    return [event for journey in journeys for event in journey["events"]]


def steps(postroom: Postroom, octets: bytes) -> list[str]:
    return [event["step"] for event in events(postroom, octets)]


def _bare(text: str) -> str:
    return text.replace(" ", "")
