"""APPEND: the message comes in pieces and is kept as it came, octet by octet (RFC 9051 section
6.3.12)."""

from threading import Lock
from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.commands import Append
from gateway.imap.execute_messages import target_of
from gateway.imap.outcomes import Bad, Done, No
from postroom.errors import PostroomError
from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.mailboxes.records import Mailbox, NewMessage
from postroom.mailboxes.store import BadFlag, MailboxMissing, OverQuota
from postroom.message.summary import Summary, summarise
from postroom.platform.blobs import BlobKey, Draft

if TYPE_CHECKING:
    from gateway.imap.session import Session

_WRITTEN_AT_ONCE = 256 * 1024  # octets of a large message
_SUMMARISED_HERE = 64 * 1024  # octets: a larger message would hold up the other sessions


async def begin_append(session: "Session", command: Append) -> "Upload":
    """Decide on the message before it comes. Raises No, Bad."""
    limits = session.service.limits
    if command.utf8 and not session.utf8:
        raise Bad("UTF8 needs ENABLE UTF8=ACCEPT")
    if command.size > limits.message_size:
        raise No(f"A message has {limits.message_size} octets at most", b"TOOBIG")
    if command.size == 0:
        raise No("A message of no octets cannot be kept", b"CANNOT")
    target = await target_of(session, command.mailbox)
    quota = session.owner.quota
    if quota:
        usage = await session.crossing.run(session.app.mailboxes.usage, session.owner.id)
        if usage + command.size > quota:
            raise OverQuota(session.owner.id, usage + command.size, quota)
    return Upload(session, command, target)


async def append_without_message(session: "Session", command: Append) -> Done:
    """The reader gives every APPEND to ``begin_append``; one without a literal does not parse."""
    raise Bad("APPEND ends with its message")


class Upload:
    """An APPEND from the decision to take it to its tagged reply."""

    __slots__ = (
        "_abandoned",
        "_draft",
        "_failure",
        "_key",
        "_pieces",
        "_session",
        "_target",
        "_waiting",
        "_writing",
        "command",
    )

    def __init__(self, session: "Session", command: Append, target: Mailbox) -> None:
        app = session.app
        self.command = command
        self._session = session
        self._target = target
        self._pieces: list[bytes] = []
        self._waiting = 0  # octets of the pieces
        self._key = BlobKey(
            new_queue_id(app.clock.seconds(), app.randomness.octets(RANDOM_OCTETS), "")
        )
        self._draft: Draft | None = None
        self._writing = Lock()
        self._abandoned = False
        self._failure: PostroomError | None = None

    async def receive(self, octets: bytes) -> None:
        self._pieces.append(octets)
        self._waiting += len(octets)
        limits = self._session.service.limits
        if self._failure is not None:
            self._pieces.clear()  # it has to be passed over to its end
        elif self.command.size > limits.in_memory and self._waiting >= _WRITTEN_AT_ONCE:
            try:
                await self._write_out()
            except PostroomError as error:
                self._failure = error

    async def _write_out(self) -> None:
        octets = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        await self._session.crossing.slow(self._write, octets)

    def _write(self, octets: bytes) -> None:
        with self._writing:
            if self._abandoned:
                return
            if self._draft is None:
                self._draft = self._session.app.blobs.draft(self._key)
            self._draft.write(octets)

    async def finish(self, session: "Session", rest: bytes) -> Done:
        if rest != (b")" if self.command.utf8 else b""):
            self.abandon()
            raise Bad("Nothing may follow the message of APPEND")
        try:
            if self._failure is not None:
                raise self._failure
            summary = await self._keep()
        except BaseException:
            self.abandon()
            raise
        try:
            return await self._append(session, summary)
        except (OverQuota, MailboxMissing, BadFlag):  # nothing refers to the blob
            session.service.later(lambda: session.app.blobs.delete([self._key]))
            raise

    async def _append(self, session: "Session", summary: Summary) -> Done:
        command = self.command
        date = command.internal_date
        message = NewMessage(
            blob=self._key,
            summary=summary,
            internal_date=int(session.app.clock.seconds()) if date is None else date,
            flags=frozenset(command.flags),
        )
        [appended] = await session.crossing.slow(
            session.app.mailboxes.append,
            session.owner.id,
            self._target.id,
            [message],
            (),
            session.owner.quota,
        )
        return Done(code=responses.append_uid(appended.uid_validity, [appended.uid]))

    async def _keep(self) -> Summary:
        """Make the blob durable; return the summary of its octets."""
        crossing, blobs = self._session.crossing, self._session.app.blobs
        if self._draft is not None:
            await self._write_out()
            await crossing.durable(self._draft.commit_soon())
            return await crossing.slow(lambda: summarise(blobs.get(self._key)))
        octets = b"".join(self._pieces)
        self._pieces.clear()
        stored = crossing.durable(blobs.put_soon(self._key, octets))
        if len(octets) <= _SUMMARISED_HERE:
            summary = summarise(octets)
        else:
            summary = await crossing.slow(summarise, octets)
        await stored
        return summary

    def abandon(self) -> None:
        """Forget the message. Also when its connection is gone while a piece is written."""
        self._pieces.clear()
        if self.command.size > self._session.service.limits.in_memory:
            self._session.service.later(self._abandon)

    def _abandon(self) -> None:
        with self._writing:
            self._abandoned = True
            if self._draft is not None:
                self._draft.abandon()
