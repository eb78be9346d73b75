"""One message on its way in: from its first octet to the word of the stores that it is safe."""

import re
from collections.abc import Callable

from gateway.crossing import Crossing
from gateway.smtp import replies
from gateway.smtp.limits import SmtpLimits
from postroom.app import App
from postroom.errors import PostroomError
from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id, time_of
from postroom.pipeline.accepted import Accepted
from postroom.platform.blobs import BlobKey, Draft

_MESSAGE_ID = re.compile(
    rb"\nmessage-id[ \t]*:(?:[ \t]|\r\n[ \t])*(<[^<>\r\n]{1,990}>)", re.IGNORECASE
)
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
        self._pieces: list[bytes] = []
        self._in_memory = 0
        self._draft: Draft | None = None
        self._received_field: ReceivedField | None = None
        self.size = 0  # octets of the text, without our Received field
        self.refusal = b""
        self.queue_id = ""
        self.message_id = ""
        self._field = b""
        self._line = 0  # octets of the line that the last piece ended in

    def refuse(self, reply: bytes) -> None:
        """Keep nothing of it. The first reason is the one that is told."""
        self.refusal = self.refusal or reply
        self._pieces.clear()
        self._in_memory = 0

    def add(self, octets: bytes) -> bool:
        """Take octets. True: memory is full, `spill` before the next ones."""
        self.size += len(octets)
        if self.size > self._limits.message_size:
            self.refuse(replies.TOO_LARGE)
        if self._limits.text_line and not self.refusal:
            self._measure_lines(octets)
        if self.refusal:
            return self._draft is not None
        self._pieces.append(octets)
        self._in_memory += len(octets)
        return self._in_memory > self._limits.in_memory

    async def spill(self, received_field: ReceivedField) -> None:
        """Move what is in memory to the store's draft, or let go of the draft when refused."""
        if self.refusal:
            await self.drop()
            return
        octets = b"".join(self._pieces)
        self._pieces.clear()
        self._in_memory = 0
        try:
            if self._draft is None:
                if not self._name(octets, received_field):
                    return
                octets = self._field + octets
                self._draft = await self._crossing.slow(self._app.platform.blobs.draft, self.blob)
            await self._crossing.slow(self._draft.write, octets)
        except PostroomError:
            self.refuse(replies.STORE_DOWN)
            await self.drop()

    async def keep(self, received_field: ReceivedField, accepted: Callable[[], Accepted]) -> bool:
        """Store text and queue entry. True: both survive a crash. False: there is no entry.

        *accepted* is asked once the queue id is known. Whatever the stores raise means False.
        """
        blobs = self._app.platform.blobs
        if self._draft is None:
            text = b"".join(self._pieces)
            self._pieces.clear()
            if not self._name(text, received_field):
                return False
            stored = blobs.put_soon(self.blob, self._field + text)
        else:
            await self._crossing.slow(self._draft.write, b"".join(self._pieces))
            self._pieces.clear()
            stored = self._draft.commit_soon()
            self._draft = None
        await self._crossing.durable(stored)
        entry = self._app.platform.queue("inbound").send_soon(accepted().to_json())
        await self._crossing.durable(entry)
        return True

    async def drop(self) -> None:
        """Let go of the draft, if there is one."""
        draft, self._draft = self._draft, None
        if draft is not None:
            await self._crossing.slow(draft.abandon)

    async def remove(self) -> None:
        """Remove the blob of a message that was not accepted; an orphan is no harm but waste."""
        if self.queue_id:
            await self._crossing.slow(self._app.platform.blobs.delete, [self.blob])

    @property
    def blob(self) -> BlobKey:
        return BlobKey(self.queue_id)

    @property
    def milliseconds(self) -> int:
        return time_of(self.queue_id)

    @property
    def stored_size(self) -> int:
        return len(self._field) + self.size

    def _name(self, text: bytes, received_field: ReceivedField) -> bool:
        """Find the Message-ID and make the queue id of it, unless the message is in a loop."""
        end = text.find(_END_OF_HEADER, 0, self._limits.header_seen)
        header = b"\n" + text[: end + 2 if end >= 0 else self._limits.header_seen]
        if header.lower().count(b"\nreceived:") > self._limits.received_fields:
            self.refuse(replies.MAIL_LOOP)
            return False
        found = _MESSAGE_ID.search(header)
        if found is not None:
            self.message_id = found[1].decode("utf-8", "replace")
        seconds = self._app.clock.seconds()
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
