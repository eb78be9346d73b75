"""A client's socket: responses with their literals, and COMPRESS (RFC 4978)."""

import asyncio
import re
import zlib

_LITERAL = re.compile(rb"~?\{(\d+)\}\r\n\Z")
_PIECE = 64 * 1024


class Lost(Exception):
    """The connection is gone."""


class Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        self._inflate: zlib._Decompress | None = None
        self._deflate: zlib._Compress | None = None

    @classmethod
    async def connect(cls, port: int) -> "Wire":
        try:
            return cls(*await asyncio.open_connection("127.0.0.1", port))
        except OSError as error:
            raise Lost(str(error)) from error

    def compress(self) -> None:
        self._inflate = zlib.decompressobj(-15)
        self._deflate = zlib.compressobj(wbits=-15)

    async def send(self, octets: bytes) -> None:
        if self._deflate is not None:
            octets = self._deflate.compress(octets) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        try:
            self._writer.write(octets)
            await self._writer.drain()
        except OSError as error:
            raise Lost(str(error)) from error

    async def response(self) -> bytes:
        """One whole response, CRLF included; literals are in their places."""
        size = 0
        while True:
            size = await self._line_from(size)
            line = bytes(self._buffer[:size])
            literal = _LITERAL.search(line)
            if literal is None:
                del self._buffer[:size]
                return line
            size += int(literal[1])
            while len(self._buffer) < size:
                await self._more()

    async def _line_from(self, start: int) -> int:
        while (end := self._buffer.find(b"\r\n", start)) < 0:
            await self._more()
        return end + 2

    async def _more(self) -> None:
        try:
            octets = await self._reader.read(_PIECE)
        except OSError as error:
            raise Lost(str(error)) from error
        if not octets:
            raise Lost("the other side has closed")
        self._buffer += octets if self._inflate is None else self._inflate.decompress(octets)

    def cut(self) -> None:
        """Go away without a word, as a phone does in a tunnel."""
        self._writer.transport.abort()
