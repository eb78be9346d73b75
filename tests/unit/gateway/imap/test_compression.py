"""COMPRESS=DEFLATE (RFC 4978), by octets and through a connection."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.imap.compression import BrokenStream, Compression
from tests.conversations.imap_world import Client, World, new_data


class Peer:
    """The client's half of the stream."""

    def __init__(self) -> None:
        self.deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.inflater = zlib.decompressobj(-15)

    def say(self, octets: bytes, mode: int = zlib.Z_SYNC_FLUSH) -> bytes:
        return self.deflater.compress(octets) + self.deflater.flush(mode)

    def hear(self, octets: bytes) -> bytes:
        return self.inflater.decompress(octets)


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 50), st.integers(1, 40))
def test_any_octets_in_any_pieces(said: list[bytes], piece: int, most: int) -> None:
    peer, ours = Peer(), Compression()
    wire = b"".join(peer.say(each) for each in said)
    heard = b""
    for start in range(0, len(wire), piece):
        ours.receive(wire[start : start + piece])
        while ours.waiting:
            heard += ours.inflate(most)
    assert heard == b"".join(said)
    assert peer.hear(b"".join(map(ours.deflate, said))) == heard


def test_a_bomb_comes_in_bounded_pieces() -> None:
    ours = Compression()
    ours.receive(Peer().say(b"\0" * 50_000_000))
    size = 0
    while ours.waiting:
        piece = ours.inflate(65536)
        assert len(piece) <= 65536
        size += len(piece)
    assert size == 50_000_000


@pytest.mark.parametrize("octets", [b"\xff\xff\xff", b"a NOOP\r\n"])
def test_what_is_not_deflated(octets: bytes) -> None:
    ours = Compression()
    ours.receive(octets)
    with pytest.raises(BrokenStream):
        ours.inflate(100)


def test_after_its_end_nothing_is_inflated() -> None:
    ours = Compression()
    ours.receive(Peer().say(b"hello", zlib.Z_FINISH) + b"plain")
    assert ours.inflate(100) == b"hello"
    assert ours.rest() == b"plain"
    with pytest.raises(BrokenStream):
        ours.inflate(100)


_TAG = st.text("ABCabcdefghijklmnopqrstuvwxyz0123456789.-", min_size=1, max_size=12)


@given(
    _TAG,
    _TAG,
    st.sampled_from([(zlib.Z_FINISH,), (zlib.Z_SYNC_FLUSH,), (zlib.Z_SYNC_FLUSH, zlib.Z_FINISH)]),
    st.integers(1, 40),
)
def test_where_the_compressed_part_ends(
    last: str, first: str, modes: tuple[int, ...], piece: int
) -> None:
    """However the octets come. Who only flushes the stream has to wait for the answer."""
    ours, peer = Compression(), Peer()
    line, plain = f"{last} UNAUTHENTICATE\r\n".encode(), f"{first} NOOP\r\n".encode()
    said = peer.say(line, modes[0]) + b"".join(peer.say(b"", mode) for mode in modes[1:])
    pieces = [said[start : start + piece] for start in range(0, len(said), piece)]
    if zlib.Z_FINISH in modes:
        pieces[-1] += plain
    else:
        pieces += [plain[start : start + piece] for start in range(0, len(plain), piece)]
    inflated, rest = b"", None
    while pieces and rest is None:
        ours.receive(pieces.pop(0))
        while inflated != line and ours.waiting:
            inflated += ours.inflate(100)
        rest = ours.rest() if inflated == line else None
    assert inflated == line
    assert rest is not None
    assert rest + b"".join(pieces) == plain


class Compressed:
    """A client that has compressed its connection."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.peer = Peer()

    async def ask(self, octets: bytes, until: bytes, mode: int = zlib.Z_SYNC_FLUSH) -> bytes:
        await self.client.send(self.peer.say(octets, mode))
        return await self.hear(until)

    async def hear(self, until: bytes) -> bytes:
        heard = b""
        while until not in heard and not (self.client.closed and until == b""):
            new = await self.client.wait(lambda new: bool(new))
            assert new, f"only {heard!r} came"
            heard += self.peer.hear(new)
        return heard


def run(folder: Path, scene: Callable[[Compressed], Awaitable[None]]) -> None:
    async def play() -> None:
        world = World(new_data(folder, folder), message_size=1_000_000)
        try:
            client = await world.client("INBOX")
            assert await client.ask(b"COMPRESS DEFLATE") == b"t OK DEFLATE active\r\n"
            await scene(Compressed(client))
        finally:
            await world.close()

    asyncio.run(play())


def test_commands_and_messages(tmp_path: Path) -> None:
    async def scene(them: Compressed) -> None:
        body = b"Subject: x\r\n\r\n" + b"0123456789" * 30_000
        said = await them.ask(
            b"a APPEND INBOX {%d+}\r\n%b\r\nb FETCH 1 BODY.PEEK[]\r\n" % (len(body), body), b"b OK"
        )
        assert b"a OK [APPENDUID" in said
        assert b"{%d}\r\n%b)" % (len(body), body) in said
        assert b"c BAD [COMPRESSIONACTIVE]" in await them.ask(b"c COMPRESS DEFLATE\r\n", b"c ")

    run(tmp_path, scene)


def test_a_bomb_ends_as_any_line_without_end(tmp_path: Path) -> None:
    async def scene(them: Compressed) -> None:
        said = await them.ask(b"a " + b"x" * 20_000_000, b"BYE")
        assert b"a BAD [TOOBIG]" in said
        assert them.client.closed

    run(tmp_path, scene)


def test_many_commands_in_few_octets(tmp_path: Path) -> None:
    async def scene(them: Compressed) -> None:
        said = await them.ask(b"a NOOP\r\n" * 20_000 + b"b NOOP\r\n", b"b OK")
        assert said.count(b"a OK") == 20_000

    run(tmp_path, scene)


def test_what_is_not_compressed_ends_the_connection(tmp_path: Path) -> None:
    async def scene(them: Compressed) -> None:
        await them.client.send(b"\xff\xff NOOP\r\n")
        assert b"* BYE The compressed data is broken" in await them.hear(b"BYE")
        assert them.client.closed

    run(tmp_path, scene)


def test_unauthenticate_ends_it(tmp_path: Path) -> None:
    async def scene(them: Compressed) -> None:
        last = them.peer.say(b"a UNAUTHENTICATE\r\n", zlib.Z_FINISH)
        await them.client.send(last + b"b NOOP\r\n")
        wire = await them.client.wait(lambda new: new.endswith(b"completed\r\n"))
        assert b"a OK [CAPABILITY" in them.peer.hear(wire)
        assert them.peer.inflater.eof
        assert them.peer.inflater.unused_data == b"b OK NOOP completed\r\n"
        assert await them.client.ask(b"COMPRESS DEFLATE") == b"t BAD Log in first\r\n"

    run(tmp_path, scene)


@pytest.mark.parametrize("flush", [zlib.Z_FINISH, zlib.Z_SYNC_FLUSH])
def test_unauthenticate_in_pieces(tmp_path: Path, flush: int) -> None:
    """The end of the client's stream may come later than its line, or not at all."""

    async def scene(them: Compressed) -> None:
        for octet in them.peer.say(b"a UNAUTHENTICATE\r\n", flush):
            await them.client.send(bytes([octet]))
            await asyncio.sleep(0.001)
        wire = await them.client.wait(lambda new: b"\x00" in new or new.endswith(b"completed\r\n"))
        assert b"a OK [CAPABILITY" in them.peer.hear(wire)
        await them.client.send(b"b NOOP\r\n", piece=1)
        left = await them.client.wait(lambda new: new.endswith(b"completed\r\n"))
        assert (them.peer.inflater.unused_data + left).endswith(b"b OK NOOP completed\r\n")

    run(tmp_path, scene)


def test_another_algorithm(tmp_path: Path) -> None:
    async def play() -> None:
        world = World(new_data(tmp_path, tmp_path))
        client = await world.client()
        assert (await client.ask(b"COMPRESS LZW")).startswith(b"t BAD ")
        await world.close()

    asyncio.run(play())
