"""Sockets and TLS against servers that are good, silent, or lie."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from postroom.platform import dane
from postroom.platform.network import PeerLost, PeerSilent, Tlsa, TlsFailed, TlsWanted
from postroom.platform.sockets import SocketConnection, SocketNetwork
from tests.running import free_port

NAME = "mx.example.org"


@contextmanager
def server(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serves one connection in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            handle(connection)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextmanager
def connected(port: int, trust: Path | None = None) -> Iterator[SocketConnection]:
    connection = SocketNetwork(trust).connect("127.0.0.1", port, 5)
    try:
        yield connection
    finally:
        connection.close()


def test_octets_go_both_ways() -> None:
    piece = bytes(range(256)) * 200

    def echo(connection: socket.socket) -> None:
        while octets := connection.recv(65536):
            connection.sendall(octets)

    with server(echo) as port, connected(port) as connection:
        assert connection.peer == "127.0.0.1"
        for _ in range(20):
            connection.send(piece, 5)
            found = b""
            while len(found) < len(piece):
                octets = connection.receive(10_000, 5)
                assert 1 <= len(octets) <= 10_000
                found += octets
            assert found == piece


def test_the_peer_hangs_up() -> None:
    with server(lambda one: one.sendall(b"bye")) as port, connected(port) as connection:
        assert connection.receive(10, 5) == b"bye"
        assert connection.receive(10, 5) == b""


def test_nobody_listens() -> None:
    with free_port() as port, pytest.raises(PeerLost, match="refused"):
        SocketNetwork().connect("127.0.0.1", port, 5)


@pytest.mark.parametrize("address", ["not an address", "::ffff:300.1.1.1", "", "fe80::1%nope"])
def test_no_address(address: str) -> None:
    with pytest.raises(PeerLost):
        SocketNetwork().connect(address, 25, 1)


def test_silence() -> None:
    with server(lambda connection: connection.recv(1)) as port, connected(port) as connection:
        with pytest.raises(PeerSilent):
            connection.receive(10, 0.05)
        with pytest.raises(PeerSilent):
            connection.receive(10, -1)
        connection.send(b"x", 1)


def test_a_peer_that_takes_nothing() -> None:
    held = threading.Event()
    with server(lambda _: held.wait(10) and None) as port, connected(port) as connection:
        with pytest.raises(PeerSilent):
            connection.send(b"x" * 50_000_000, 0.2)
        held.set()


def test_a_peer_that_resets() -> None:
    def reset(connection: socket.socket) -> None:
        connection.recv(1)  # else it may be over before the other side knows that it began
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    with server(reset) as port, connected(port) as connection:
        connection.send(b"x", 5)
        with pytest.raises(PeerLost):
            connection.receive(10, 5)
        connection.close()
        connection.close()
        with pytest.raises(PeerLost):
            connection.send(b"x", 1)


# --- TLS -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trust(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trust") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def _context(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def _handshake(
    context: ssl.SSLContext, wanted: TlsWanted, trust: Path | None = None
) -> tuple[str, str | None]:
    """Return what the client says of TLS, and the SNI the server was told."""
    told: list[str | None] = []
    context.sni_callback = lambda _, name, __: told.append(name)

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.sendall(b"hello")
            secured.recv(1)

    with server(handle) as port, connected(port, trust) as connection:
        connection.start_tls(wanted, 5)
        assert connection.receive(100, 5) == b"hello"
        connection.send(b"x", 5)
        assert connection.receive(100, 5) == b""
        return connection.tls, told[0] if told else None


def _kind(context: ssl.SSLContext, wanted: TlsWanted, trust: Path | None = None) -> str:
    try:
        _handshake(context, wanted, trust)
    except TlsFailed as error:
        return error.kind
    return ""


def test_any_certificate(authority: trustme.CA) -> None:
    context = _context(authority.issue_cert("other.test"))
    tls, told = _handshake(context, TlsWanted("any", (NAME,)))
    assert tls.startswith("TLSv1.3 TLS_")
    assert told == NAME
    assert _handshake(context, TlsWanted("any", ()))[1] is None
    assert _handshake(context, TlsWanted("any", ("192.0.2.1",)))[1] is None


@pytest.mark.parametrize(
    ("issued", "wanted", "kind"),
    [
        (("mx.example.org",), ("mx.example.org",), ""),
        (("mx.example.org",), ("MX.Example.ORG.",), ""),
        (("*.example.org",), ("mx.example.org",), ""),
        (("*.example.org",), ("a.mx.example.org",), "certificate-host-mismatch"),
        (("*.example.org",), ("example.org",), "certificate-host-mismatch"),
        (("mx.example.org",), ("*.example.org",), ""),
        (("mx.example.org",), (".example.org",), ""),
        (("a.mx.example.org",), (".example.org",), "certificate-host-mismatch"),
        (("*.example.org",), ("*.example.org",), ""),
        (("example.org",), ("*.example.org",), "certificate-host-mismatch"),
        (("127.0.0.1",), ("127.0.0.1",), ""),
        (("127.0.0.2",), ("127.0.0.1",), "certificate-host-mismatch"),
        (("mx.example.org",), (), "certificate-host-mismatch"),
        (("mx.example.org",), ("nope.test", "mx.example.org"), ""),
    ],
)
def test_names(
    issued: tuple[str, ...],
    wanted: tuple[str, ...],
    kind: str,
    authority: trustme.CA,
    trust: Path,
) -> None:
    context = _context(authority.issue_cert(*issued))
    assert _kind(context, TlsWanted("names", wanted), trust) == kind


def test_the_first_name_is_sent_that_is_one(authority: trustme.CA, trust: Path) -> None:
    context = _context(authority.issue_cert(NAME))
    wanted = TlsWanted("names", ("*.example.org", NAME))
    assert _handshake(context, wanted, trust)[1] == NAME


def test_expired_and_not_trusted(authority: trustme.CA, trust: Path) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    expired = _context(authority.issue_cert(NAME, not_after=past))
    assert _kind(expired, TlsWanted("names", (NAME,)), trust) == "certificate-expired"
    other = _context(trustme.CA().issue_cert(NAME))
    assert _kind(other, TlsWanted("names", (NAME,)), trust) == "certificate-not-trusted"
    assert _kind(other, TlsWanted("names", (NAME,))) == "certificate-not-trusted"


@pytest.mark.parametrize(
    "octets",
    [b"", b"220 no TLS at all\r\n" * 10, b"\x16\x03\x03\x40\x00" + b"\xff" * 20_000,
     b"\x15\x03\x03\0\x02\x02\x28"],
)  # fmt: skip
def test_garbage_instead_of_a_handshake(octets: bytes) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(10)
        connection.sendall(octets)

    with (
        server(handle) as port,
        connected(port) as connection,
        pytest.raises((TlsFailed, PeerLost)),
    ):
        connection.start_tls(TlsWanted("any", (NAME,)), 5)


def test_a_handshake_that_never_ends() -> None:
    stop = threading.Event()

    def handle(connection: socket.socket) -> None:
        for octet in b"\x16\x03\x03\x40\x00" + b"\x02" * 1000:
            connection.sendall(bytes([octet]))
            if stop.wait(0.02):
                return

    with server(handle) as port, connected(port) as connection:
        with pytest.raises(PeerSilent):
            connection.start_tls(TlsWanted("any", (NAME,)), 0.2)
        stop.set()


# --- DANE ------------------------------------------------------------------------------------


def _der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


def _association(der: bytes, selector: int, matching: int) -> bytes:
    selected = der
    if selector:
        selected = (
            x509.load_der_x509_certificate(der)
            .public_key()
            .public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
    return [lambda x: x, lambda x: sha256(x).digest(), lambda x: sha512(x).digest()][matching](
        selected
    )


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_dane_ee_looks_at_nothing_but_the_match(
    selector: int, matching: int, authority: trustme.CA
) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    leaf = authority.issue_cert("other.test", not_after=past)
    good = _association(_der(leaf.cert_chain_pems[0].bytes()), selector, matching)
    bad = bytes([good[0] ^ 1]) + good[1:]
    for association, kind in ((good, ""), (bad, "validation-failure")):
        wanted = TlsWanted("dane", (NAME,), (Tlsa(3, selector, matching, association),))
        assert _kind(_context(leaf), wanted) == kind


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_dane_ta(selector: int, matching: int, authority: trustme.CA) -> None:
    middle = authority.create_child_ca()
    leaf = middle.issue_cert(NAME)  # its chain has the middle, not the root
    for anchor, sent in ((middle, True), (authority, False)):
        record = Tlsa(
            2, selector, matching, _association(_der(anchor.cert_pem.bytes()), selector, matching)
        )
        good = TlsWanted("dane", (NAME,), (record,))
        # An anchor that is not sent can only be used if the DNS has all of it.
        expected = "" if sent or matching == 0 else "validation-failure"
        assert _kind(_context(leaf), good) == expected
        wrong = TlsWanted("dane", ("mx2.example.org",), (record,))
        if expected == "":
            assert _kind(_context(leaf), wrong) == "certificate-host-mismatch"
    leaf_as_anchor = Tlsa(2, 0, 1, sha256(_der(leaf.cert_chain_pems[0].bytes())).digest())
    assert _kind(_context(leaf), TlsWanted("dane", (NAME,), (leaf_as_anchor,)))


def test_dane_ta_looks_at_dates(authority: trustme.CA) -> None:
    middle = authority.create_child_ca()
    leaf = middle.issue_cert(NAME, not_after=datetime.now(UTC) - timedelta(days=1))
    record = Tlsa(2, 0, 1, sha256(_der(middle.cert_pem.bytes())).digest())
    wanted = TlsWanted("dane", (NAME,), (record,))
    assert _kind(_context(leaf), wanted) == "certificate-expired"


def test_dane_ta_needs_a_signature(authority: trustme.CA) -> None:
    """A server may send the anchor without being signed by it."""
    other = trustme.CA()
    leaf = other.issue_cert(NAME)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain = leaf.private_key_pem.bytes() + leaf.cert_chain_pems[0].bytes()
    with trustme.Blob(chain + authority.cert_pem.bytes()).tempfile() as path:
        context.load_cert_chain(path)
    record = Tlsa(2, 0, 1, sha256(_der(authority.cert_pem.bytes())).digest())
    assert _kind(context, TlsWanted("dane", (NAME,), (record,))) == "certificate-not-trusted"


def test_a_leaf_cannot_sign(authority: trustme.CA) -> None:
    """An ordinary certificate of the anchor does not make its owner an authority."""
    now = datetime.now(UTC)
    middle = authority.issue_cert("evil.test")
    signer = serialization.load_pem_private_key(middle.private_key_pem.bytes(), None)
    above = x509.load_pem_x509_certificate(middle.cert_chain_pems[0].bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    forged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]))
        .issuer_name(above.subject)
        .public_key(key.public_key())
        .serial_number(5)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(signer, hashes.SHA256())  # type: ignore[arg-type]
    )
    chain = [
        forged.public_bytes(serialization.Encoding.DER),
        above.public_bytes(serialization.Encoding.DER),
        _der(authority.cert_pem.bytes()),
    ]
    record = Tlsa(2, 0, 1, sha256(chain[2]).digest())
    with pytest.raises(TlsFailed) as caught:
        dane.check([record], [NAME], chain, now)
    assert caught.value.kind == "certificate-not-trusted"
    dane.check([Tlsa(3, 0, 1, sha256(chain[0]).digest())], [], chain, now)


def test_a_cn_counts_where_there_is_no_dns_id() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(5)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    assert dane.names_of(certificate) == [NAME]


def test_several_records_one_of_which_matches(authority: trustme.CA) -> None:
    leaf = authority.issue_cert(NAME)
    der = _der(leaf.cert_chain_pems[0].bytes())
    good = Tlsa(3, 1, 1, _association(der, 1, 1))
    noise = (Tlsa(3, 1, 1, b"\0" * 32), Tlsa(2, 1, 1, b"\1" * 32), Tlsa(1, 0, 1, b"\2" * 32))
    assert _kind(_context(leaf), TlsWanted("dane", (NAME,), (*noise, good))) == ""


def test_the_strongest_digest_counts(authority: trustme.CA) -> None:
    """RFC 7671 section 9: a weak digest that matches does not help against a strong one."""
    leaf = authority.issue_cert(NAME)
    der = _der(leaf.cert_chain_pems[0].bytes())
    weak, strong = Tlsa(3, 1, 1, _association(der, 1, 1)), Tlsa(3, 1, 2, b"\0" * 64)
    wanted = TlsWanted("dane", (NAME,), (weak, strong))
    assert _kind(_context(leaf), wanted) == "validation-failure"


def test_unusable_records_leave_tls_without_a_check(authority: trustme.CA) -> None:
    leaf = authority.issue_cert("other.test")
    records = (
        Tlsa(0, 0, 1, b"\0" * 32),
        Tlsa(1, 1, 1, b"\0" * 32),
        Tlsa(3, 2, 1, b"\0" * 32),
        Tlsa(3, 1, 3, b"\0" * 32),
        Tlsa(3, 1, 1, b"\0" * 31),
        Tlsa(2, 0, 0, b""),
    )
    assert dane.usable(records) == ()
    assert _kind(_context(leaf), TlsWanted("dane", (NAME,), records)) == ""


def test_hostile_records_and_certificates() -> None:
    now = datetime.now(UTC)
    records = [Tlsa(2, 1, 0, b"\x30\x82garbage"), Tlsa(2, 0, 0, b"garbage"), Tlsa(3, 1, 0, b"x")]
    for chain in ([], [b""], [b"\x30\x84\xff\xff\xff\xff"], [b"\x30" * 100, b"\x30\x80"]):
        with pytest.raises(TlsFailed):
            dane.check(records, [NAME], chain, now)
