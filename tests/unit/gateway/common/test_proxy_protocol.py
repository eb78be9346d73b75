import ipaddress
import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.proxy_protocol import LONGEST_HEADER, Proxied, ProxyHeader
from postroom.errors import BadSyntax

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = ipaddress.ip_address("192.0.2.7").packed + ipaddress.ip_address("192.0.2.1").packed
V6 = ipaddress.ip_address("2001:db8::7").packed + ipaddress.ip_address("2001:db8::1").packed
MAPPED = ipaddress.ip_address("::ffff:192.0.2.7").packed + V6[16:]
PORTS = struct.pack("!HH", 4711, 25)


def version_2(command: int, family: int, rest: bytes, size: int | None = None) -> bytes:
    length = len(rest) if size is None else size
    return SIGNATURE + struct.pack("!BBH", command, family, length) + rest


GOOD = [
    pytest.param(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n", "192.0.2.7", 4711, id="v1 TCP4"),
    pytest.param(b"PROXY TCP6 2001:db8::7 ::1 4711 25\r\n", "2001:db8::7", 4711, id="v1 TCP6"),
    pytest.param(b"PROXY UNKNOWN\r\n", "", 0, id="v1 unknown"),
    pytest.param(b"PROXY UNKNOWN ffff:f x y z\r\n", "", 0, id="v1 unknown with whatever"),
    pytest.param(version_2(0x21, 0x11, V4 + PORTS), "192.0.2.7", 4711, id="v2 IPv4"),
    pytest.param(version_2(0x21, 0x21, V6 + PORTS), "2001:db8::7", 4711, id="v2 IPv6"),
    pytest.param(version_2(0x21, 0x21, MAPPED + PORTS), "192.0.2.7", 4711, id="v2 mapped"),
    pytest.param(version_2(0x21, 0x11, V4 + PORTS + b"\x04\0\1x"), "192.0.2.7", 4711, id="TLV"),
    pytest.param(version_2(0x20, 0x00, b""), "", 0, id="v2 local"),
    pytest.param(version_2(0x20, 0x11, V4 + PORTS), "", 0, id="v2 local with addresses"),
    pytest.param(version_2(0x21, 0x00, b""), "", 0, id="v2 unspecified"),
    pytest.param(version_2(0x21, 0x31, b"x" * 216), "", 0, id="v2 Unix"),
]


@pytest.mark.parametrize(("header", "address", "port"), GOOD)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_headers(header: bytes, address: str, port: int, size: int) -> None:
    reader = ProxyHeader()
    for start in range(0, len(header), size):
        piece = header[start : start + size]
        last = start + size >= len(header)
        found = reader.receive(piece + b"EHLO x\r\n" if last else piece)
        assert found == (Proxied(address, port, b"EHLO x\r\n") if last else None)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"EHLO client.example\r\n", id="no header at all"),
        pytest.param(b"\x16\x03\x01", id="TLS"),
        pytest.param(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n", id="a port is missing"),
        pytest.param(b"PROXY TCP4 2001:db8::7 ::1 1 2\r\n", id="another family"),
        pytest.param(b"PROXY TCP4 192.0.2.07 192.0.2.1 1 2\r\n", id="leading zero"),
        pytest.param(b"PROXY TCP4 192.0.2.7 192.0.2.1 70000 2\r\n", id="port too large"),
        pytest.param(b"PROXY TCP4 192.0.2.7 192.0.2.1 -1 2\r\n", id="port below 0"),
        pytest.param(b"PROXY TCP9 192.0.2.7 192.0.2.1 1 2\r\n", id="no such family"),
        pytest.param(b"PROXY " + b"x" * 101, id="line too long"),
        pytest.param(b"PROXY \xff\xff\xff 1 2 3 4\r\n", id="not ASCII"),
        pytest.param(version_2(0x31, 0x11, V4 + PORTS), id="version 3"),
        pytest.param(version_2(0x2F, 0x11, V4 + PORTS), id="no such command"),
        pytest.param(version_2(0x21, 0x11, V4), id="too short for its family"),
        pytest.param(version_2(0x21, 0x11, b"", size=0xFFFF), id="far too long"),
    ],
)
def test_what_is_no_header(header: bytes) -> None:
    with pytest.raises(BadSyntax):
        ProxyHeader().receive(header)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11\0\x0c"]),
    st.lists(st.binary(max_size=60), max_size=6),
)
def test_hostile_octets(start: bytes, pieces: list[bytes]) -> None:
    reader, sent = ProxyHeader(), 0
    with suppress(BadSyntax):
        for piece in [start, *pieces]:
            sent += len(piece)
            found = reader.receive(piece)
            if found is not None:
                assert len(found.leftover) < sent
                return
            assert sent < LONGEST_HEADER + 60
