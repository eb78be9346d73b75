"""A gateway with POP3 listeners in this process, over an embedded store of its own."""

import asyncio
import poplib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.crossing import Crossing
from gateway.door import Service
from gateway.listeners import Listeners
from gateway.login import Login
from gateway.pop3.server import make_pop3
from gateway.settings import GatewaySettings
from gateway.tls import Tls, open_tls
from postroom.app import App, build
from postroom.directory.records import Domain
from postroom.mailboxes.records import Mailbox, NewMessage
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey

USER, PASSWORD = "alice@example.test", "secret  word"
BUSY = b"-ERR [SYS/TEMP] Too many connections, try again later\r\n"
SETTINGS = GatewaySettings(
    ports={"pop3": -1, "pop3s": -1}, plaintext_on_loopback=True, errors=20, drain_timeout=5
)


@dataclass
class World:
    app: App
    tls: Tls
    listeners: Listeners
    crossing: Crossing
    account: str  # id of USER
    authority: Path
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _clients: list[poplib.POP3] = field(default_factory=list)

    def port(self, service: str = "pop3") -> int:
        return self.listeners.addresses[service][0][1]

    def inbox(self) -> Mailbox:
        return self.app.mailboxes.find(self.account, "INBOX")

    def deliver(self, messages: Sequence[bytes], prefix: bytes = b"") -> None:
        new = []
        for octets in messages:
            key = BlobKey(self.app.randomness.octets(8).hex())
            self.app.platform.blobs.put(key, octets)
            new.append(NewMessage(key, summarise(octets), 0, prefix=prefix))
        for first in range(0, len(new), 49):
            self.app.mailboxes.append(self.account, self.inbox().id, new[first : first + 49])

    async def talk(
        self, service: str = "pop3"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to a listener. Whatever the test forgets is closed at its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port(service))
        self._writers.append(writer)
        return reader, writer

    def client(self) -> poplib.POP3:
        """A blocking client, for a thread of its own."""
        client = poplib.POP3("localhost", self.port(), timeout=10)
        self._clients.append(client)
        return client

    async def close_clients(self) -> None:
        for client in self._clients:
            client.close()
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def pop3_world(
    folder: Path,
    messages: Sequence[bytes] = (),
    settings: GatewaySettings = SETTINGS,
    app: App | None = None,
) -> AsyncIterator[World]:
    """*app*: over other stores than the embedded ones; it is closed in the end."""
    app = app or build({"POSTROOM_DATA": str(folder), "POSTROOM_HOSTNAME": "mail.example.test"})
    account = app.directory.account(USER)
    if account is None:
        app.directory.add_domain(Domain("example.test"))
        account = app.directory.add_account(USER, PASSWORD)
        app.mailboxes.create_account(account.id)
    crossing = Crossing(app, 4)
    tls = open_tls(None, None, folder / "tls", ["localhost", "127.0.0.1"])
    listeners = Listeners(settings, tls)
    world = World(app, tls, listeners, crossing, account.id, folder / "tls/authority.pem")
    world.deliver(messages)
    login = Login(app.directory, crossing, app.clock, sleep=_no_time)
    server = make_pop3(app, settings, crossing, login, tls, implicit=False)
    secured = server.for_tls(implicit=True)
    try:
        await listeners.open(Service("pop3", server, BUSY, server.drain), settings.ports["pop3"])
        await listeners.open(
            Service("pop3s", secured, BUSY, server.drain, implicit_tls=True),
            settings.ports["pop3s"],
        )
        yield world
    finally:
        await world.close_clients()
        await listeners.drain(settings.drain_timeout)
        await asyncio.to_thread(crossing.close)
        app.platform.close()


async def _no_time(seconds: float) -> None:
    """Failures are slowed in tests of the login, not in those of POP3."""


def without_plaintext(settings: GatewaySettings = SETTINGS) -> GatewaySettings:
    return replace(settings, plaintext_on_loopback=False)
