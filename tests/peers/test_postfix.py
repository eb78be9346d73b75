"""A whole Postroom and Debian's Postfix send each other mail, reports and bounces."""

from collections.abc import Iterator

import pytest

from bench.machine import wait_until
from tests.clients.conftest import User
from tests.clients.letters import LETTERS, below_ours
from tests.clients.reading import inbox
from tests.peers import exchange
from tests.peers.letters import letter
from tests.peers.postfix import CAN_RUN, Postfix, postfix
from tests.running import Postroom

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(not CAN_RUN, reason="needs root and Debian's postfix"),
]


@pytest.fixture(scope="module")
def peer(postroom: Postroom) -> Iterator[Postfix]:
    with postfix(postroom.ports["smtp"]) as found:
        exchange.lead(postroom, found, found.domain)
        yield found


def test_every_letter_arrives_at_postfix(postroom: Postroom, user: User, peer: Postfix) -> None:
    exchange.every_letter_arrives_there(postroom, user, peer)


def test_signatures_hold_at_postfix(postroom: Postroom, user: User, peer: Postfix) -> None:
    exchange.signatures_hold_there(postroom, user, peer)


def test_every_letter_arrives_from_postfix(postroom: Postroom, user: User, peer: Postfix) -> None:
    came = exchange.every_letter_arrives_here(postroom, user, peer)
    assert all(octets.startswith(b"Received: from ") for octets in came)
    for name, sent in LETTERS.items():
        assert any(octets.endswith(b"\r\n" + sent) for octets in came), name


def test_a_letter_from_sendmail(postroom: Postroom, user: User, peer: Postfix) -> None:
    sent = letter("root@postfix.test", user.address).replace(b"\r\n", b"\n")
    peer.run("sendmail", "-f", "root@postfix.test", "-i", user.address, stdin=sent)
    [octets] = inbox(postroom, user, 1)
    assert b"Return-Path: <root@postfix.test>\r\n" in octets
    assert below_ours(octets).endswith(b"\r\n" + sent.replace(b"\n", b"\r\n"))


def test_a_bounce_of_postfix_counts(postroom: Postroom, user: User, peer: Postfix) -> None:
    nobody = exchange.a_bounce_is_credited(postroom, user, peer, peer.domain)
    assert exchange.is_suppressed(postroom, nobody)
    exchange.the_next_one_fails_at_once(postroom, user, nobody)


def test_postfix_reports_success(postroom: Postroom, user: User, peer: Postfix) -> None:
    exchange.a_success_is_reported(postroom, user, peer)


def test_postfix_bounces_what_we_refuse(postroom: Postroom, user: User, peer: Postfix) -> None:
    """Our 550 to its RCPT becomes its bounce, which says what we said."""
    sent = letter("bob@postfix.test", "stranger@example.test")
    peer.run("sendmail", "-f", "bob@postfix.test", "-i", "stranger@example.test", stdin=sent)
    [bounce] = peer.mail(1)
    assert b"Status: 5.1.1" in bounce
    assert b"Diagnostic-Code: smtp; 550 5.1.1" in bounce
    wait_until(lambda: "status=bounced" in peer.said(), "Postfix's log", 30)
