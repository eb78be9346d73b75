"""An IMAP server over a real embedded store, and clients that talk to it without a socket."""

import asyncio
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from gateway.crossing import Crossing
from gateway.imap.connection import Connection
from gateway.imap.limits import ImapLimits
from gateway.imap.server import ImapServer, make_imap
from gateway.login import Login
from gateway.settings import GatewaySettings
from gateway.tls import Tls
from postroom.app import App, build
from postroom.directory.records import Account, Domain
from postroom.mailboxes.records import NewMessage
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey

MESSAGES = Path(__file__).parent / "imap" / "messages"
PASSWORD = "secret"
PATIENCE = 10  # seconds for an answer; a test that waits so long has failed


class MemoryTransport(asyncio.Transport):
    """What a socket is to a protocol, but for the socket."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("127.0.0.1", 40000)})
        self.protocol = protocol
        self.sent = bytearray()
        self.reading = True
        self._closing = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close


class Client:
    """Octets to one session and back."""

    def __init__(self, server: ImapServer) -> None:
        self.connection = cast(Connection, server())
        self.transport = MemoryTransport(self.connection)
        self.connection.connection_made(self.transport)
        self._read = 0

    @property
    def closed(self) -> bool:
        return self.transport.is_closing()

    async def send(self, octets: bytes, piece: int = 0) -> None:
        """Give the octets to the server: whole, or in pieces of that many."""
        size = piece or max(len(octets), 1)
        for start in range(0, len(octets), size):
            while not self.transport.reading and not self.closed:
                await asyncio.sleep(0)
            if self.closed:
                return
            self.connection.data_received(octets[start : start + size])
            if piece:
                await asyncio.sleep(0)

    async def wait(self, enough: Callable[[bytes], bool]) -> bytes:
        """Return what came since the last call, once it is enough, or after PATIENCE."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not enough(new := bytes(self.transport.sent[self._read :])):
            if self.closed or asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.0005)
        self._read += len(new)
        return new

    async def ask(self, command: bytes, tag: bytes = b"t") -> bytes:
        """Send a command; return everything up to its tagged reply."""
        await self.send(tag + b" " + command + b"\r\n")
        done = b"\r\n" + tag + b" "
        return await self.wait(lambda new: done in b"\r\n" + new and new.endswith(b"\r\n"))


class World:
    """Call it in a running loop; ``close`` at the end."""

    def __init__(
        self,
        folder: Path,
        tls: Tls | None = None,
        local: bool = True,
        app: App | None = None,
        **limits: Any,
    ) -> None:
        """*local* False: every read crosses to a thread, as with stores on the network."""
        self.app = app or build({"POSTROOM_DATA": str(folder)})
        self.app.platform.reads_are_local = local
        self.crossing = Crossing(self.app)
        self.settings = GatewaySettings(plaintext_on_loopback=tls is None)
        self.login = Login(self.app.directory, self.crossing, self.app.clock)
        self.server = make_imap(
            self.app,
            self.settings,
            self.crossing,
            self.login,
            tls,
            implicit=False,
            limits=ImapLimits(**limits),
        )
        self._blobs = 0

    def account(self, name: str = "alice") -> Account:
        account = self.app.directory.account(f"{name}@example.test")
        assert account is not None
        return account

    def connect(self) -> Client:
        return Client(self.server)

    async def client(self, mailbox: str = "", name: str = "alice") -> Client:
        """A client that has logged in, and selected the mailbox."""
        client = self.connect()
        session = client.connection.session
        assert session is not None
        session.log_in(self.account(name))
        if mailbox:
            await client.ask(b"SELECT " + mailbox.encode())
        await client.wait(lambda _: True)
        return client

    def deliver(
        self,
        octets: bytes,
        mailbox: str = "INBOX",
        flags: tuple[str, ...] = (),
        internal_date: int = 1_700_000_000,
        prefix: bytes = b"",
        name: str = "alice",
    ) -> int:
        """Put a message there behind the sessions' backs; return its UID."""
        self._blobs += 1
        key = BlobKey(f"test-{self._blobs}")
        self.app.blobs.put(key, octets)
        account = self.account(name).id
        message = NewMessage(key, summarise(octets), internal_date, frozenset(flags), prefix)
        target = self.app.mailboxes.find(account, mailbox).id
        return self.app.mailboxes.append(account, target, [message])[0].uid

    async def close(self) -> None:
        await self.server.drain(5)
        self.crossing.close()
        self.app.platform.close()


def sample(name: str) -> bytes:
    """A message of the folder, with CRLF line ends."""
    return (MESSAGES / f"{name}.eml").read_bytes().replace(b"\n", b"\r\n")


@lru_cache
def _template(folder: Path) -> Path:
    app: App = build({"POSTROOM_DATA": str(folder)})
    app.directory.add_domain(Domain("example.test"))
    for name in ("alice", "bob"):
        account = app.directory.add_account(f"{name}@example.test", PASSWORD)
        app.mailboxes.create_account(account.id)
    app.platform.close()
    return folder


def new_data(shared: Path, own: Path) -> Path:
    """A data folder with two accounts. Made once in *shared*: hashing passwords takes a while."""
    shutil.copytree(_template(shared / "template"), own / "data")
    return own / "data"
