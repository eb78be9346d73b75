"""The Web port over the standard library: certificates are checked, redirects are not followed,
size and time are bounded."""

import http.client
import socket
import ssl
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from postroom.platform.resolver import DnsUnavailable, Resolver
from postroom.platform.web import WebFailed

_AGENT = "Postroom"


class HttpsWeb:
    """*resolver* finds addresses, by default that of the system. *trust*: a file of certificates
    to trust instead of the system's. *port*: of URLs that name none. Safe in any thread."""

    def __init__(
        self, resolver: Resolver | None = None, trust: Path | None = None, port: int = 443
    ) -> None:
        self._resolver = resolver
        self._trust = trust
        self._port = port
        self._context: ssl.SSLContext | None = None

    def get(self, url: str, *, most: int, timeout: float) -> bytes:
        status, body = self._ask("GET", url, None, {}, most, timeout)
        if status != 200:
            raise WebFailed(url, f"status {status}")
        if len(body) > most:
            raise WebFailed(url, f"more than {most} octets")
        return body

    def post(self, url: str, body: bytes, content_type: str, *, timeout: float) -> None:
        status, _ = self._ask("POST", url, body, {"Content-Type": content_type}, 0, timeout)
        if not 200 <= status < 300:
            raise WebFailed(url, f"status {status}")

    def _ask(
        self,
        method: str,
        url: str,
        body: bytes | None,
        fields: dict[str, str],
        most: int,
        timeout: float,
    ) -> tuple[int, bytes]:
        """Return the status and at most one octet more than *most*."""
        deadline = time.monotonic() + timeout
        parts = _parsed(url)
        host, port = str(parts.hostname), parts.port or self._port
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            secured = self._connect(url, host, port, deadline)
            with closing(http.client.HTTPSConnection(host, parts.port)) as connection:
                connection.sock = secured
                connection.request(
                    method, target, body, {"User-Agent": _AGENT, "Connection": "close", **fields}
                )
                with connection.getresponse() as response:
                    found = response.read(most + 1)
                    if response.length and len(found) <= most:
                        raise http.client.IncompleteRead(found, response.length)
                    return response.status, found
        except ssl.SSLCertVerificationError as error:
            raise WebFailed(url, error.verify_message, "sts-webpki-invalid") from error
        except TimeoutError as error:
            raise WebFailed(url, f"no complete answer within {timeout:g} seconds") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise WebFailed(url, str(error) or type(error).__name__) from error

    def _connect(self, url: str, host: str, port: int, deadline: float) -> ssl.SSLSocket:
        """To the first address that answers. Raises OSError, WebFailed."""
        if self._context is None:
            context = ssl.create_default_context(cafile=str(self._trust) if self._trust else None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.sslsocket_class = _Hurried
            self._context = context
        failure: OSError = OSError("no address")
        for family, address in self._addresses(url, host, port):
            plain = socket.socket(family, socket.SOCK_STREAM)
            try:
                plain.settimeout(_left(deadline))
                plain.connect((address, port))
                secured = self._context.wrap_socket(
                    plain,
                    server_hostname=host,
                    do_handshake_on_connect=False,
                    # A connection that is cut is not the end of a document.
                    suppress_ragged_eofs=False,
                )
            except OSError as error:
                plain.close()
                failure = error
                continue
            try:
                secured.settimeout(_left(deadline))
                secured.do_handshake()
                assert isinstance(secured, _Hurried)  # noqa: S101  (the context makes no other)
                secured.deadline = deadline
            except BaseException:
                secured.close()
                raise
            return secured
        raise failure

    def _addresses(self, url: str, host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
        if self._resolver is None:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return [(family, str(place[0])) for family, _, _, _, place in found]
        pairs: list[tuple[socket.AddressFamily, str]] = []
        failure: DnsUnavailable | None = None
        try:
            pairs += [(socket.AF_INET6, one) for one in self._resolver.query(host, "AAAA").records]
        except DnsUnavailable as error:
            failure = error
        try:
            pairs += [(socket.AF_INET, one) for one in self._resolver.query(host, "A").records]
        except DnsUnavailable as error:
            failure = error
        if not pairs:
            raise WebFailed(url, str(failure or "its host has no address"))
        return pairs


class _Hurried(ssl.SSLSocket):
    """All that is read and written together has to be done by the deadline: a server that sends
    an octet a second gains nothing."""

    deadline: float = 0.0

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        self.settimeout(_left(self.deadline))
        return super().recv_into(*arguments, **named)

    def sendall(self, *arguments: Any, **named: Any) -> None:
        self.settimeout(_left(self.deadline))
        super().sendall(*arguments, **named)

    def send(self, *arguments: Any, **named: Any) -> int:
        self.settimeout(_left(self.deadline))
        return super().send(*arguments, **named)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _parsed(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        good = parts.scheme == "https" and parts.hostname and parts.username is None
        good = good and (parts.port is None or parts.port > 0) and url.isascii() and " " not in url
    except ValueError as error:
        raise WebFailed(url, str(error)) from error
    if not good:
        raise WebFailed(url, "not an https: URL of a host")
    return parts
