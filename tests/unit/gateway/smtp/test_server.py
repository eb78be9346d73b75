"""Time-outs, drain, limits of a client, TLS and PROXY headers."""

import asyncio
import smtplib
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.__main__ import services
from gateway.crossing import Crossing
from gateway.listeners import Listeners
from gateway.settings import GatewaySettings
from gateway.smtp.names import ClientNames
from gateway.tls import Tls, open_tls
from postroom.app import App, build
from postroom.pipeline.accepted import Accepted
from postroom.platform.resolver import Answer, DnsUnavailable, RecordType
from tests.conversations.imap_world import Client
from tests.conversations.smtp_world import World, reply, say, until

OPENING = (b"EHLO c.example.org", b"MAIL FROM:<a@example.org>", b"RCPT TO:<bob@example.test>")
GOODBYE = b"421 4.3.2 Shutting down, try again later\r\n"


@pytest.mark.parametrize(
    ("limits", "before"),
    [
        ({"command_timeout": 0.1}, ()),
        ({"command_timeout": 0.1}, OPENING),
        ({"data_timeout": 0.1}, (*OPENING, b"DATA")),
        ({"message_timeout": 0.1}, (*OPENING, b"DATA")),
    ],
)
def test_a_client_that_is_silent_too_long(
    data: Path, limits: dict[str, float], before: tuple[bytes, ...]
) -> None:
    async def scene() -> None:
        world = World(data, **limits)
        try:
            client = await world.connect()
            await say(client, *before)
            assert await reply(client) == b"421 4.4.2 Timed out waiting for you"
            assert client.closed
            await until(lambda: not world.server.open)
        finally:
            await world.close()

    asyncio.run(scene())


def test_a_slow_message_is_not_silence(data: Path) -> None:
    async def scene() -> None:
        world = World(data, data_timeout=0.2, command_timeout=0.2)
        try:
            client = await world.connect()
            await say(client, *OPENING, b"DATA")
            for _ in range(8):
                await client.send(b"x\r\n")
                await asyncio.sleep(0.05)
            assert (await say(client, b"."))[0].startswith(b"250 ")
        finally:
            await world.close()

    asyncio.run(scene())


def test_drain(data: Path) -> None:
    """Idle clients hear goodbye at once; a message under way gets its 250 first."""

    async def scene() -> None:
        world = World(data)
        try:
            idle, busy = await world.connect(), await world.connect()
            await say(busy, *OPENING, b"DATA")
            draining = asyncio.get_running_loop().create_task(world.server.drain())
            assert await idle.wait(lambda _: idle.closed) == GOODBYE
            assert not busy.closed
            late = Client(world.server)
            assert await late.wait(lambda _: late.closed) == GOODBYE
            await busy.send(b"Subject: x\r\n.\r\nMAIL FROM:<b@example.org>\r\n")
            said = await busy.wait(lambda _: busy.closed)
            assert said.startswith(b"250 2.0.0 Ok: queued as ")
            assert said.endswith(GOODBYE)
            await draining
            assert len(world.queued()) == 1
        finally:
            await world.close()

    asyncio.run(scene())


def test_drain_waits_only_so_long(data: Path) -> None:
    async def scene() -> None:
        world = World(data, drain_timeout=0.1)
        client = await world.connect()
        await say(client, *OPENING, b"DATA")
        await world.close()
        assert client.closed

    asyncio.run(scene())


def test_who_speaks_before_the_greeting(data: Path) -> None:
    async def scene() -> None:
        world = World(data)
        try:
            client = Client(world.server)
            await client.send(b"EHLO spam.example.org\r\n")
            assert await client.wait(lambda _: client.closed) == (
                b"554 5.5.1 You spoke before the greeting\r\n"
            )
        finally:
            await world.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("line", "answer", "closes"),
    [
        (b"NOOP\nQUIT\r\n", b"500 5.5.2 Bare LF in a command", True),
        (b"NO\rOP\r\n", b"500 5.5.2 Bare CR in a command", False),
        (b"NO\0OP\r\n", b"500 5.5.2 NUL in a command", False),
    ],
)
def test_odd_command_lines(data: Path, line: bytes, answer: bytes, closes: bool) -> None:
    async def scene() -> None:
        world = World(data)
        try:
            client = await world.connect()
            await client.send(line)
            assert (await reply(client)).startswith(answer)
            assert client.closed is closes
        finally:
            await world.close()

    asyncio.run(scene())


def test_the_rate_of_one_client(data: Path) -> None:
    async def scene() -> None:
        world = World(data, messages_per_minute=1, unlimited_networks=())
        try:
            client = await world.connect()
            await say(client, *OPENING, b"RSET")
            assert await say(client, OPENING[1]) == [
                b"450 4.7.1 Too many messages from your address, try again later"
            ]
        finally:
            await world.close()

    asyncio.run(scene())


class Zone:
    """DNS with one name in it."""

    def __init__(self, records: dict[tuple[str, str], str], hang: bool = False) -> None:
        self.records = records
        self.hang = hang
        self.go_on = threading.Event()
        self.asked = 0

    def query(self, name: str, record_type: RecordType) -> Answer:
        self.asked += 1
        if self.hang:
            self.go_on.wait(10)
            raise DnsUnavailable(name, record_type, "it hung")
        found = self.records.get((name, record_type))
        return Answer((found,) if found else (), exists=bool(found))


PTR = ("8.8.8.8.in-addr.arpa", "PTR")
TRUE = {PTR: "dns.example.net.", ("dns.example.net", "A"): "8.8.8.8"}
LIE = {PTR: "bank.example.com.", ("bank.example.com", "A"): "8.8.4.4"}
NONSENSE = {PTR: "odd.example.net", ("odd.example.net", "A"): "not an address"}


@pytest.mark.parametrize(
    ("records", "name"), [(TRUE, "dns.example.net"), (LIE, ""), (NONSENSE, ""), ({}, "")]
)
def test_names_are_confirmed(data: Path, records: dict[tuple[str, str], str], name: str) -> None:
    async def scene() -> None:
        world = World(data)
        zone = Zone(records)
        names = ClientNames(zone, world.crossing, 5)
        try:
            assert await names.look_up("8.8.8.8") == name
            asked = zone.asked
            assert await names.look_up("8.8.8.8") == name
            assert zone.asked == asked
            assert await names.look_up("10.0.0.1") == ""
        finally:
            names.close()
            await world.close()

    asyncio.run(scene())


def test_dns_that_hangs_takes_no_thread_from_the_stores(data: Path) -> None:
    async def scene() -> None:
        world = World(data)
        zone = Zone({}, hang=True)
        names = ClientNames(zone, world.crossing, 0.05)
        try:
            found = await asyncio.gather(*(names.look_up(f"8.8.8.{n}") for n in range(100)))
            assert set(found) == {""}
            assert await asyncio.wait_for(world.crossing.slow(lambda: 7), 2) == 7
        finally:
            zone.go_on.set()
            names.close()
            await world.close()

    asyncio.run(scene())


# Over real sockets.


@asynccontextmanager
async def gateway(data: Path, settings: GatewaySettings) -> AsyncIterator[tuple[App, int]]:
    app = build({"POSTROOM_DATA": str(data), "POSTROOM_HOSTNAME": "mail.example.test"})
    tls: Tls = open_tls(None, None, data / "tls", ["localhost", "127.0.0.1"])
    crossing = Crossing(app, 4)
    listeners = Listeners(settings, tls)
    try:
        for service, port in services(app, settings, crossing, tls):
            await listeners.open(service, port)
        yield app, listeners.addresses["smtp"][0][1]
    finally:
        await listeners.drain(2)
        await asyncio.to_thread(crossing.close)
        app.platform.close()


SETTINGS = GatewaySettings(
    ports={name: -1 if name == "smtp" else 0 for name in ("smtp", "imap", "imaps", "pop3", "pop3s")}
)


def test_starttls(data: Path) -> None:
    def mail(port: int) -> None:
        context = ssl.create_default_context(cafile=str(data / "tls" / "authority.pem"))
        with smtplib.SMTP("localhost", port, timeout=10) as client:
            client.ehlo("c.example.org")
            assert client.has_extn("starttls")
            client.mail("a@example.org")
            client.starttls(context=context)
            assert client.mail("a@example.org")[0] == 503  # RFC 3207: all is forgotten
            client.ehlo("c.example.org")
            assert not client.has_extn("starttls")
            assert client.docmd("STARTTLS")[0] == 503
            client.sendmail("a@example.org", "bob@example.test", b"Subject: x\r\n\r\n.\r\n")

    async def scene() -> None:
        async with gateway(data, SETTINGS) as (app, port):
            await asyncio.to_thread(mail, port)
            (letter,) = app.platform.queue("inbound").receive(10)
            entry = Accepted.from_json(letter.body)
            assert entry.tls.startswith("TLSv1.3 TLS_")
            blob = app.blobs.get(entry.blob)
            assert b"with ESMTPS id " in blob
            assert b"using TLSv1.3 with cipher TLS_" in blob
            assert blob.endswith(b"Subject: x\r\n\r\n.\r\n")

    asyncio.run(scene())


def test_nothing_is_injected_behind_starttls(data: Path) -> None:
    def inject(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.recv(1000)
            client.sendall(b"EHLO c\r\n")
            while b"250 " not in client.recv(1000):
                pass
            client.sendall(b"STARTTLS\r\nMAIL FROM:<injected@example.org>\r\n")
            return b"".join(iter(lambda: client.recv(1000), b""))

    async def scene() -> None:
        async with gateway(data, SETTINGS) as (_, port):
            assert await asyncio.to_thread(inject, port) == (
                b"554 5.5.1 Commands after STARTTLS before the handshake; closing\r\n"
            )

    asyncio.run(scene())


def test_the_address_that_a_proxy_tells(data: Path) -> None:
    def mail(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 25\r\n")
            file = client.makefile("rb")
            assert file.readline().startswith(b"220 ")
            client.sendall(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
            assert [file.readline()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
            client.sendall(b".\r\nQUIT\r\n")
            assert file.read().startswith(b"250 2.0.0 ")

    async def scene() -> None:
        settings = replace(SETTINGS, proxy_networks=SETTINGS.unlimited_networks)
        async with gateway(data, settings) as (app, port):
            await asyncio.to_thread(mail, port)
            (letter,) = app.platform.queue("inbound").receive(10)
            assert Accepted.from_json(letter.body).client == "192.0.2.7"

    asyncio.run(scene())


def test_who_never_reads_the_last_reply_is_cut_off(data: Path) -> None:
    async def scene() -> None:
        world = World(data, linger=0.05)
        try:
            client = await world.connect()
            aborted: list[int] = []
            client.transport.close = lambda: None  # type: ignore[method-assign]  (unread octets)
            client.transport.abort = lambda: aborted.append(1)  # type: ignore[method-assign]
            await say(client, b"QUIT")
            await until(lambda: bool(aborted))
            client.connection.connection_lost(None)
        finally:
            await world.close()

    asyncio.run(scene())
