"""A certification authority of our own, for machines that have no certificate from a real one."""

import datetime
import fcntl
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_DAYS = 3650
_SERVER_DAYS = 90
_RENEW_DAYS = 30  # a server certificate with less than this left is replaced
_SKEW = datetime.timedelta(hours=1)  # clients' clocks may be behind


@dataclass(frozen=True, slots=True)
class DevelopmentCertificate:
    authority: Path  # certificate that clients are told to trust
    certificate: Path
    key: Path


def development_certificate(
    folder: Path, hostnames: Sequence[str], now: datetime.datetime | None = None
) -> DevelopmentCertificate:
    """Return a certificate for the host names and addresses, made or renewed where needed.

    The authority (``authority.pem``, ``authority-key.pem``) is made once and stays, so that
    clients keep trusting it. Keys are EC P-256 with mode 0600. Several processes may call this
    at once. Raises OSError.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = DevelopmentCertificate(
        folder / "authority.pem", folder / "server.pem", folder / "server-key.pem"
    )
    with open(folder / "lock", "a", opener=_private) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        authority, authority_key = _authority(files.authority, folder / "authority-key.pem", now)
        if not _still_good(files, authority, hostnames, now):
            certificate, key = _issue(authority, authority_key, hostnames, now)
            # The chain and then the key: `Tls` loads them only when they belong together.
            _write(files.key, _key_pem(key))
            _write(files.certificate, _pem(certificate) + _pem(authority))
    return files


def _authority(
    file: Path, key_file: Path, now: datetime.datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    if file.exists() and key_file.exists():
        found = x509.load_pem_x509_certificate(file.read_bytes())
        loaded = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if found.not_valid_after_utc > now and isinstance(loaded, ec.EllipticCurvePrivateKey):
            return found, loaded
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Postroom development authority")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + datetime.timedelta(days=_AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(key_file, _key_pem(key))
    _write(file, _pem(certificate), mode=0o644)
    return certificate, key


def _issue(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    hostnames: Sequence[str],
    now: datetime.datetime,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = (
        x509.CertificateBuilder()
        # Names are in the alternative names; a common name could be too short for them.
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Postroom")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + datetime.timedelta(days=_SERVER_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(hostnames)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return certificate, key


def _still_good(
    files: DevelopmentCertificate,
    authority: x509.Certificate,
    hostnames: Sequence[str],
    now: datetime.datetime,
) -> bool:
    if not files.certificate.exists() or not files.key.exists():
        return False
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        certificate.not_valid_after_utc > now + datetime.timedelta(days=_RENEW_DAYS)
        and certificate.issuer == authority.subject
        and certificate.public_key() == key.public_key()
        and set(_names(hostnames)) <= set(names)
    )


def _names(hostnames: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for hostname in dict.fromkeys(hostnames):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(hostname)))
        except ValueError:
            names.append(x509.DNSName(hostname))
    return names


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(file: Path, octets: bytes, mode: int = 0o600) -> None:
    draft = file.with_name(file.name + ".draft")
    with open(draft, "wb", opener=_private) as handle:
        handle.write(octets)
    draft.chmod(mode)
    os.replace(draft, file)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
