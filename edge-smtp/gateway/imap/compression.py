"""COMPRESS=DEFLATE: octets of both directions, without a socket (RFC 4978)."""

import zlib

from postroom.errors import PostroomError

# A window of 4 KiB and small tables: 48 KiB for each session, where zlib's own choice takes 256.
_WINDOW_BITS = -12
_MEMORY_LEVEL = 6
_LEVEL = 3
_LARGEST_WINDOW_BITS = -15  # the client chooses its window
_LONGEST_END = 16  # octets of a stream behind what its last line is made of
_FLUSHED = b"\x00\x00\xff\xff"  # what Z_SYNC_FLUSH ends with


class BrokenStream(PostroomError):
    """What the client sent cannot be inflated."""


class Compression:
    def __init__(self) -> None:
        self._deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
        self._inflater = zlib.decompressobj(_LARGEST_WINDOW_BITS)
        self._received = b""
        self._inflated = b""  # the last octets that went into the inflater
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

    def rest(self) -> bytes | None:
        """What came after the end of the client's compression, not compressed. None while it
        cannot be told: the last octets of the stream may still be on their way.

        To be called when the client has said its last compressed line (RFC 8437 section 4.1). A
        client that flushes and does not end its stream is understood, too: nothing that a line
        begins with can be the end of one.
        """
        if self._inflater.eof:
            return self._received
        ending, plain = self._inflater.copy(), 0
        for place, octet in enumerate(self._received[:_LONGEST_END], 1):
            try:
                more = ending.decompress(bytes([octet]))
            except zlib.error:
                return self._received[plain:]
            if ending.eof:
                return self._received[place:]
            if more:
                return self._received[plain:]
            if (self._inflated + self._received[:place]).endswith(_FLUSHED):
                plain = place
        undecided = len(self._received) < _LONGEST_END and not self._received.endswith(b"\r\n")
        return None if undecided else self._received[plain:]

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
        left = self._inflater.unused_data if ended else self._inflater.unconsumed_tail
        used = self._received[: len(self._received) - len(left)]
        self._inflated = (self._inflated + used[-len(_FLUSHED) :])[-len(_FLUSHED) :]
        self._received = left
        self._more = len(octets) == most and not ended
        return octets
