"""A whole Postroom and Debian's Exim send each other mail, reports and bounces."""

from collections.abc import Iterator

import pytest

from tests.clients.conftest import User
from tests.clients.letters import LETTERS
from tests.peers import exchange
from tests.peers.exim import MISSING, Exim, exim
from tests.running import Postroom
from tests.sinks import Sink, refuse

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]


@pytest.fixture(scope="module")
def peer(postroom: Postroom) -> Iterator[Exim]:
    with Sink(refuse("<nobody.")) as behind, exim(postroom.ports["smtp"], behind.port) as found:
        exchange.lead(postroom, found, found.domain, "behind.exim.test")
        yield found


def test_every_letter_arrives_at_exim(postroom: Postroom, user: User, peer: Exim) -> None:
    exchange.every_letter_arrives_there(postroom, user, peer)
    came = [line for line in peer.log() if f"for bob@{peer.domain}" in line]
    # L: the client has used PIPELINING (a dot: not Exim's own PIPECONNECT), K: CHUNKING.
    assert all(" P=esmtp L. K " in line for line in came), came
    assert came


def test_signatures_hold_at_exim(postroom: Postroom, user: User, peer: Exim) -> None:
    exchange.signatures_hold_there(postroom, user, peer)


def test_every_letter_arrives_from_exim(postroom: Postroom, user: User, peer: Exim) -> None:
    came = exchange.every_letter_arrives_here(postroom, user, peer)
    for name, sent in LETTERS.items():
        assert any(octets.endswith(b"\r\n" + sent) for octets in came), name
    left = [line for line in peer.log() if f"=> {user.address}" in line]
    assert all(" L K " in line for line in left), left
    assert left


def test_a_bounce_of_exim_counts(postroom: Postroom, user: User, peer: Exim) -> None:
    """Its status is 5.0.0 whatever has failed; what the server behind it said tells more."""
    nobody = exchange.a_bounce_is_credited(postroom, user, peer, "behind.exim.test")
    [bounce] = exchange.reports(postroom, user, 1)
    recipient = exchange.blocks(bounce)[1]
    assert recipient["Status"] == "5.0.0"
    assert "550 5.1.1" in str(recipient["Diagnostic-Code"])
    assert exchange.is_suppressed(postroom, nobody)
    exchange.the_next_one_fails_at_once(postroom, user, nobody)


def test_a_bounce_that_gives_no_reason_only_tells(
    postroom: Postroom, user: User, peer: Exim
) -> None:
    """Exim's own: 5.0.0, and "Unrouteable address" for people only."""
    nobody = exchange.a_bounce_is_credited(postroom, user, peer, peer.domain)
    assert not exchange.is_suppressed(postroom, nobody)


def test_exim_reports_success(postroom: Postroom, user: User, peer: Exim) -> None:
    # Exim 4.96 repeats the ENVID in xtext, as it stands in the command.
    exchange.a_success_is_reported(postroom, user, peer, envelope_id="order+2B42")
