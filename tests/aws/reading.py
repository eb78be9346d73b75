"""What reading mail asks of AWS: a real IMAP session over moto, each command's requests counted."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from postroom.app import App
from postroom.mailboxes.records import NewMessage
from postroom.mailboxes.search_index import Task
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey
from postroom.platform.topic import Subscription, Topic
from tests.aws.filling import DATE, PREFIX, HugeMailboxes, fill_fast
from tests.aws.letters import letter
from tests.aws.meter import Meter
from tests.conversations import imap_world
from tests.conversations.imap_world import PASSWORD, Client, World

ADDRESS = "alice@example.test"
LARGE, HUGE = 10_000, 100_000  # messages
INDEXING = "An index of 1,000 messages is made"
_AT_ONCE = 90


@dataclass(frozen=True)
class Row:
    """What one command took."""

    what: str
    calls: Counter[str]
    units: Counter[str]


class HeldTopic:
    """The topic, whose news come when the test says so: not at any moment, as real ones do."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self.holds = True

    def publish(self, messages: Sequence[str]) -> None:
        self._topic.publish(messages)

    def subscribe(self, receive: Callable[[str], None]) -> Subscription:
        return self._topic.subscribe(lambda news: None if self.holds else receive(news))


@dataclass
class Reading:
    app: App
    meter: Meter
    world: World
    topic: HeldTopic
    huge: HugeMailboxes
    cache: Path  # of segments of indexes
    rows: list[Row] = field(default_factory=list)

    async def count(self, what: str, client: Client, command: str, later: str = "") -> bytes:
        """*later*: a request that the command makes when it has answered."""
        self.meter.start()
        said = await client.ask(command.encode())
        assert b"\r\nt OK" in b"\r\n" + said, (command, said[-300:])
        while later and not self.meter.calls[later]:
            await asyncio.sleep(0.01)
        self._note(what)
        return said

    def _note(self, what: str) -> None:
        # The poll of the gateway's own queue goes on by itself.
        calls = self.meter.calls.copy()
        del calls["sqs.ReceiveMessage"], calls["sqs.DeleteMessageBatch"]
        self.rows.append(Row(what, calls, self.meter.units.copy()))

    def fill(self, name: str, count: int) -> None:
        account = self.world.account().id
        mailbox = self.app.mailboxes.find(account, name)
        new = []
        for number in range(count):
            text = letter(number, ADDRESS)
            key = BlobKey(f"{name}-{number}")
            if name == "INBOX":  # the only bodies that are read
                self.app.blobs.put(key, text)
            new.append(NewMessage(key, summarise(text), DATE, prefix=PREFIX))
        for first in range(0, count, _AT_ONCE):
            self.app.mailboxes.append(account, mailbox.id, new[first : first + _AT_ONCE])

    async def all(self) -> list[Row]:
        self.fill("INBOX", 1000)
        self.fill("Archive", 100)
        fill_fast(self.app, self.world.account().id, "Junk", LARGE)
        self.huge.fill(self.app, self.world.account().id, "Trash", HUGE)
        client = self.world.connect()
        await client.wait(lambda new: new.endswith(b"\r\n"))
        count = self.count
        await count("LOGIN", client, f"LOGIN {ADDRESS} {PASSWORD}")
        second = self.world.connect()
        await second.wait(lambda new: new.endswith(b"\r\n"))
        await count("LOGIN, again within minutes", second, f"LOGIN {ADDRESS} {PASSWORD}")
        await count("LIST", client, 'LIST "" *')
        await count("STATUS", client, "STATUS Archive (MESSAGES UNSEEN UIDNEXT)")
        await count("SELECT, 100 messages", client, "SELECT Archive")
        await count(f"SELECT, {LARGE:,} messages", client, "SELECT Junk")
        await count(f"SELECT, {LARGE:,} messages, known", client, "SELECT Junk")
        await count(f"SELECT, {LARGE:,} messages, known, of another session", second, "SELECT Junk")
        await count(f"SELECT, {HUGE:,} messages", client, "SELECT Trash")
        await count(f"SELECT, {HUGE:,} messages, known", second, "SELECT Trash")
        await count(f"FETCH of {HUGE:,}: flags", client, "FETCH 1:* (UID FLAGS)")
        await count("SELECT, 1,000 messages", client, "SELECT INBOX")
        await count("FETCH of 1,000: flags", client, "FETCH 1:* (UID FLAGS)")
        await count(
            "FETCH of 1,000: first sync",
            client,
            "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)",
        )
        await count("FETCH of 1,000: once more", client, "FETCH 1:* (ENVELOPE THREADID)")
        await count("FETCH of one body", client, "FETCH 1 BODY.PEEK[]")
        await count("FETCH of one body, sets \\Seen", client, "FETCH 1 BODY[]")
        await count("SEARCH by flags and dates", client, "SEARCH UNSEEN SINCE 1-Jan-2026")
        await count("SEARCH THREADID", client, "SEARCH THREADID t1")
        await count("SEARCH by sent date, summaries held", client, "SEARCH SENTSINCE 1-Jan-2026")
        await self._search(client)
        await count("NOOP", client, "NOOP")
        await count("STORE of one flag", client, "STORE 7 +FLAGS (\\Flagged)")
        await count("STORE of 1,000 flags", client, "STORE 1:1000 +FLAGS.SILENT (\\Seen)")
        await count("COPY of 100", client, "COPY 1:100 Archive")
        await count("MOVE of 100", client, "MOVE 1:100 Archive")
        await client.ask(b"STORE 1:100 +FLAGS.SILENT (\\Deleted)")
        await count("EXPUNGE of 100", client, "EXPUNGE")
        text = letter(5000, ADDRESS)
        await count("APPEND, an answer", client, f"APPEND Sent {{{len(text)}+}}\r\n{text.decode()}")
        await self._idle(client)
        return self.rows

    async def _search(self, client: Client) -> None:
        """As the first search of a mailbox goes, the index that it asks for, and the next ones."""
        every, absent = "SEARCH TEXT quarterly", "SEARCH TEXT xylophone"
        queue = self.app.queue("index")
        without = "SEARCH TEXT in 1,000, without an index"
        await self.count(without, client, every, later="sqs.SendMessage")
        while not (letters := await asyncio.to_thread(queue.receive)):
            pass  # nobody waits for it to be sent
        [letter] = letters
        task: Task | None = Task.from_json(letter.body)
        self.meter.start()
        steps = 0
        while task is not None:
            task = await asyncio.to_thread(self.app.indexing.step, task)
            steps += 1
        self.meter.calls["sqs.SendMessage"] += steps
        self.meter.calls["sqs.ReceiveMessage"] += steps
        self.meter.calls["sqs.DeleteMessage"] += steps
        self.meter.calls["lambda.Invoke"] += steps
        self.rows.append(Row(INDEXING, self.meter.calls.copy(), self.meter.units.copy()))
        shutil.rmtree(self.cache)  # the function ran on another machine
        await self.count("SEARCH TEXT, index not yet on this machine", client, every)
        await self.count("SEARCH TEXT, a word in each message", client, every)
        await self.count("SEARCH TEXT, a word in none", client, absent)

    async def _idle(self, client: Client) -> None:
        await client.ask(b"NOOP")
        await client.send(b"i IDLE\r\n")
        await client.wait(lambda new: b"+ " in new)
        self.meter.start()
        await asyncio.sleep(0.3)
        self._note("IDLE while nothing happens")
        self.topic.holds = False
        self.meter.start()
        await asyncio.to_thread(self._deliver_one)
        delivered = self.meter.calls.copy(), self.meter.units.copy()
        said = await client.wait(lambda new: b"EXISTS" in new)
        assert b"EXISTS" in said
        calls = self.meter.calls - delivered[0]
        del calls["sqs.ReceiveMessage"], calls["sqs.DeleteMessageBatch"]
        self.rows.append(Row("IDLE: a delivery is told", calls, self.meter.units - delivered[1]))
        await client.send(b"DONE\r\n")
        await client.wait(lambda new: b"i OK" in new)

    def _deliver_one(self) -> None:
        self.world.deliver(letter(5001, ADDRESS))


async def read_mail(
    app: App, meter: Meter, huge: HugeMailboxes, folder: Path, cache: Path
) -> list[Row]:
    """*app*: over AWS, with the domain and the account; it keeps copies in *cache*."""
    topic = HeldTopic(app.platform.topic)
    app.platform.topic = topic
    # What is read again every two minutes must not come into any row by chance.
    world = World(folder, local=False, app=app, look_again_seconds=86_400)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(imap_world, "PATIENCE", 120)  # moto takes its time for transactions
            return await Reading(app, meter, world, topic, huge, cache).all()
    finally:
        await world.server.drain(5)
        world.crossing.close()
