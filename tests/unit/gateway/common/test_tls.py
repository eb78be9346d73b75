import datetime
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from gateway.certificates import development_certificate
from gateway.tls import Tls, development_names, open_tls, tls_facts
from postroom.errors import BadSetting

NAMES = ["mail.example.test", "localhost", "127.0.0.1"]


def handshake(
    server: ssl.SSLContext, authority: Path, name: str = "localhost", **client: object
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """A handshake in memory; returns server's and client's ends."""
    trust = ssl.create_default_context(cafile=str(authority))
    for attribute, value in client.items():
        setattr(trust, attribute, value)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = server.wrap_bio(to_server, to_client, server_side=True)
    there = trust.wrap_bio(to_client, to_server, server_hostname=name)
    done = set()
    for _ in range(10):
        for end in (there, here):
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                continue
    assert len(done) == 2
    return here, there


def served(end: ssl.SSLObject) -> int:
    octets = end.getpeercert(binary_form=True)
    assert octets
    return x509.load_der_x509_certificate(octets).serial_number


def test_a_development_certificate_is_trusted_by_its_authority(tmp_path: Path) -> None:
    tls = open_tls(None, None, tmp_path / "tls", NAMES)
    for name in NAMES:
        here, _ = handshake(tls.context, tmp_path / "tls/authority.pem", name)
    assert tls_facts(here) == "TLSv1.3 TLS_AES_256_GCM_SHA384"
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tls.context, tmp_path / "tls/authority.pem", "other.example")


def test_tls_1_2_has_forward_secrecy_and_older_ones_are_refused(tmp_path: Path) -> None:
    tls = open_tls(None, None, tmp_path, NAMES)
    authority = tmp_path / "authority.pem"
    here, _ = handshake(tls.context, authority, maximum_version=ssl.TLSVersion.TLSv1_2)
    assert tls_facts(here).startswith("TLSv1.2 ECDHE-ECDSA-")
    assert here.compression() is None
    assert tls.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls_facts(None) == ""


def test_keys_are_private(tmp_path: Path) -> None:
    development_certificate(tmp_path / "tls", NAMES)
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    for name in ("authority-key.pem", "server-key.pem"):
        assert stat.S_IMODE((tmp_path / "tls" / name).stat().st_mode) == 0o600


def test_a_certificate_is_kept_until_it_nears_its_end(tmp_path: Path) -> None:
    made = development_certificate(tmp_path, NAMES)
    first, authority = made.certificate.read_bytes(), made.authority.read_bytes()
    assert development_certificate(tmp_path, NAMES[:1]).certificate.read_bytes() == first
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=61)
    renewed = development_certificate(tmp_path, NAMES, later).certificate.read_bytes()
    assert renewed != first
    assert made.authority.read_bytes() == authority


def test_another_name_needs_another_certificate(tmp_path: Path) -> None:
    first = development_certificate(tmp_path, NAMES).certificate.read_bytes()
    assert development_certificate(tmp_path, ["new.example"]).certificate.read_bytes() != first


def test_a_new_certificate_is_used_from_the_next_handshake_on(tmp_path: Path) -> None:
    old, new = (development_certificate(tmp_path / name, NAMES) for name in ("old", "new"))
    folder = tmp_path / "live"
    folder.mkdir()
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(old.certificate.read_bytes())
    key.write_bytes(old.key.read_bytes())
    tls = Tls(certificate, key)
    assert not tls.reload_if_changed()
    here, before = handshake(tls.context, old.authority)

    # Half of the change, as a careless script leaves it for a moment: the old one stays.
    certificate.write_bytes(new.certificate.read_bytes())
    assert not tls.reload_if_changed()
    _, still = handshake(tls.context, old.authority)
    assert served(still) == served(before)

    key.write_bytes(new.key.read_bytes())
    assert tls.reload_if_changed()
    _, after = handshake(tls.context, new.authority)
    assert served(after) != served(before)
    here.write(b"goes on")  # the old connection lives
    assert before.read(100) == b"goes on"


def test_files_that_are_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    with pytest.raises(BadSetting, match="empty"):
        Tls(tmp_path / "empty", tmp_path / "empty")
    with pytest.raises(BadSetting, match="missing"):
        Tls(tmp_path / "missing", tmp_path / "missing")


def test_a_development_certificate_has_the_names_that_clients_use() -> None:
    names = development_names("mail.example.test", ["0.0.0.0", "192.0.2.1"])
    assert names == ["mail.example.test", "localhost", "127.0.0.1", "::1", "192.0.2.1"]
