"""DANE over zones that bind9 serves and unbound validates, up to TLS with a server here."""

import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.network import TlsFailed
from postroom.platform.sockets import SocketNetwork
from postroom.relay.destinations.find import Destinations, Unroutable
from postroom.relay.destinations.routes import DEFAULT
from postroom.relay.parcel import Host
from tests.signed_names import SignedNames, is_installed, signed_names
from tests.unit.relay.destinations.places import Pages
from tests.unit.relay.world import SetClock, SteadyRandomness

pytestmark = pytest.mark.skipif(not is_installed(), reason="needs bind9, bind9-utils and unbound")


def key_digest(certificate: trustme.LeafCert) -> str:
    found = load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes())
    key = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


CERTIFICATE = trustme.CA().issue_cert("anything.test")
DIGEST = key_digest(CERTIFICATE)
SIGNED = f"""
@ MX 10 mx
@ MX 20 mx.plain.test.
mx A 127.0.0.1
_25._tcp.mx TLSA 3 1 1 {DIGEST}
wrong MX 10 mx-wrong
mx-wrong A 127.0.0.1
_25._tcp.mx-wrong TLSA 3 1 1 {"00" * 32}
alias MX 10 cname
cname CNAME mx
bare A 127.0.0.1
_25._tcp.bare TLSA 3 1 1 {DIGEST}
"""
PLAIN = f"@ MX 10 mx\nmx A 127.0.0.1\n_25._tcp.mx TLSA 3 1 1 {DIGEST}\n"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedNames]:
    folder = tmp_path_factory.mktemp("names")
    with signed_names(
        folder,
        {"signed.test": SIGNED},
        plain={"plain.test": PLAIN, "half.test": "@ MX 10 mx.bogus.test."},
        bogus={"bogus.test": PLAIN},
    ) as found:
        yield found


@pytest.fixture
def destinations(names: SignedNames, tmp_path: Path) -> Iterator[Destinations]:
    clock = SetClock()
    store = EmbeddedStore(tmp_path / "store", clock)
    yield Destinations(
        names.resolver(), Pages(), store.table, clock, SteadyRandomness(), ("mail.ours.test",), True
    )
    store.close()


@contextmanager
def tls_server() -> Iterator[int]:
    """One handshake after the other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.configure_cert(context)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            plain, _ = listening.accept()
            try:
                with context.wrap_socket(plain, server_side=True) as secured:
                    secured.recv(1)
            except OSError:
                continue
            finally:
                plain.close()

    def run() -> None:
        try:
            serve()
        except OSError:
            return  # it was closed

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def handshake(host: Host, port: int) -> str:
    """Port 25 is not ours to serve on: the server stands in for it elsewhere."""
    assert host.tls is not None
    connection = SocketNetwork().connect(replace(host, port=port).addresses[0], port, 5.0)
    try:
        connection.start_tls(host.tls, 5.0)
        return connection.tls
    finally:
        connection.close()


def test_what_unbound_says(names: SignedNames) -> None:
    resolver = names.resolver()
    assert resolver.query("signed.test", "MX").validated
    assert resolver.query("_25._tcp.mx.signed.test", "TLSA").validated
    absent = resolver.query("nowhere.signed.test", "MX")
    assert (absent.exists, absent.validated) == (False, True)
    assert resolver.query("plain.test", "MX").records
    assert not resolver.query("plain.test", "MX").validated


def test_dane_end_to_end(destinations: Destinations) -> None:
    mx, other = destinations.hosts("signed.test", DEFAULT)
    assert (mx.name, mx.policy, mx.tls_required) == ("mx.signed.test", "tlsa", True)
    assert (other.name, other.policy, other.tls_required) == ("mx.plain.test", "", False)
    with tls_server() as port:
        assert handshake(mx, port).startswith("TLSv1")


def test_a_certificate_that_the_records_do_not_know(destinations: Destinations) -> None:
    [host] = destinations.hosts("wrong.signed.test", DEFAULT)
    with tls_server() as port, pytest.raises(TlsFailed, match="no TLSA record"):
        handshake(host, port)


def test_aliases_and_domains_without_mx(destinations: Destinations) -> None:
    [alias] = destinations.hosts("alias.signed.test", DEFAULT)
    [bare] = destinations.hosts("bare.signed.test", DEFAULT)
    assert alias.tls is not None
    assert bare.tls is not None
    assert alias.tls.names == ("mx.signed.test", "cname.signed.test", "alias.signed.test")
    assert bare.tls.names == ("bare.signed.test",)
    assert alias.tls.check == bare.tls.check == "dane"


def test_a_zone_without_signatures_has_no_dane(destinations: Destinations) -> None:
    [host] = destinations.hosts("plain.test", DEFAULT)
    assert (host.policy, host.tls_required) == ("", False)
    with pytest.raises(Unroutable, match="REQUIRETLS"):
        destinations.hosts("plain.test", DEFAULT, requiretls=True)


@pytest.mark.parametrize("domain", ["bogus.test", "half.test"])
def test_forged_answers_let_mail_wait(destinations: Destinations, domain: str) -> None:
    with pytest.raises(Unroutable) as told:
        destinations.hosts(domain, DEFAULT)
    assert (told.value.status, told.value.permanent) == ("4.4.3", False)
