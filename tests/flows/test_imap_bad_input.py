"""Commands made to harm: each is answered with a reason or ends its own session, and costs others
nothing. For commands that come in any order see test_imap_hostile.
"""

import asyncio
import logging
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from postroom.mailboxes.records import NewMessage
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey
from tests.conversations.imap_world import Client, World, new_data

MANY = 300  # messages
KEPT = 2_000_000  # octets that one session may hold at a time: a large command and its answer


def tree(depth: int) -> bytes:
    return b"OR " + tree(depth - 1) + b" " + tree(depth - 1) if depth else b"SEEN"


def numbered(text: bytes, count: int) -> bytes:
    return b" ".join(text % number for number in range(count))


def field(number: int) -> bytes:
    """Each message answers all before it: a thread as deep as the mailbox."""
    return (
        b"From: a%d <a@example.test>\r\nSubject: Re: s%d\r\nMessage-ID: <%d@x>\r\n"
        b"References: <%d@x>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nbody %d\r\n"
        % (number, number % 7, number, number - 1, number)
    )


BAD, NO, OK = b"t BAD ", b"t NO ", b"t OK "
ODDITIES = {
    "NOT NOT NOT": (b"SEARCH " + b"NOT " * 10_000 + b"SEEN", BAD),
    "NOT, as deep as may be": (b"SEARCH " + b"NOT " * 99 + b"SEEN", OK),
    "OR OR OR": (b"SEARCH " + b"OR SEEN " * 5_000 + b"SEEN", BAD),
    "OR of ORs": (b"SEARCH " + tree(9), OK),
    "parentheses": (b"SEARCH " + b"(" * 10_000 + b"SEEN" + b")" * 10_000, BAD),
    "parentheses that do not close": (b"SEARCH " + b"(" * 50_000, BAD),
    "parentheses in STATUS": (b"STATUS INBOX " + b"(" * 50_000, BAD),
    "parentheses in FETCH": (b"FETCH 1 " + b"(" * 50_000, BAD),
    "parentheses in ID": (b"ID " + b"(" * 50_000, BAD),
    "keys in tens of thousands": (b"SEARCH " + b"ALL " * 14_000 + b"ALL", BAD),
    "hundreds of texts": (b"SEARCH " + numbered(b"NOT TEXT q%d", 900), OK),
    "hundreds of fields": (b"SEARCH " + numbered(b"NOT HEADER X-Odd q%d", 900), OK),
    "hundreds of sets": (b"SEARCH " + numbered(b"NOT %d:*", 900).replace(b" 0:", b" 1:"), OK),
    "a set of everything, often": (b"FETCH " + b"1:*," * 15_000 + b"1 (UID)", OK),
    "a set of many ranges": (b"UID FETCH " + b",".join(b"%d" % n for n in range(1, 9999, 2)), BAD),
    "the same, whole": (
        b"UID FETCH " + b",".join(b"%d" % n for n in range(1, 9999, 2)) + b" (UID)",
        OK,
    ),
    "a set of the largest numbers": (b"UID STORE " + b"1:4294967295," * 4_000 + b"1 FLAGS ()", OK),
    "a number too large": (b"UID FETCH 1:4294967296 (UID)", BAD),
    "a number of a thousand digits": (b"FETCH " + b"9" * 1000 + b" (UID)", BAD),
    "a set of commas": (b"FETCH " + b"," * 50_000 + b" (UID)", BAD),
    "hundreds of sections": (b"FETCH 1 (" + numbered(b"BODY.PEEK[%d]", 500) + b")", BAD),
    "a hundred sections": (b"FETCH 1:* (" + numbered(b"BODY.PEEK[1%d.HEADER]", 100) + b")", OK),
    "a deep section": (b"FETCH 1 BODY.PEEK[" + b"1." * 20_000 + b"1]", BAD),
    "a section of field names": (
        b"FETCH 1 BODY.PEEK[HEADER.FIELDS (" + numbered(b"X%d", 2_000) + b")]",
        BAD,
    ),
    "the same item often": (b"FETCH 1:* (" + b"UID " * 10_000 + b"UID)", OK),
    "a partial beyond everything": (b"FETCH 1 BODY.PEEK[]<4294967295.4294967295>", OK),
    "a partial that is no number": (b"FETCH 1 BODY.PEEK[]<99999999999999999999.1>", BAD),
    "PARTIAL beyond everything": (
        b"UID SEARCH RETURN (PARTIAL 4294967290:4294967295) ALL",
        OK,
    ),
    "PARTIAL that is no number": (b"UID SEARCH RETURN (PARTIAL 1:99999999999) ALL", BAD),
    "a LIST pattern of wildcards": (b'LIST "" "' + b"*%" * 400 + b'"', OK),
    "one much longer": (b'LIST "" "' + b"*%" * 25_000 + b'"', BAD),
    "thousands of LIST patterns": (b'LIST "" (' + numbered(b'"*a%d*%%"', 4_000) + b")", OK),
    "SORT by thousands": (b"SORT (" + b"REVERSE SUBJECT " * 3_000 + b"DATE) UTF-8 ALL", BAD),
    "SORT by all": (b"SORT (" + b"SUBJECT " * 19 + b"DATE) UTF-8 ALL", OK),
    "a deep thread": (b"THREAD REFERENCES UTF-8 ALL", OK),
    "a thread of one subject": (b"THREAD ORDEREDSUBJECT UTF-8 ALL", OK),
    "a name in UTF-7 that is none": (b'SELECT "&AAA"', BAD),
    "a name in UTF-7 without end": (b"CREATE &" + b"A" * 50_000 + b"-", BAD),
    "a surrogate in UTF-7": (b"CREATE &2AA-", BAD),
    "a name in UTF-8 that is none": (b'SELECT "\xff\xfe"', BAD),
    "a surrogate in UTF-8": (b'CREATE "\xed\xa0\x80"', BAD),
    "a name with NUL": (b'CREATE "a\x00b"', BAD),
    "a name of levels": (b"CREATE " + b"a/" * 20_000 + b"a", BAD),
    "a tag with NUL": (b"\x00", BAD),
    "thousands of flags": (b"STORE 1 +FLAGS (" + numbered(b"K%d", 8_000) + b")", NO),
    "a long flag": (b"STORE 1 +FLAGS (K" + b"x" * 60_000 + b")", NO),
    "thousands of capabilities": (b"ENABLE " + b"X " * 20_000 + b"X", OK),
    "thousands of STATUS items": (b"STATUS INBOX (" + b"SIZE " * 5_000 + b"SIZE)", OK),
    "an ID of thousands": (b"ID (" + b'"a" "b" ' * 5_000 + b'"a" "b")', BAD),
    "METADATA entries": (b'GETMETADATA "" (' + numbered(b"/private/x%d", 4_000) + b")", BAD),
    "a deep METADATA entry": (b'GETMETADATA "" /private' + b"/a" * 20_000, BAD),
    "METADATA values": (b'SETMETADATA "" (' + numbered(b'/private/x%d "v"', 900) + b")", NO),
    "a large METADATA value": (b'SETMETADATA "" (/private/x {70000+}\r\n' + b"x" * 70_000, BAD),
    "ESEARCH in thousands": (b"ESEARCH IN (mailboxes (" + numbered(b"a%d", 8_000) + b")) ALL", OK),
    "NOTIFY of thousands": (
        b"NOTIFY SET (mailboxes (" + numbered(b"m%d", 5_000) + b") (MessageNew MessageExpunge))",
        OK,
    ),
    "NOTIFY of groups": (
        b"NOTIFY SET " + numbered(b"(mailboxes m%d (MessageNew MessageExpunge))", 1_000),
        OK,
    ),
    "NOTIFY, deep": (b"NOTIFY SET " + b"(" * 50_000, BAD),
    "a right, often": (b"SETACL INBOX bob@example.test " + b"lrs" * 15_000, OK),
    "an identifier too long": (b"SETACL INBOX " + b"u" * 50_000 + b" lr", BAD),
    "APPEND of thousands": (b"APPEND INBOX" + b" {1+}\r\nx" * 3_000, NO),
    "an age too large": (b"SEARCH OLDER 99999999999999999999", BAD),
    "a year too large": (b"SEARCH SINCE 1-Jan-99999", BAD),
    "a day that is none": (b"SEARCH SINCE 31-Feb-2024", BAD),
    "a MODSEQ too large": (b"FETCH 1 (FLAGS) (CHANGEDSINCE 18446744073709551615)", BAD),
    "an unknown word": (b"X" * 60_000, BAD),
    "a quoted string without end": (b'SELECT "' + b"x" * 60_000, BAD),
    "quotes in quotes": (b'SELECT "' + b'\\"' * 29_000 + b'"', BAD),
    "a literal of no number": (b"SELECT {99999999999999999999}", BAD),
}


@asynccontextmanager
async def at_work(folder: Path, **limits: Any) -> AsyncIterator[World]:
    world = World(folder, errors=1000, **limits)
    try:
        yield world
    finally:
        await world.close()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_data(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("bad"))

    async def fill() -> None:
        async with at_work(folder) as world:
            account = world.account().id
            for first in range(0, MANY, 45):
                new = []
                for number in range(first, min(first + 45, MANY)):
                    octets, key = field(number), BlobKey(f"bad-{number}")
                    world.app.blobs.put(key, octets)
                    new.append(NewMessage(key, summarise(octets), 1_700_000_000))
                world.app.mailboxes.append(account, world.app.mailboxes.inbox(account), new)

    run(fill)
    return folder


async def lively(neighbour: Client, heard: list[int]) -> None:
    """Ask again and again; count the answers."""
    while True:
        assert b"OK" in await neighbour.ask(b"NOOP", b"n")
        heard[0] += 1


@pytest.mark.parametrize("name", ODDITIES)
def test_an_oddity_is_answered(name: str, data: Path, caplog: pytest.LogCaptureFixture) -> None:
    command, expected = ODDITIES[name]

    async def test() -> None:
        async with at_work(data) as world:
            client, neighbour = await world.client("INBOX"), await world.client("INBOX")
            answer = await client.ask(command)
            last = (b"\r\n" + answer).rpartition(b"\r\nt ")
            assert (b"t " + last[2]).startswith(expected), last[2][:200] or answer[-200:]
            assert len(last[2]) < 1000  # a reason, not an echo
            assert b"t OK" in await client.ask(b"NOOP")
            assert b"n OK" in await neighbour.ask(b"NOOP", b"n")

    run(test)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("name", ["hundreds of texts", "hundreds of fields"])
def test_others_have_their_turn(name: str, data: Path) -> None:
    async def test() -> None:
        async with at_work(data) as world:
            client, neighbour = await world.client("INBOX"), await world.client("INBOX")
            heard = [0]
            asking = asyncio.create_task(lively(neighbour, heard))
            await client.ask(ODDITIES[name][0])
            asking.cancel()
            assert heard[0] >= 10

    run(test)


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        pytest.param(b"", b"x" * 8192, id="a tag without end"),
        pytest.param(b"a LOGIN ", b"y" * 8192, id="a word without end"),
        pytest.param(b'a LOGIN "', b'\\"' * 4096, id="a string without end"),
        pytest.param(b"a LOGIN {4294967295+}\r\n", b"z" * 8192, id="LITERAL+ of 4 GiB"),
        pytest.param(b"a SEARCH ", b"{1+}\r\nx" * 1000, id="literals without end"),
        pytest.param(b"", b"\0" * 8192, id="NUL"),
        pytest.param(b"", b"\r\n" * 4096, id="empty lines"),
        pytest.param(b"a AUTHENTICATE PLAIN\r\n", b"A" * 8192, id="a response without end"),
    ],
)
@pytest.mark.parametrize("logged_in", [False, True], ids=["stranger", "user"])
def test_input_without_end_takes_no_memory(
    begin: bytes, piece: bytes, logged_in: bool, data: Path
) -> None:
    async def test() -> None:
        async with at_work(data) as world:
            client = await world.client("INBOX") if logged_in else world.connect()
            neighbour = await world.client("INBOX")
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            try:
                await client.send(begin)
                for _ in range(1000):  # 8 MB
                    await client.send(piece)
                    await asyncio.sleep(0)
                    client.transport.sent.clear()
                    client._read = 0
                    if client.closed:
                        break
                assert tracemalloc.get_traced_memory()[1] - before < KEPT
            finally:
                tracemalloc.stop()
            assert b"n OK" in await neighbour.ask(b"NOOP", b"n")

    run(test)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"x" * 100_000_000, id="one word"),
        pytest.param(b"a NOOP\r\n" * 4_000_000, id="commands"),
        pytest.param(b"a LOGIN {99999999+}\r\n" + b"\0" * 100_000_000, id="a literal"),
    ],
)
def test_what_was_compressed_takes_no_memory(said: bytes, data: Path) -> None:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflater.compress(said) + deflater.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) * 100 < len(said)

    async def test() -> None:
        async with at_work(data) as world:
            client, neighbour = await world.client("INBOX"), await world.client("INBOX")
            assert b"t OK" in await client.ask(b"COMPRESS DEFLATE")
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            try:
                client.connection.data_received(bomb[:60_000])
                for _ in range(20):
                    assert b"n OK" in await neighbour.ask(b"NOOP", b"n")
                    client.transport.sent.clear()
                assert tracemalloc.get_traced_memory()[1] - before < KEPT
            finally:
                tracemalloc.stop()
                client.transport.abort()

    run(test)


def test_a_stranger_who_is_slow_is_told_bye(data: Path) -> None:
    async def test() -> None:
        async with at_work(data, login_seconds=0.2) as world:
            client = world.connect()
            for octet in b"a LOGIN " + b"x" * 10_000:
                await client.send(bytes([octet]))
                await asyncio.sleep(0.01)
                if client.closed:
                    break
            assert client.closed
            assert b"* BYE" in bytes(client.transport.sent)

    run(test)


MESSAGES = {
    "a header without end": b"Subject: x\r\nX-Long: " + b"y" * 300_000,
    "no line end": b"z" * 300_000,
    "parts in parts": b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n)
        for n in range(3_000)
    ),
    "messages in messages": b"Content-Type: message/rfc822\r\n\r\n" * 5_000 + b"\r\n",
    "parts without end": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 20_000,
    "base64 that is none": (
        b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b"=A=" * 10_000
        + b"\xff\x00\r\n"
    ),
    "an encoding that is none": (
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-none\r\n\r\nx\r\n"
    ),
    "comments in comments": b"From: " + b"(" * 50_000 + b"\r\n\r\n",
    "thousands of addresses": b"To: " + b"a@b.test, " * 20_000 + b"\r\n\r\n",
    "thousands of references": b"References: " + b"<a@b> " * 20_000 + b"\r\n\r\n",
    "thousands of parameters": b"Content-Type: a/b" + b"; a*0*=x" * 20_000 + b"\r\n\r\n",
    "encoded words": b"Subject: " + b"=?utf-8?q?=FF?= " * 20_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_made_to_harm_can_be_kept_and_read(
    name: str, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    octets = MESSAGES[name]

    async def test() -> None:
        async with at_work(data) as world:
            client = await world.client()
            assert b"t OK" in await client.ask(b"SELECT INBOX")
            answer = await client.ask(b"APPEND INBOX ~{%d+}\r\n" % len(octets) + octets)
            assert b"t OK [APPENDUID" in answer or b"t NO [" in answer
            for command in (
                b"FETCH * (ENVELOPE BODYSTRUCTURE PREVIEW RFC822.SIZE)",
                b"FETCH * (BODY.PEEK[HEADER] BODY.PEEK[1] BODY.PEEK[1.1.MIME])",
                b"FETCH * (BINARY.PEEK[1] BINARY.SIZE[1])",
                b"SEARCH 1:* TEXT zzz",
                b"SORT (SUBJECT FROM TO) UTF-8 ALL",
                b"THREAD REFERENCES UTF-8 ALL",
                b"STORE * +FLAGS (\\Deleted)",
                b"EXPUNGE",
            ):
                answer = await client.ask(command)
                assert b"\r\nt OK" in b"\r\n" + answer or b"t NO [UNKNOWN-CTE]" in answer, command

    run(test)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
