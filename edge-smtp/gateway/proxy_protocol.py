"""The PROXY protocol: a load balancer tells who the client is (HAProxy's proxy-protocol.txt).

Versions 1 (a line of text) and 2 (binary), sans-IO. The header comes before anything else,
before TLS too, and only from networks that the settings trust.
"""

import ipaddress
import struct
from dataclasses import dataclass

from postroom.errors import BadSyntax

REFERENCE = "proxy-protocol.txt section 2"
LONGEST_LINE = 107  # octets of a version 1 header with CRLF (section 2.1)
LONGEST_HEADER = 16 + 2048  # octets of a version 2 header with the TLVs that we sit through
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"  # section 2.2
_FAMILY_SIZES = {0x11: 12, 0x21: 36, 0x12: 12, 0x22: 36}  # TCP and UDP over IPv4 and IPv6


@dataclass(frozen=True, slots=True)
class Proxied:
    """``address`` is "" when the balancer speaks for itself (LOCAL, UNKNOWN: health checks):
    then the connection's own address is the client's."""

    address: str
    port: int
    leftover: bytes  # what came after the header


class ProxyHeader:
    """Give it octets in pieces of any size until it returns what it found."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, octets: bytes) -> Proxied | None:
        """None: more is needed. Raises BadSyntax; the connection is then of no use."""
        self._buffer += octets
        start = bytes(self._buffer[:12])
        if start == _SIGNATURE:
            return self._version_2()
        if _SIGNATURE.startswith(start):
            return None
        if start.startswith(b"PROXY ") or b"PROXY ".startswith(start):
            return self._version_1()
        raise BadSyntax("PROXY header", start, REFERENCE)

    def _version_1(self) -> Proxied | None:
        end = self._buffer.find(b"\r\n", 0, LONGEST_LINE)
        if end < 0:
            if len(self._buffer) >= LONGEST_LINE:
                raise BadSyntax("PROXY line", bytes(self._buffer), "proxy-protocol.txt section 2.1")
            return None
        line, leftover = bytes(self._buffer[:end]), bytes(self._buffer[end + 2 :])
        words = line.split(b" ")
        if words[1] == b"UNKNOWN":
            return Proxied("", 0, leftover)
        if len(words) != 6:
            raise BadSyntax("PROXY line", line, "proxy-protocol.txt section 2.1")
        version = {b"TCP4": 4, b"TCP6": 6}.get(words[1])
        try:
            source, destination = (
                ipaddress.ip_address(word.decode("ascii")) for word in words[2:4]
            )
        except ValueError as error:
            raise BadSyntax("PROXY line", line, "proxy-protocol.txt section 2.1") from error
        if (source.version, destination.version) != (version, version):
            raise BadSyntax("PROXY line", line, "proxy-protocol.txt section 2.1")
        ports = [_port(word, line) for word in words[4:]]
        return Proxied(_plain(source), ports[0], leftover)

    def _version_2(self) -> Proxied | None:
        if len(self._buffer) < 16:
            return None
        command, family, size = struct.unpack_from("!BBH", self._buffer, 12)
        if command >> 4 != 2 or command & 15 > 1 or 16 + size > LONGEST_HEADER:
            raise BadSyntax("PROXY header", bytes(self._buffer[:16]), REFERENCE)
        if len(self._buffer) < 16 + size:
            return None
        addresses, leftover = bytes(self._buffer[16 : 16 + size]), bytes(self._buffer[16 + size :])
        if command & 15 == 0 or family not in _FAMILY_SIZES:
            # LOCAL, a Unix socket or something unheard of: section 2.2 says to go on without.
            return Proxied("", 0, leftover)
        if size < _FAMILY_SIZES[family]:
            raise BadSyntax("PROXY header", bytes(self._buffer[:16]), REFERENCE)
        width = 4 if family >> 4 == 1 else 16
        source = ipaddress.ip_address(addresses[:width])
        (port,) = struct.unpack_from("!H", addresses, 2 * width)
        return Proxied(_plain(source), port, leftover)


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _port(word: bytes, line: bytes) -> int:
    if not (word.isdigit() and len(word) <= 5 and int(word) < 65536):
        raise BadSyntax("PROXY line", line, "proxy-protocol.txt section 2.1")
    return int(word)
