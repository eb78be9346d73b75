"""A gateway with a ManageSieve listener in this process, over an embedded store of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.crossing import Crossing
from gateway.door import Service
from gateway.listeners import Listeners
from gateway.login import Login
from gateway.managesieve.server import make_managesieve
from gateway.settings import GatewaySettings
from gateway.tls import Tls, open_tls
from postroom.app import App, build
from postroom.directory.records import Domain
from postroom.sieve.engine import CAPABILITIES

USER, PASSWORD = "alice@example.test", "secret"
MECHANISMS = "SCRAM-SHA-256 PLAIN LOGIN"
BUSY = b'BYE (TRYLATER) "Too many connections, try again later"\r\n'
SETTINGS = GatewaySettings(
    ports={"sieve": -1}, plaintext_on_loopback=True, errors=20, drain_timeout=5
)
PLAIN = b"AGFsaWNlQGV4YW1wbGUudGVzdABzZWNyZXQ="  # of USER and PASSWORD


@dataclass
class World:
    app: App
    tls: Tls
    listeners: Listeners
    crossing: Crossing
    account: str  # id of USER
    authority: Path
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.listeners.addresses["sieve"][0][1]

    async def talk(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the listener. Whatever the test forgets is closed at its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(writer)
        return reader, writer

    async def close_clients(self) -> None:
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def greeting(*, starttls: bool = True, mechanisms: str = MECHANISMS) -> bytes:
    """What the server says first, and after STARTTLS, without its OK."""
    lines = [
        '"IMPLEMENTATION" "Postroom"',
        '"VERSION" "1.0"',
        f'"SASL" "{mechanisms}"',
        f'"SIEVE" "{" ".join(CAPABILITIES)}"',
        '"NOTIFY" "mailto"',
        '"MAXREDIRECTS" "5"',
        '"LANGUAGE" "en"',
        *(['"STARTTLS"'] if starttls else []),
        '"UNAUTHENTICATE"',
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


@asynccontextmanager
async def managesieve_world(
    folder: Path, settings: GatewaySettings = SETTINGS
) -> AsyncIterator[World]:
    app = build({"POSTROOM_DATA": str(folder), "POSTROOM_HOSTNAME": "mail.example.test"})
    app.directory.add_domain(Domain("example.test"))
    account = app.directory.add_account(USER, PASSWORD)
    crossing = Crossing(app, 4)
    tls = open_tls(None, None, folder / "tls", ["localhost", "127.0.0.1"])
    listeners = Listeners(settings, tls)
    world = World(app, tls, listeners, crossing, account.id, folder / "tls/authority.pem")
    login = Login(app.directory, crossing, app.clock, sleep=_no_time)
    server = make_managesieve(app, settings, crossing, login, tls)
    try:
        await listeners.open(Service("sieve", server, BUSY, server.drain), settings.ports["sieve"])
        yield world
    finally:
        await world.close_clients()
        await listeners.drain(settings.drain_timeout)
        await asyncio.to_thread(crossing.close)
        app.platform.close()


async def _no_time(seconds: float) -> None:
    """Failures are slowed in tests of the login, not in those of ManageSieve."""


def without_plaintext(settings: GatewaySettings = SETTINGS) -> GatewaySettings:
    return replace(settings, plaintext_on_loopback=False)
