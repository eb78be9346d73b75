"""Doors on real sockets, with asyncio's loop and with uvloop's."""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop

from gateway.clients import peer_address
from gateway.door import Service
from gateway.listeners import Listeners
from gateway.settings import ANY_PORT, GatewaySettings
from gateway.tls import open_tls
from postroom.errors import BadSetting

BUSY = b"421 busy\r\n"
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
EVERYBODY_IS_LIMITED = GatewaySettings(unlimited_networks=())
PROXIED = GatewaySettings(proxy_networks=(LOOPBACK,), handshake_timeout=2)


class Echo(asyncio.Protocol):
    """Says who the client is, then repeats what it says; has slots, as our protocols do."""

    __slots__ = ("transport",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(peer_address(transport).encode() + b"\r\n")

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class World:
    def __init__(self, listeners: Listeners, authority: Path) -> None:
        self.listeners = listeners
        self.authority = authority
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(
        self, service: str = "plain", **options: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.listeners.addresses[service][0]
        reader, writer = await asyncio.open_connection(host, port, **options)
        self.writers.append(writer)
        return reader, writer

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    async def close(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        await self.listeners.drain(1)


Test = Callable[[World], Coroutine[Any, Any, None]]
Run = Callable[[Test, GatewaySettings], None]


@pytest.fixture(params=sorted(LOOPS))
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    def run(test: Test, settings: GatewaySettings) -> None:
        async def main() -> None:
            tls = open_tls(None, None, tmp_path, ["localhost"])
            listeners = Listeners(settings, tls)
            world = World(listeners, tmp_path / "authority.pem")
            try:
                await listeners.open(Service("plain", Echo, BUSY, drain), ANY_PORT)
                secured = Service("secured", Echo, BUSY, drain, implicit_tls=True)
                await listeners.open(secured, ANY_PORT)
                await asyncio.wait_for(test(world), 20)
            finally:
                await world.close()

        async def drain(seconds: float) -> None:
            return None

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(main())

    return run


def test_plain_and_tls(run: Run) -> None:
    async def test(world: World) -> None:
        for service, options in (
            ("plain", {}),
            ("secured", {"ssl": world.trust(), "server_hostname": "localhost"}),
        ):
            reader, writer = await world.connect(service, **options)
            assert await reader.readline() == b"127.0.0.1\r\n"
            for _ in range(3):
                writer.write(b"again\r\n")
                assert await reader.readline() == b"again\r\n"
        assert world.listeners.connections == 2

    run(test, GatewaySettings())


def test_the_address_that_the_balancer_tells(run: Run) -> None:
    async def test(world: World) -> None:
        for header, told in (
            (b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n", b"192.0.2.7\r\n"),
            (b"PROXY UNKNOWN\r\n", b"127.0.0.1\r\n"),
        ):
            reader, writer = await world.connect()
            for octet in header:
                writer.write(bytes([octet]))
                await writer.drain()
            assert await reader.readline() == told
            reader, writer = await world.connect()
            writer.write(header + b"and more\r\n")
            assert await reader.readline() == told
            assert await reader.readline() == b"and more\r\n"

    run(test, PROXIED)


@pytest.mark.parametrize("together", [True, False], ids=["one segment", "two segments"])
def test_proxy_header_then_tls(run: Run, together: bool) -> None:
    async def test(world: World) -> None:
        reader, writer = await world.connect("secured")
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = world.trust().wrap_bio(to_client, to_server, server_hostname="localhost")
        header = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n"
        if not together:
            writer.write(header)
            await writer.drain()
            await asyncio.sleep(0.05)
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        writer.write((header if together else b"") + to_server.read())
        received = b""
        while not received.endswith(b"\r\n"):
            to_client.write(await reader.read(65536))
            try:
                tls.do_handshake()
                received += tls.read(100)
            except ssl.SSLWantReadError:
                pass
            writer.write(to_server.read())
        assert received == b"192.0.2.7\r\n"

    run(test, PROXIED)


def test_who_is_trusted_must_send_the_header(run: Run) -> None:
    async def test(world: World) -> None:
        reader, writer = await world.connect()
        writer.write(b"EHLO client.example\r\n")
        assert await reader.read() == b""
        reader, _ = await world.connect()  # says nothing
        assert await ended(reader)

    run(test, replace(PROXIED, handshake_timeout=0.2))


def test_who_is_not_trusted_is_taken_at_its_word(run: Run) -> None:
    async def test(world: World) -> None:
        reader, writer = await world.connect()
        assert await reader.readline() == b"127.0.0.1\r\n"
        header = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n"
        writer.write(header)
        assert await reader.readline() == header  # the service sees it: a syntax error there

    run(test, GatewaySettings())


def test_a_client_has_so_many_connections(run: Run) -> None:
    async def test(world: World) -> None:
        first = [await world.connect() for _ in range(2)]
        for reader, _ in first:
            assert await reader.readline() == b"127.0.0.1\r\n"
        reader, _ = await world.connect()
        assert await reader.read() == BUSY
        first[0][1].close()
        await first[0][1].wait_closed()
        await asyncio.sleep(0.1)
        reader, _ = await world.connect()
        assert await reader.readline() == b"127.0.0.1\r\n"

    run(test, replace(EVERYBODY_IS_LIMITED, connections_per_client=2))


def test_a_client_comes_so_often(run: Run) -> None:
    async def test(world: World) -> None:
        answers = []
        for _ in range(5):
            reader, writer = await world.connect()
            answers.append(await reader.readline())
            writer.close()
        assert answers == [b"127.0.0.1\r\n"] * 3 + [BUSY] * 2

    run(test, replace(EVERYBODY_IS_LIMITED, connection_rate=3))


def test_all_together_are_limited_even_unlimited_clients(run: Run) -> None:
    async def test(world: World) -> None:
        reader, _ = await world.connect()
        assert await reader.readline() == b"127.0.0.1\r\n"
        reader, _ = await world.connect()
        assert await reader.read() == BUSY

    run(test, GatewaySettings(connections=1))


def test_a_handshake_that_never_comes_or_is_none(run: Run) -> None:
    async def test(world: World) -> None:
        silent, _ = await world.connect("secured")
        babbling, writer = await world.connect("secured")
        writer.write(b"EHLO this is not TLS\r\n" * 5)
        assert await ended(babbling)
        assert await ended(silent)
        await asyncio.sleep(0.05)
        assert world.listeners.connections == 0

    run(test, GatewaySettings(handshake_timeout=0.3))


def test_after_draining_nobody_comes_in(run: Run) -> None:
    async def test(world: World) -> None:
        reader, _ = await world.connect()
        await reader.readline()
        assert await world.listeners.drain(0.1) == 1  # Echo does not care: it is cut off
        assert await ended(reader)
        with pytest.raises(OSError):
            await world.connect()

    run(test, GatewaySettings())


def test_two_processes_may_share_a_port(tmp_path: Path) -> None:
    async def main() -> None:
        async def drain(seconds: float) -> None:
            return None

        tls = open_tls(None, None, tmp_path, ["localhost"])
        first, second = (Listeners(GatewaySettings(), tls) for _ in range(2))
        await first.open(Service("plain", Echo, BUSY, drain), ANY_PORT)
        port = first.addresses["plain"][0][1]
        await second.open(Service("plain", Echo, BUSY, drain), port)
        assert second.ready_line() == f"ready plain=127.0.0.1:{port}"
        await second.open(Service("off", Echo, BUSY, drain), 0)
        assert "off" not in second.addresses
        await first.drain(1)
        await second.drain(1)

    asyncio.run(main())


def test_an_address_that_is_not_ours(tmp_path: Path) -> None:
    async def main() -> None:
        async def drain(seconds: float) -> None:
            return None

        tls = open_tls(None, None, tmp_path, ["localhost"])
        listeners = Listeners(GatewaySettings(bind=("192.0.2.1",)), tls)
        with pytest.raises(BadSetting, match=r"192\.0\.2\.1 port 2525 for plain"):
            await listeners.open(Service("plain", Echo, BUSY, drain), 2525)

    asyncio.run(main())


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True
