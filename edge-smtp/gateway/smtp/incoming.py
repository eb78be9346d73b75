"""One message on its way in: from its first octet to the word of the stores that it is safe."""

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import Future

from gateway.crossing import Crossing
from gateway.smtp import replies
from gateway.smtp.limits import SmtpLimits
from gateway.smtp.spill import Spill, in_background
from postroom.app import App
from postroom.errors import PostroomError
from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.pipeline.accepted import Accepted
from postroom.platform.blobs import BlobKey

log = logging.getLogger("postroom.smtp")

_MESSAGE_ID = re.compile(
    rb"\nmessage-id[ \t]*:(?:[ \t]|\r\n[ \t])*(<[^<>\r\n]{1,990}>)", re.IGNORECASE
)
_TLS_OPTIONAL = re.compile(rb"\ntls-required[ \t]*:(?:[ \t]|\r\n[ \t])*no[ \t]*\r\n")
_END_OF_HEADER = b"\r\n\r\n"

ReceivedField = Callable[[str, float], bytes]  # queue id, seconds -> the field


class Incoming:
    """Collects the text; small messages in memory, the rest of large ones in the store's draft.

    ``add`` until the end, then ``keep`` or ``drop``. A message that will not be taken is read to
    its end all the same: ``refusal`` is what it will be answered, and nothing more is kept of it.
    """

    def __init__(self, app: App, crossing: Crossing, limits: SmtpLimits) -> None:
        self._app = app
        self._crossing = crossing
        self._limits = limits
        self._spill_at = limits.in_memory  # octets
        self._pieces: list[bytes] = []
        self._in_memory = 0
        self._spill: Spill | None = None
        self._keeping = False
        self.size = 0  # octets of the text, without our Received field
        self.refusal = b""
        self.queue_id = ""
        self.milliseconds = 0  # since 1970, when its queue id was made
        self.message_id = ""
        self.tls_optional = False  # TLS-Required: No (RFC 8689 section 3)
        self._field = b""
        self._line = 0  # octets of the line that the last piece ended in

    def refuse(self, reply: bytes) -> None:
        """Keep nothing of it. The first reason is the one that is told."""
        self.refusal = self.refusal or reply
        self._pieces.clear()
        self._in_memory = 0
        spill, self._spill = self._spill, None
        if spill is not None:
            spill.abandon()

    def drop(self) -> None:
        """The client took it back, or left. What is being stored already is stored to its end:
        the client may have no reply, and sends it again."""
        if not self._keeping:
            self.refuse(replies.STORE_DOWN)

    def add(self, octets: bytes) -> bool:
        """Take octets. True: memory is full, `spill` before the next ones."""
        self.size += len(octets)
        if self.size > self._limits.message_size:
            self.refuse(replies.TOO_LARGE)
        if self._limits.text_line and not self.refusal:
            self._measure_lines(octets)
        if self.refusal:
            return False
        self._pieces.append(octets)
        self._in_memory += len(octets)
        return self._in_memory > self._spill_at

    async def spill(self, received_field: ReceivedField) -> None:
        """Move what is in memory to the store's draft."""
        octets = b"".join(self._pieces)
        if self._spill is None and not (self.refusal or self._name(octets, received_field)):
            return
        if self.refusal:
            return
        self._pieces.clear()
        self._in_memory = 0
        if self._spill is None:
            octets = self._field + octets
            self._spill = self._new_spill()
        try:
            await self._spill.write(octets)
        except (PostroomError, TimeoutError) as error:
            log.warning("not stored", extra={"queue_id": self.queue_id, "reason": _reason(error)})
            self.refuse(replies.STORE_DOWN)

    async def keep(self, received_field: ReceivedField, accepted: Callable[[], Accepted]) -> bool:
        """Store text and queue entry. True: both survive a crash. False: `refusal` says why not.

        *accepted* is asked once the queue id is known.
        """
        if self._spill is None and not self._name(b"".join(self._pieces), received_field):
            return False
        self._keeping = True
        stored: Future[None] | None = None
        sending = False
        try:
            async with asyncio.timeout(self._limits.store_timeout):
                stored = await self._store()
                await self._crossing.durable(stored)
                sending = True
                entry = self._app.platform.queue("inbound").send_soon(accepted().to_json())
                await self._crossing.durable(entry)
        except Exception as error:  # 451 whatever failed: the message stays with the client
            log.warning("not stored", extra={"queue_id": self.queue_id, "reason": _reason(error)})
            self.refuse(replies.STORE_DOWN)
            # An entry may have become durable although its sending failed or took too long, and
            # must not point at nothing: from then on the blob stays. An orphan does no harm.
            if stored is not None and not sending:
                self._crossing.then(stored, self._remove_soon)
            return False
        return True

    async def _store(self) -> "Future[None]":
        text = b"".join(self._pieces)
        self._pieces.clear()
        if self._spill is None:
            return self._app.platform.blobs.put_soon(self.blob, self._field + text)
        await self._spill.write(text)
        stored = self._spill.commit_soon()
        self._spill = None
        return stored

    def _new_spill(self) -> Spill:
        blobs, patience = self._app.platform.blobs, self._limits.store_timeout
        return Spill(self._crossing, blobs, self.blob, patience)

    def _remove_soon(self, stored: "Future[None]") -> None:
        in_background(self._remove())

    async def _remove(self) -> None:
        try:
            await self._crossing.slow(self._app.platform.blobs.delete, [self.blob])
        except Exception as error:
            extra = {"queue_id": self.queue_id, "reason": _reason(error)}
            log.warning("blob without a message", extra=extra)

    @property
    def blob(self) -> BlobKey:
        return BlobKey(self.queue_id)

    @property
    def stored_size(self) -> int:
        return len(self._field) + self.size

    def _name(self, text: bytes, received_field: ReceivedField) -> bool:
        """Find the Message-ID and make the queue id of it, unless the message is in a loop."""
        header = b"\r\n" + text[: self._limits.header_seen]
        end = header.find(_END_OF_HEADER)
        if end >= 0:
            header = header[: end + 2]
        lowered = header.lower()
        if lowered.count(b"\nreceived:") > self._limits.received_fields:
            self.refuse(replies.MAIL_LOOP)
            return False
        self.tls_optional = _TLS_OPTIONAL.search(lowered) is not None
        found = _MESSAGE_ID.search(header)
        if found is not None:
            self.message_id = found[1].decode("utf-8", "replace")
        seconds = self._app.clock.seconds()
        self.milliseconds = int(seconds * 1000)
        random = self._app.randomness.octets(RANDOM_OCTETS)
        self.queue_id = new_queue_id(seconds, random, self.message_id)
        self._field = received_field(self.queue_id, seconds)
        return True

    def _measure_lines(self, octets: bytes) -> None:
        start, limit = 0, self._limits.text_line
        while (end := octets.find(b"\n", start)) >= 0:
            if self._line + end + 1 - start > limit:
                self.refuse(replies.LINE_OF_TEXT_TOO_LONG)
                return
            self._line, start = 0, end + 1
        self._line += len(octets) - start
        if self._line > limit:
            self.refuse(replies.LINE_OF_TEXT_TOO_LONG)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
