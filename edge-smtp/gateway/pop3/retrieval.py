"""RETR and TOP: a message goes out, whole or in pieces, with UTF-8 fields or without."""

import logging

from gateway.metrics import metrics
from gateway.pop3.content import Stuffer, Top, stuffed
from gateway.pop3.replies import Replies, Wire
from gateway.pop3.service import Service
from postroom.errors import BlobMissing, PostroomError, StoreUnavailable
from postroom.mailboxes.records import Message
from postroom.mailboxes.store import Mailboxes
from postroom.message.stored import structure_of
from postroom.message.structure import Part
from postroom.message.surrogate import Surrogate, headers_of, in_ascii, surrogate

log = logging.getLogger("postroom.pop3")

_WHOLE = 256 * 1024  # octets; a larger message is read and sent in pieces of this size
_QUICK = 16 * 1024  # octets; a surrogate of more is made where nobody waits for it
_FIRST_OF_TOP = 8 * 1024  # most headers end in the first few kilobytes


class BrokenOff(PostroomError):
    """A part of an answer was sent and the rest cannot be: the client must not take it for all."""

    def __init__(self) -> None:
        super().__init__("the rest of an answer cannot be sent")


class Retrieval:
    """Methods raise StoreUnavailable before anything was sent, BrokenOff afterwards."""

    __slots__ = ("_replies", "_service", "_utf8", "_wire")

    def __init__(self, service: Service, wire: Wire, replies: Replies, *, utf8: bool) -> None:
        """*utf8*: the client takes UTF-8 in fields; else it gets surrogates (RFC 6856, 2.1)."""
        self._service = service
        self._wire = wire
        self._replies = replies
        self._utf8 = utf8

    async def whole(self, message: Message) -> None:
        if message.size > _WHOLE:
            await self._in_pieces(message)
            return
        blobs = self._service.app.platform.blobs
        try:
            octets = await self._service.crossing.run(blobs.get, message.blob)
        except BlobMissing as error:
            self._unreadable(error)
            return
        octets = await self._fit(message.prefix + octets)
        first = self._replies.first_line("{octets} octets", octets=len(octets))
        self._send(first, stuffed(octets))

    async def top(self, message: Message, lines: int) -> None:
        top = Top(lines)
        found, start, step = top.feed(message.prefix), 0, _FIRST_OF_TOP
        try:
            while not top.done and start < _size(message):
                if len(found) > _WHOLE:
                    await self._in_pieces(message, Top(lines))
                    return
                piece = await self._piece(message, start, step)
                if not piece:  # the blob is shorter than its record says
                    break
                found += top.feed(piece)
                start += len(piece)
                step = _WHOLE
        except BlobMissing as error:
            self._unreadable(error)
            return
        first = self._replies.first_line("Top of message follows")
        self._send(first, stuffed(await self._fit(found)))

    async def _in_pieces(self, message: Message, top: Top | None = None) -> None:
        """Never more than a few pieces in memory, whatever the size."""
        try:
            making = await self._making(message)
            piece = await self._piece(message, 0, _WHOLE)
        except BlobMissing as error:
            self._unreadable(error)
            return
        sentence = "Message follows" if top is None else "Top of message follows"
        stuffer = Stuffer()
        self._send(self._replies.first_line(sentence), b"")
        prefix = message.prefix if self._utf8 else in_ascii(message.prefix)
        start, octets = len(piece), piece
        self._wire.write(stuffer.feed(prefix if top is None else top.feed(prefix)))
        while octets:
            if top is not None:
                octets = top.feed(octets)
            self._send(b"", stuffer.feed(making.feed(octets) if making else octets))
            if start >= _size(message) or (top is not None and top.done):
                break
            await self._wire.flush()
            try:
                octets = await self._piece(message, start, _WHOLE)
            except (BlobMissing, StoreUnavailable) as error:
                log.error("message not readable", extra={"reason": str(error)})
                raise BrokenOff from error
            start += len(octets)
        self._wire.write(stuffer.feed(making.end() if making else b"") + stuffer.end())

    async def _making(self, message: Message) -> Surrogate | None:
        """A message too large to be looked at: its summary knows where the headers are."""
        if self._utf8:
            return None
        service = self._service
        structure = await service.crossing.run(_structure, service.app.mailboxes, message)
        return Surrogate(headers_of(structure))

    async def _piece(self, message: Message, start: int, step: int) -> bytes:
        blobs = self._service.app.platform.blobs
        return await self._service.crossing.run(blobs.get_range, message.blob, start, step)

    async def _fit(self, octets: bytes) -> bytes:
        if self._utf8 or octets.isascii():
            return octets
        if len(octets) <= _QUICK:
            return surrogate(octets)
        return await self._service.crossing.slow(surrogate, octets)

    def _send(self, first: bytes, octets: bytes) -> None:
        metrics.octets_out += len(octets)
        self._wire.write(first + octets)

    def _unreadable(self, error: PostroomError) -> None:
        log.error("message not readable", extra={"reason": str(error)})
        self._replies.sorry("The message cannot be read", "[SYS/PERM] ")


def _structure(mailboxes: Mailboxes, message: Message) -> Part:
    [encoded] = mailboxes.encoded_summaries([message.blob])
    return structure_of(encoded)


def _size(message: Message) -> int:
    """Octets of the blob."""
    return message.size - len(message.prefix)
