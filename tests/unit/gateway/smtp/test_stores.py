"""What the stores have after a message went well, or after they failed in the middle of it."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from postroom.app import Platform
from postroom.errors import StoreUnavailable
from tests.conversations.imap_world import Client
from tests.conversations.smtp_world import World, reply, say, until

OPENING = (b"EHLO c.example.org", b"MAIL FROM:<a@example.org>", b"RCPT TO:<bob@example.test>")


@dataclass
class Faults:
    """Stands before the real stores; ``fail`` and ``hang`` name calls that do."""

    real: Any = None
    fail: set[str] = field(default_factory=set)
    hang: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)  # it is done, and the answer does not come
    go_on: threading.Event = field(default_factory=threading.Event)
    called: list[str] = field(default_factory=list)

    def __call__(self, real: Platform) -> Platform:
        self.real = real
        return _Before(real, self)  # type: ignore[return-value]

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            self.called.append(name)
            if name in self.fail:
                if not name.endswith("_soon"):
                    raise StoreUnavailable(f"no {name} today")
                failed: Future[None] = Future()
                failed.set_exception(StoreUnavailable(f"no {name} today"))
                return failed
            if name in self.hang:
                if name.endswith("_soon"):
                    return Future()
                self.go_on.wait(10)
            if name in self.lost:
                call(*args).result()
                return Future()
            result = call(*args)
            return _Before(result, self) if name == "draft" else result

        return wrapped


class _Before:
    def __init__(self, real: Any, faults: Faults) -> None:
        self._real = real
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name == "blobs":
            return _Before(found, self._faults)
        if name == "queue":
            return lambda queue: _Before(found(queue), self._faults)
        return self._faults.wrap(name, found) if callable(found) else found


LARGE = b"Subject: large\r\n\r\n" + b"0123456789" * 30_000 + b"\r\n"


async def send(client: Client, text: bytes, piece: int = 0) -> bytes:
    assert await say(client, *OPENING[1:], b"DATA") == [
        b"250 2.1.0 Ok",
        b"250 2.1.5 Ok",
        b"354 End data with <CR><LF>.<CR><LF>",
    ]
    await client.send(text + b".\r\n", piece)
    return await reply(client)


@pytest.mark.parametrize("name", ["put_soon", "draft", "write", "commit_soon", "send_soon"])
@pytest.mark.parametrize("fault", ["fail", "hang"])
def test_a_store_that_fails_or_hangs(data: Path, name: str, fault: str) -> None:
    """451, no entry, the connection lives; the next message, when all is well, is taken."""

    async def scene() -> None:
        faults = Faults()
        world = World(data, faults, store_timeout=0.15, in_memory=1000)
        before = world.blobs(data)
        try:
            client = await world.connect()
            await say(client, OPENING[0])
            setattr(faults, fault, {name})
            text = b"Subject: small\r\n\r\n" if name == "put_soon" else LARGE
            assert await send(client, text, 5000) == (
                b"451 4.3.0 Cannot store now, try again later"
            )
            setattr(faults, fault, set())
            faults.go_on.set()
            assert name in faults.called
            assert world.queued() == []
            orphans = 1 if name == "send_soon" else 0
            await until(lambda: world.blobs(data) == before + orphans)
            assert (await send(client, text, 5000)).startswith(b"250 2.0.0 Ok: queued as ")
            (entry,) = world.queued()
            assert world.stored(entry) == text
        finally:
            await world.close()

    asyncio.run(scene())


@pytest.mark.parametrize("name", ["put_soon", "send_soon"])
def test_an_answer_that_is_lost(data: Path, name: str) -> None:
    """An entry that became durable behind a 451 must find its blob."""

    async def scene() -> None:
        faults = Faults(lost={name})
        world = World(data, faults, store_timeout=0.1)
        try:
            client = await world.connect()
            await say(client, OPENING[0])
            assert (await send(client, b"Subject: x\r\n\r\n")).startswith(b"451 4.3.0 ")
            await asyncio.sleep(0.05)
            for entry in world.queued():
                assert world.stored(entry) == b"Subject: x\r\n\r\n"
                assert name == "send_soon"
        finally:
            await world.close()

    asyncio.run(scene())


def test_removing_a_blob_delays_no_reply(data: Path) -> None:
    async def scene() -> None:
        faults = Faults(fail={"put_soon"}, hang={"delete"})
        world = World(data, faults)
        try:
            client = await world.connect()
            await say(client, OPENING[0])
            assert (await send(client, b"Subject: x\r\n\r\n")).startswith(b"451 4.3.0 ")
            await until(lambda: "delete" in faults.called)
        finally:
            faults.go_on.set()
            await world.close()

    asyncio.run(scene())


@pytest.mark.parametrize("size", [10, 5000])
def test_a_client_that_leaves_leaves_nothing(data: Path, size: int) -> None:
    async def scene() -> None:
        world = World(data, in_memory=1000)
        before = world.blobs(data)
        try:
            for command in (b"DATA", b"BDAT 100000"):
                client = await world.connect()
                await say(client, *OPENING)
                await client.send(command + b"\r\n" + b"x" * size)
                await asyncio.sleep(0.02)
                client.transport.close()
            await until(lambda: not world.server.open and world.blobs(data) == before)
            assert world.queued() == []
        finally:
            await world.close()

    asyncio.run(scene())


def test_a_client_that_leaves_while_the_draft_is_written(data: Path) -> None:
    async def scene() -> None:
        faults = Faults(hang={"write"})
        world = World(data, faults, in_memory=1000)
        before = world.blobs(data)
        try:
            client = await world.connect()
            await say(client, *OPENING, b"DATA")
            await client.send(b"x" * 2_000_000)
            await until(lambda: "write" in faults.called)
            client.transport.close()
            await asyncio.sleep(0.02)
            assert "abandon" not in faults.called
            faults.go_on.set()
            await until(lambda: "abandon" in faults.called and world.blobs(data) == before)
            assert world.queued() == []
        finally:
            await world.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("tail", "refusal"),
    [(b"bare\nLF", b"550 5.6.11 "), (b"y" * 900_000, b"552 5.3.4 ")],
)
def test_pieces_that_come_after_the_refusal(data: Path, tail: bytes, refusal: bytes) -> None:
    async def scene() -> None:
        world = World(data, in_memory=1000, message_size=500_000)
        before = world.blobs(data)
        try:
            client = await world.connect()
            await say(client, OPENING[0])
            text = LARGE + tail + b"\r\n" + b"z" * 5000 + b"\r\n"
            assert (await send(client, text, 7000)).startswith(refusal)
            await until(lambda: world.blobs(data) == before)
            assert world.queued() == []
            assert (await send(client, LARGE, 7000)).startswith(b"250 ")
        finally:
            await world.close()

    asyncio.run(scene())


EVERY_OCTET = bytes(octet for octet in range(256) if octet not in b"\r\n")


@pytest.mark.parametrize("piece", [0, 1, 4096])
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\r\n",
        b"no header at all\r\n",
        b"Subject: octets\r\n\r\n" + EVERY_OCTET + b"\r\n",
        b"Subject: long lines\r\n\r\n" + b"l" * 5000 + b"\r\n",
    ],
)
def test_stored_as_sent(data: Path, text: bytes, piece: int) -> None:
    async def scene() -> None:
        world = World(data, in_memory=3000)
        try:
            client = await world.connect()
            await say(client, OPENING[0])
            assert (await send(client, text, piece)).startswith(b"250 ")
            await say(client, *OPENING[1:])
            await client.send(b"BDAT %d LAST\r\n" % len(text) + text, piece)
            assert (await reply(client)).startswith(b"250 ")
            one, two = world.queued()
            assert world.stored(one) == world.stored(two) == text
        finally:
            await world.close()

    asyncio.run(scene())


def test_what_the_queue_entry_says(data: Path) -> None:
    async def scene() -> None:
        world = World(data)
        try:
            client = await world.connect()
            await say(
                client,
                b"EHLO client.example.org",
                b"MAIL FROM:<VERP-1@example.org> SIZE=10 RET=HDRS ENVID=QQ+2B314159 SMTPUTF8",
                b"RCPT TO:<Alice@example.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Al@example.org",
                b"RCPT TO:<bob+tag@EXAMPLE.test> NOTIFY=NEVER",
                b"RCPT TO:<nobody@example.test>",
                b"RCPT TO:<POSTMASTER>",
                b"DATA",
                b"Message-ID:\r\n <one@example.org>\r\n\r\nHello\r\n.",
            )
            (entry,) = world.queued()
            assert entry.reverse_path == "VERP-1@example.org"
            assert (entry.ret, entry.envid, entry.smtputf8) == ("HDRS", "QQ+2B314159", True)
            assert [r.address for r in entry.recipients] == [
                "Alice@example.test",
                "bob+tag@EXAMPLE.test",
                "postmaster@example.test",
            ]
            assert [r.notify for r in entry.recipients] == [("SUCCESS", "FAILURE"), ("NEVER",), ()]
            assert entry.recipients[0].original == "rfc822;Al@example.org"
            assert entry.message_id == "<one@example.org>"
            assert (entry.client, entry.helo, entry.tls) == (
                "127.0.0.1",
                "client.example.org",
                "",
            )
            field = world.app.blobs.get(entry.blob).split(b"Message-ID")[0].decode()
            assert field.startswith(
                "Received: from client.example.org (unknown [127.0.0.1])\r\n"
                f"\tby mail.example.test (Postroom) with UTF8SMTP id {entry.queue_id};\r\n\t"
            )
            assert field.count("\n") == 3  # no for-clause: there are several recipients
        finally:
            await world.close()

    asyncio.run(scene())
