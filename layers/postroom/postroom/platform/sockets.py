"""Port Network over this machine's sockets, with OpenSSL for TLS.

Sockets never block: each call polls until its own deadline, so that a peer which sends an octet
a second extends nothing.
"""

import ipaddress
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from postroom.platform import dane
from postroom.platform.network import PeerLost, PeerSilent, TlsFailed, TlsWanted

_EXPIRED = {9, 10}  # X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED
_TLS_RECORD = 16_384


class SocketNetwork:
    """*trust*: a file of certificates to trust for ``names``; None: those of the system."""

    def __init__(self, trust: Path | None = None) -> None:
        self._trust = trust

    def connect(self, address: str, port: int, timeout: float) -> "SocketConnection":
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            found = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # no IPv6 here, or no descriptors left
            raise PeerLost(f"cannot connect to {address}: {error.strerror or error}") from error
        try:
            found.settimeout(max(timeout, 0.001))
            found.connect((address, port))
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            found.setblocking(False)
        except OSError as error:
            found.close()
            where = f"cannot connect to {address} port {port}"
            if isinstance(error, TimeoutError):
                raise PeerSilent(f"{where}: timed out") from error
            raise PeerLost(f"{where}: {error.strerror or error}") from error
        return SocketConnection(found, address, self._trust)


class SocketConnection:
    def __init__(self, found: socket.socket, peer: str, trust: Path | None) -> None:
        self.peer = peer
        self.tls = ""
        self._socket = found
        self._trust = trust
        self._poll = select.poll()
        self._events = select.POLLIN
        self._poll.register(found, select.POLLIN)

    def send(self, octets: bytes, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        left = memoryview(octets)
        while left:
            # A TLS write that would block has to be repeated with the same octets.
            piece = left[:_TLS_RECORD] if self.tls else left
            left = left[self._try(self._socket.send, piece, deadline, select.POLLOUT) :]

    def receive(self, most: int, timeout: float) -> bytes:
        deadline = time.monotonic() + timeout
        found: bytes = self._try(self._socket.recv, most, deadline, select.POLLIN)
        return found

    def start_tls(self, wanted: TlsWanted, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        records = dane.usable(wanted.tlsa) if wanted.check == "dane" else ()
        context = _context(self._trust, wanted.check == "names")
        try:
            secured = context.wrap_socket(
                self._socket,
                server_hostname=_server_name(wanted.names),
                do_handshake_on_connect=False,
            )
        except (OSError, ValueError) as error:
            raise TlsFailed("validation-failure", f"TLS handshake: {error}") from error
        self._socket = secured
        try:
            self._try(secured.do_handshake, False, deadline, select.POLLIN)
        except ssl.SSLCertVerificationError as error:
            kind = "expired" if error.verify_code in _EXPIRED else "not-trusted"
            raise TlsFailed(f"certificate-{kind}", error.verify_message) from error
        except ssl.SSLError as error:
            raise TlsFailed("validation-failure", f"TLS handshake: {_reason(error)}") from error
        if wanted.check == "names":
            _check_names(secured, wanted.names)
        elif records:
            dane.check(records, wanted.names, _chain(secured), datetime.now(UTC))
        cipher = secured.cipher()
        self.tls = f"{secured.version()} {cipher[0] if cipher else ''}".strip()

    def close(self) -> None:
        with suppress(OSError, ValueError):
            self._socket.close()

    def _try(self, call: Callable[[Any], Any], argument: Any, deadline: float, event: int) -> Any:
        """Call until it neither wants to read nor to write. TLS errors of a handshake pass."""
        while True:
            try:
                return call(argument)
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, deadline)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, deadline)
            except BlockingIOError:
                self._wait(event, deadline)
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
                if self.tls and event == select.POLLIN:
                    return b""
                raise PeerLost("the peer closed the connection") from error
            except ssl.SSLError as error:
                if not self.tls:
                    raise
                raise PeerLost(f"TLS: {_reason(error)}") from error
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else ""
                raise PeerLost(f"connection lost: {why or error}") from error

    def _wait(self, event: int, deadline: float) -> None:
        if event != self._events:
            self._poll.modify(self._socket, event)
            self._events = event
        try:
            if self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return
        except (OSError, ValueError) as error:  # closed
            raise PeerLost(f"connection lost: {error}") from error
        raise PeerSilent("timed out")


@lru_cache(maxsize=8)
def _context(trust: Path | None, verify: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # names are checked here: OpenSSL takes one, and no pattern
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
    if not verify:
        context.verify_mode = ssl.CERT_NONE
        # What authenticates nothing may be weak: the alternative would be the clear.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    elif trust is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        context.load_verify_locations(cafile=str(trust))
    return context


def _server_name(names: tuple[str, ...]) -> str | None:
    """SNI is a host name (RFC 6066 section 3): no pattern, no address."""
    for name in names:
        if name.startswith((".", "*")):
            continue
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.rstrip(".") or None
    return None


def _check_names(secured: ssl.SSLSocket, names: tuple[str, ...]) -> None:
    certificate: dict[str, Any] = secured.getpeercert() or {}
    found = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    addresses = [
        value for kind, value in certificate.get("subjectAltName", ()) if kind == "IP Address"
    ]
    if any(dane.name_matches(name, one) for name in names for one in found):
        return
    if any(_same_address(name, one) for name in names for one in addresses):
        return
    raise TlsFailed(
        "certificate-host-mismatch",
        f"the certificate is for {', '.join(found + addresses)[:200]}, not for {', '.join(names)}",
    )


def _same_address(name: str, presented: str) -> bool:
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(presented)
    except ValueError:
        return False


def _chain(secured: ssl.SSLSocket) -> list[bytes]:
    """The certificates in DER as the server sent them: public from Python 3.13 on."""
    if hasattr(secured, "get_unverified_chain"):
        return list(secured.get_unverified_chain() or ())
    inner: Any = secured._sslobj  # type: ignore[attr-defined]
    der = 2  # _ssl.ENCODING_DER
    return [certificate.public_bytes(der) for certificate in inner.get_unverified_chain() or ()]


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
