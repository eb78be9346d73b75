"""TLS for every listener: one context, whose certificate can be replaced while it is in use."""

import asyncio
import logging
import os
import ssl
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from gateway.certificates import development_certificate
from postroom.errors import BadSetting

log = logging.getLogger("postroom.tls")

# TLS 1.2 (RFC 9325): forward secrecy and authenticated encryption only. TLS 1.3 has no others.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
# RFC 7301 names; a client that offers none, or others, gets its TLS all the same.
_PROTOCOLS = ["imap", "pop3", "managesieve"]
_END_POINT = "tls-server-end-point"  # RFC 5929 section 4
_OVERLAP = 600  # seconds in which the binding of a replaced certificate is still taken
_RENEW = 6 * 3600  # seconds between looks whether a development certificate is near its end


class Tls:
    """The certificate in use. ``context`` stays the same object for the life of the process:
    handshakes after a ``reload`` use the new certificate, connections under way keep theirs."""

    def __init__(
        self, certificate: Path, key: Path, renew: Callable[[], object] | None = None
    ) -> None:
        """*renew* is called from time to time and may replace the files.

        Raises BadSetting when they hold no certificate with its key.
        """
        self._renew = renew
        self._renewed = time.monotonic()
        self._certificate = certificate
        self._key = key
        self._seen = self._stamps()
        self.context = _server_context()
        self._load(self.context)
        self._end_point = _end_point_of(certificate)
        self._former: tuple[bytes, float] = (b"", 0.0)  # and until when it counts

    def reload(self) -> bool:
        """Read the files again. Bad ones are logged and the certificate in use is kept."""
        self._seen = self._stamps()
        try:
            # A key that does not fit would leave the context half changed: try on another first.
            self._load(_server_context())
            self._load(self.context)
        except BadSetting as error:
            log.error("certificate not reloaded", extra={"reason": str(error)})
            return False
        end_point = _end_point_of(self._certificate)
        if end_point != self._end_point:
            self._former = (self._end_point, time.monotonic() + _OVERLAP)
            self._end_point = end_point
        log.info("certificate reloaded", extra={"file": str(self._certificate)})
        return True

    def reload_if_changed(self) -> bool:
        """Call it now and then; two looks at the file system. Raises OSError."""
        if self._renew is not None and time.monotonic() - self._renewed > _RENEW:
            self._renewed = time.monotonic()
            self._renew()
        return self._stamps() != self._seen and self.reload()

    def bindings(self, connection: object) -> dict[str, tuple[bytes, ...]]:
        """The channel bindings (RFC 5929) of a connection of ours, by type; none in the clear.

        *connection* is what ``transport.get_extra_info("ssl_object")`` returned. A handshake just
        before a reload had the former certificate, so both count for some minutes.
        """
        if not isinstance(connection, (ssl.SSLObject, ssl.SSLSocket)):
            return {}
        former, until = self._former
        known = (self._end_point, former if time.monotonic() < until else b"")
        found = {_END_POINT: end_points} if (end_points := tuple(filter(None, known))) else {}
        if connection.version() == "TLSv1.2":  # for TLS 1.3 it is not defined
            unique = connection.get_channel_binding("tls-unique")
            if unique:
                found["tls-unique"] = (unique,)
        return found

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            # The empty password keeps OpenSSL from asking at the terminal for an encrypted key's.
            context.load_cert_chain(self._certificate, self._key, password="")
        except (OSError, ValueError) as error:  # SSLError is an OSError
            raise BadSetting(f"no TLS with {self._certificate} and {self._key}: {error}") from error

    def _stamps(self) -> list[tuple[int, int, int]]:
        stamps = []
        for file in (self._certificate, self._key):
            try:
                found = os.stat(file)
            except OSError:
                continue
            stamps.append((found.st_ino, found.st_mtime_ns, found.st_size))
        return stamps


def _end_point_of(certificate: Path) -> bytes:
    """The hash of the server's certificate, empty where none is defined (Ed25519)."""
    try:
        found = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        algorithm = found.signature_hash_algorithm
    except (OSError, ValueError, UnsupportedAlgorithm):  # OpenSSL has taken it, so go on without
        return b""
    if algorithm is None:
        return b""
    if algorithm.name in ("md5", "sha1"):
        algorithm = hashes.SHA256()
    return found.fingerprint(algorithm)


def open_tls(
    certificate: Path | None, key: Path | None, folder: Path, hostnames: Sequence[str]
) -> Tls:
    """The given certificate, or one from a development authority kept in *folder*.

    Raises BadSetting.
    """
    if certificate is not None and key is not None:
        return Tls(certificate, key)
    make = partial(development_certificate, folder, hostnames)
    try:
        made = make()
    except (OSError, ValueError) as error:
        raise BadSetting(f"no development certificate in {folder}: {error}") from error
    log.info("development certificate", extra={"authority": str(made.authority)})
    return Tls(made.certificate, made.key, renew=make)


def development_names(hostname: str, bind: Sequence[str]) -> list[str]:
    """What clients may call a gateway that has a development certificate."""
    everywhere = ("0.0.0.0", "::")  # noqa: S104  (what is left out)
    addresses = [address for address in bind if address not in everywhere]
    return [hostname, "localhost", "127.0.0.1", "::1", *addresses]


def tls_facts(connection: object) -> str:
    """Return "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" in the clear.

    *connection* is what ``transport.get_extra_info("ssl_object")`` returned.
    """
    if not isinstance(connection, (ssl.SSLObject, ssl.SSLSocket)):
        return ""
    cipher = connection.cipher()
    return f"{connection.version()} {cipher[0]}" if cipher else ""


async def start_tls(
    transport: asyncio.Transport, protocol: asyncio.Protocol, tls: Tls, patience: float
) -> asyncio.Transport:
    """Go on in TLS as the server. Raises OSError when the handshake fails, TimeoutError too.

    Octets may reach ``protocol.data_received`` before this returns: keep them until then.
    """
    secured = await asyncio.get_running_loop().start_tls(
        transport,
        protocol,
        tls.context,
        server_side=True,
        ssl_handshake_timeout=patience,
        ssl_shutdown_timeout=2,
    )
    if secured is None:
        raise ConnectionResetError("the client left during the TLS handshake")
    return secured


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_SINGLE_ECDH_USE
    context.set_alpn_protocols(_PROTOCOLS)
    return context
