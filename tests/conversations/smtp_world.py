"""An SMTP server over a real embedded store, whose clients talk to it without a socket."""

import asyncio
import base64
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from gateway.crossing import Crossing
from gateway.login import Login
from gateway.smtp.allowance import Allowance
from gateway.smtp.limits import SmtpLimits
from gateway.smtp.server import SmtpServer, TlsSource, make_smtp, make_submission
from gateway.smtp.submission import Desk
from postroom.app import App, Platform, build
from postroom.directory.records import Alias, Domain
from postroom.mailboxes.records import NewMessage
from postroom.message.summary import summarise
from postroom.pipeline.accepted import Accepted
from postroom.platform.blobs import BlobKey
from postroom.platform.clock import Clock
from postroom.platform.tokens import Tokens
from postroom.submission.counts import Counts
from tests.conversations.imap_world import Client

PASSWORD = "secret"
GREETING = b"220 mail.example.test ESMTP Postroom\r\n"


@dataclass(frozen=True)
class Submitting:
    """What makes a World one for our users instead of other servers."""

    plaintext: bool = True  # passwords without TLS
    messages: int = 500  # an hour
    recipients: int = 5000  # a day
    tokens: Tokens | None = None


class World:
    """Call it in a running loop; ``close`` at the end. *wrap* may stand before the stores."""

    def __init__(
        self,
        folder: Path,
        wrap: Callable[[Platform], Platform] | None = None,
        tls: TlsSource | None = None,
        submitting: Submitting | None = None,
        clock: Clock | None = None,
        **limits: Any,
    ) -> None:
        self.app = _open(folder)
        if clock is not None:
            self.app = replace(self.app, clock=clock)
        app = replace(self.app, platform=wrap(self.app.platform)) if wrap else self.app
        self.crossing = Crossing(app, 4)
        smtp_limits = SmtpLimits(**limits)
        self.server: SmtpServer
        if submitting is None:
            self.server = make_smtp(app, smtp_limits, self.crossing, tls)
        else:
            desk = make_desk(app, self.crossing, submitting)
            self.server = make_submission(app, smtp_limits, self.crossing, tls, desk)

    async def connect(self) -> Client:
        """A client that has read the greeting."""
        client = Client(self.server)
        assert await client.wait(lambda new: new.endswith(b"\n")) == GREETING
        return client

    def queued(self) -> list[Accepted]:
        """Take every entry of the Inbound queue."""
        queue = self.app.platform.queue("inbound")
        found = []
        while letters := queue.receive(10):
            found += [Accepted.from_json(letter.body) for letter in letters]
        return found

    def stored(self, accepted: Accepted) -> bytes:
        """The text below our Received field."""
        blob = self.app.blobs.get(accepted.blob)
        assert len(blob) == accepted.size
        assert blob.startswith(b"Received: from ")
        return below_received(blob)

    def blobs(self, folder: Path) -> int:
        """How many blobs the store has, drafts included."""
        index = folder / "blobs.sqlite"
        with closing(sqlite3.connect(index)) as database:
            ((count,),) = database.execute("SELECT count(*) FROM places").fetchall()
        files = [*(folder / "blobs").rglob("large/*"), *(folder / "blobs").rglob("drafts/*")]
        return count + len(files)

    async def close(self) -> None:
        await self.server.drain()
        self.crossing.close()
        self.app.platform.close()


def make_desk(app: App, crossing: Crossing, given: Submitting) -> Desk:
    allowance = Allowance(
        app.directory,
        Counts(app.platform.table, app.clock),
        crossing,
        app.clock,
        messages_per_hour=given.messages,
        recipients_per_day=given.recipients,
    )
    login = Login(app.directory, crossing, app.clock, tokens=given.tokens, sleep=_no_time)
    return Desk(login, allowance, lambda _: {}, lambda _: given.plaintext)


async def _no_time(seconds: float) -> None:
    """Failures are slowed in tests of the login."""


def below_received(blob: bytes) -> bytes:
    lines = blob.split(b"\r\n")
    end = next(i for i, line in enumerate(lines[1:], 1) if not line.startswith((b"\t", b" ")))
    return b"\r\n".join(lines[end:])


async def say(client: Client, *lines: bytes) -> list[bytes]:
    """Send each line; return the last line of each reply."""
    replies = []
    for line in lines:
        await client.send(line + b"\r\n")
        replies.append(await reply(client))
    return replies


async def reply(client: Client) -> bytes:
    """The last line of the next reply."""

    def whole(new: bytes) -> bool:
        return new.endswith(b"\n") and new.splitlines()[-1][3:4] == b" "

    return (await client.wait(whole)).splitlines()[-1]


async def log_in(client: Client, name: str = "alice") -> None:
    """After EHLO."""
    plain = base64.b64encode(f"\0{name}@example.test\0{PASSWORD}".encode())
    [answer] = await say(client, b"AUTH PLAIN " + plain)
    assert answer == b"235 2.7.0 Authentication successful"


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


def _open(folder: Path) -> App:
    return build({"POSTROOM_DATA": str(folder), "POSTROOM_HOSTNAME": "mail.example.test"})


@lru_cache
def _template(folder: Path) -> Path:
    app = _open(folder)
    app.directory.add_domain(Domain("example.test"))
    for name, quota in (("alice", 0), ("bob", 0), ("full", 10), ("gone", 0)):
        account = app.directory.add_account(f"{name}@example.test", PASSWORD, quota)
        app.mailboxes.create_account(account.id)
        if name == "gone":
            app.directory.set_account(replace(account, enabled=False))
        if name == "full":
            octets = b"Subject: more than the quota\r\n\r\n"
            app.blobs.put(BlobKey("old"), octets)
            inbox = app.mailboxes.find(account.id, "INBOX").id
            new = NewMessage(BlobKey("old"), summarise(octets), 0, frozenset())
            app.mailboxes.append(account.id, inbox, [new])
    app.directory.add_alias(Alias("postmaster@example.test", ("alice@example.test",)))
    app.directory.add_alias(Alias("sales@example.test", ("alice@example.test", "bob@example.test")))
    app.directory.add_alias(Alias("away@example.test", ("alice@elsewhere.test",)))
    alice = app.directory.account("alice@example.test")
    assert alice is not None
    app.directory.grant("boss@elsewhere.test", alice.id)
    app.platform.close()
    return folder


def new_data(shared: Path, own: Path) -> Path:
    """A data folder: alice, bob, full (over quota), gone (disabled), and the aliases postmaster
    (alice), sales (alice and bob), away (in another domain). Alice may send as
    boss@elsewhere.test.

    Made once in *shared*: hashing passwords takes a while.
    """
    shutil.copytree(_template(shared / "smtp-template"), own / "data")
    return own / "data"
