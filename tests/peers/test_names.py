"""A whole Postroom finds other servers by DNS, and believes them by DANE and MTA-STS.

The names are served by bind9 and validated by unbound, the servers listen on port 25 of addresses
of loopback.
"""

import contextlib
import hashlib
import json
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from bench.machine import wait_until
from tests.clients.conftest import User
from tests.peers.exchange import blocks, events, reports, steps, submit
from tests.peers.letters import letter
from tests.running import Postroom, running
from tests.signed_names import is_installed, signed_names
from tests.sinks import Letter, Sink
from tests.sites import served, text

# Of this process alone: other tests may do the same at this moment.
NETWORK = f"127.{128 + os.getpid() // 250 % 100}.{1 + os.getpid() % 250}"
UP, OTHER, PROVEN, DOWN, WEB = (f"{NETWORK}.{number}" for number in range(1, 6))


def _can_listen() -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind((UP, 25))
        return True
    return False


pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(not is_installed(), reason="needs bind9, bind9-utils and unbound"),
    pytest.mark.skipif(not _can_listen(), reason=f"nobody may listen on port 25 of {UP}"),
]

UNKNOWN = trustme.CA().issue_cert("whoever.test")
PLAIN = f"""
by-preference MX 20 other
by-preference MX 10 up
moved MX 10 down
moved MX 20 up
up A {UP}
other A {OTHER}
down A {DOWN}
implicit A {UP}
null MX 0 .
ours MX 10 localhost.
noaddress MX 10 nothing
alias CNAME by-preference
sts MX 10 proven.names.test.
_mta-sts.sts TXT "v=STSv1; id=1;"
mta-sts.sts A {WEB}
unlisted MX 10 up
_mta-sts.unlisted TXT "v=STSv1; id=1;"
mta-sts.unlisted A {WEB}
unproven MX 10 up
_mta-sts.unproven TXT "v=STSv1; id=1;"
mta-sts.unproven A {WEB}
proven A {PROVEN}
"""
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: %b.names.test\r\nmax_age: 86400\r\n"
LISTED = {  # by the host that publishes the policy: the server in it
    "mta-sts.sts.names.test": b"proven",
    "mta-sts.unlisted.names.test": b"proven",
    "mta-sts.unproven.names.test": b"up",
}


def _signed(certificate: trustme.LeafCert) -> str:
    found = load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes())
    key = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"""
good MX 10 mx.good
mx.good A {OTHER}
_25._tcp.mx.good TLSA 3 1 1 {hashlib.sha256(key).hexdigest()}
bad MX 10 mx.bad
mx.bad A {OTHER}
_25._tcp.mx.bad TLSA 3 1 1 {"00" * 32}
"""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def servers(authority: trustme.CA) -> Iterator[dict[str, Sink]]:
    """By address. One proves its name, the other's certificate is by nobody whom we trust."""
    with ExitStack() as stack:
        yield {
            address: stack.enter_context(Sink(address=address, port=25, context=context))
            for address, context in (
                (UP, None),
                (OTHER, _context(UNKNOWN)),
                (PROVEN, _context(authority.issue_cert("proven.names.test"))),
            )
        }


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="module")
def postroom(
    authority: trustme.CA, servers: dict[str, Sink], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Postroom]:
    folder = tmp_path_factory.mktemp("postroom")
    trusted = folder / "trusted.pem"
    authority.cert_pem.write_to_path(str(trusted))
    with ExitStack() as stack:
        names = stack.enter_context(
            signed_names(
                tmp_path_factory.mktemp("names"),
                {"signed.test": _signed(UNKNOWN)},
                plain={"names.test": PLAIN},
                bogus={"bogus.test": f"@ MX 10 mx\nmx A {UP}\n"},
            )
        )
        site = stack.enter_context(served(authority.issue_cert(*LISTED), WEB, 443))
        site.answer = lambda asked: text(POLICY % LISTED[asked.headers["Host"]])(asked)
        environment = {
            "POSTROOM_RESOLVER": f"127.0.0.1:{names.port}",
            "POSTROOM_RELAY_LOOPBACK": "on",
            "SSL_CERT_FILE": str(trusted),
        }
        yield stack.enter_context(running(folder, ["postmaster"], environment=environment))


def send(postroom: Postroom, user: User, domain: str) -> bytes:
    to = f"bob.{user.address.partition('@')[0]}@{domain}"
    sent = letter(user.address, to)
    submit(postroom, user, to, [sent])
    return sent


def arrived(server: Sink, user: User) -> list[Letter]:
    to = f"bob.{user.address.partition('@')[0]}@"
    return [one for one in server.letters if one.recipients[0].startswith(to)]


def waiting(postroom: Postroom, user: User) -> list[dict[str, Any]]:
    listed = postroom.command("queue", "list", "--sender", user.address, "--json").stdout
    return [entry for entry in json.loads(listed) if entry["tries"]]


@pytest.mark.parametrize(
    ("domain", "address"),
    [
        pytest.param("by-preference.names.test", UP, id="the best preference first"),
        pytest.param("moved.names.test", UP, id="the next one when that is down"),
        pytest.param("implicit.names.test", UP, id="the domain itself without MX"),
        pytest.param("alias.names.test", UP, id="a domain that is an alias"),
        pytest.param("sts.names.test", PROVEN, id="a policy that is met"),
        pytest.param("good.signed.test", OTHER, id="a certificate that a TLSA record names"),
    ],
)
def test_mail_finds_its_way(
    postroom: Postroom, user: User, servers: dict[str, Sink], domain: str, address: str
) -> None:
    sent = send(postroom, user, domain)
    wait_until(lambda: bool(arrived(servers[address], user)), "the mail", 30)
    [came] = arrived(servers[address], user)
    assert bool(came.tls) is (address != UP)
    wait_until(lambda: "relayed" in steps(postroom, sent), "the journey", 30)
    assert sum(len(arrived(server, user)) for server in servers.values()) == 1


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        pytest.param("null.names.test", "5.1.10", id="accepts no mail"),
        pytest.param("nowhere.names.test", "5.1.2", id="does not exist"),
        pytest.param("noaddress.names.test", "5.4.4", id="no server has an address"),
        pytest.param("ours.names.test", "5.4.6", id="leads back to us"),
    ],
)
def test_what_cannot_arrive_bounces_at_once(
    postroom: Postroom, user: User, domain: str, status: str
) -> None:
    sent = send(postroom, user, domain)
    [report] = reports(postroom, user, 1)
    _, recipient = blocks(report)
    assert (recipient["Action"], recipient["Status"]) == ("failed", status)
    assert "relayed" not in steps(postroom, sent)


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        pytest.param("unlisted.names.test", "MTA-STS", id="a server that the policy does not name"),
        pytest.param("unproven.names.test", "TLS", id="a server of the policy without TLS"),
        pytest.param("bad.signed.test", "TLSA", id="another certificate than the TLSA record's"),
        pytest.param("bogus.test", "SERVFAIL", id="names with signatures that do not hold"),
    ],
)
def test_what_is_not_proven_waits(
    postroom: Postroom, user: User, servers: dict[str, Sink], domain: str, reason: str
) -> None:
    sent = send(postroom, user, domain)
    wait_until(lambda: bool(waiting(postroom, user)), "an attempt", 30)
    [entry] = waiting(postroom, user)
    assert reason in entry["reason"], entry
    assert not any(arrived(server, user) for server in servers.values())
    assert [event["step"] for event in events(postroom, sent)][-1] == "deferred"
