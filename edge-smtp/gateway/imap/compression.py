"""COMPRESS=DEFLATE: octets of both directions, without a socket (RFC 4978)."""

import zlib

from postroom.errors import PostroomError

# A window of 4 KiB and small tables: 48 KiB for each session, where zlib's own choice takes 256.
_WINDOW_BITS = -12
_MEMORY_LEVEL = 6
_LEVEL = 3
_LARGEST_WINDOW_BITS = -15  # the client chooses its window


class BrokenStream(PostroomError):
    """What the client sent cannot be inflated."""


class Compression:
    def __init__(self) -> None:
        self._deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
        self._inflater = zlib.decompressobj(_LARGEST_WINDOW_BITS)
        self._received = b""
        self._more = False  # the inflater may have more to give, though nothing comes

    def deflate(self, octets: bytes) -> bytes:
        """Return what the client needs to read all of the octets."""
        return self._deflater.compress(octets) + self._deflater.flush(zlib.Z_SYNC_FLUSH)

    def end(self, octets: bytes) -> bytes:
        """As ``deflate``, and nothing more will be said compressed."""
        return self._deflater.compress(octets) + self._deflater.flush(zlib.Z_FINISH)

    def receive(self, octets: bytes) -> None:
        self._received += octets

    @property
    def waiting(self) -> int:
        """Octets received and not inflated yet, or 1 when only more output waits."""
        return len(self._received) or int(self._more)

    @property
    def rest(self) -> bytes:
        """What came after the end of the client's compression, not compressed."""
        return self._received if self._inflater.eof else b""

    def inflate(self, most: int) -> bytes:
        """Return the next octets, *most* at a time: a few kilobytes may be a hundred megabytes.

        Raises BrokenStream.
        """
        if self._inflater.eof:
            raise BrokenStream("the client has ended its compression")
        try:
            octets = self._inflater.decompress(self._received, most)
        except zlib.error as error:
            raise BrokenStream(f"not deflated: {error}") from error
        ended = self._inflater.eof
        self._received = self._inflater.unused_data if ended else self._inflater.unconsumed_tail
        self._more = len(octets) == most and not ended
        return octets
