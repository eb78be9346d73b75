"""APPEND and REPLACE: messages come in pieces, and are in the mailbox all at once or not at all
(RFC 9051 section 6.3.12, RFC 3502, RFC 8508)."""

from collections.abc import Sequence
from dataclasses import replace as replace_fields
from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.catenate import Source
from gateway.imap.commands_append import Append, NewMessage, Part, Replace, Text, Url
from gateway.imap.execute_messages import told
from gateway.imap.incoming import Incoming
from gateway.imap.outcomes import Done, No
from gateway.imap.parser_append import more_parts
from gateway.imap.places import Place, going_to, target_of
from gateway.imap.sequence_set import SequenceSet
from postroom.errors import BadSyntax
from postroom.mailboxes import records
from postroom.mailboxes.records import Appended, Delivery
from postroom.mailboxes.rights import allowed
from postroom.mailboxes.store import BadFlag, MailboxMissing, NotPermitted, OverQuota
from postroom.message.summary import summarise

if TYPE_CHECKING:
    from gateway.imap.session import Session

MOST_MESSAGES = 99  # of one APPEND: they go into one transaction


async def append(session: "Session", command: Append) -> Done:
    """Without octets from the client: all messages are made of others (RFC 4469)."""
    upload = await begin_upload(session, command)
    return await upload.finish(b"")


async def replace(session: "Session", command: Replace) -> Done:
    upload = await begin_upload(session, command)
    return await upload.finish(b"")


async def begin_upload(session: "Session", command: Append | Replace) -> "Upload":
    """Decide on the command as far as it has come. Raises No, BadSyntax."""
    replaced = _replaced(session, command) if isinstance(command, Replace) else 0
    target = await target_of(session, command.mailbox)
    room = -1
    owner = target.owner
    if owner.quota:
        usage = await session.crossing.run(session.app.mailboxes.usage, owner.id)
        if replaced and owner.id == session.current.place.owner.id:
            message = session.current.view.message(replaced)
            if message is not None:
                usage -= message.size  # RFC 8508 section 3.4: what counts is the net consumption
        room = max(owner.quota - usage, 0)
    upload = Upload(session, command, target, replaced, room)
    try:
        await upload.take(command.parts)
    except BaseException:
        upload.abandon()
        raise
    return upload


def _replaced(session: "Session", command: Replace) -> int:
    """The UID of the message that goes."""
    selected = session.writable
    selected.place.need("te")  # RFC 8508 section 4.1
    named = SequenceSet(((command.number, command.number),))
    uids = selected.uids_at(selected.positions(named, command.uid))
    if not uids:
        raise No("There is no message with that UID", b"NONEXISTENT")
    return uids[0]


class Upload:
    """An APPEND or REPLACE from the decision to take it to its tagged reply."""

    __slots__ = (
        "_after",
        "_incoming",
        "_kept",
        "_new",
        "_octets",
        "_replaced",
        "_room",
        "_session",
        "_target",
        "command",
    )

    def __init__(
        self,
        session: "Session",
        command: Append | Replace,
        target: Place,
        replaced: int,
        room: int,
    ) -> None:
        self.command = command
        self._session = session
        self._target = target
        self._replaced = replaced  # a UID, 0 for APPEND
        self._room = room  # octets left of the quota, -1 when there is none
        self._new = NewMessage()
        self._incoming: Incoming | None = None
        self._after: Text | None = None  # whose octets come or came last
        self._kept: list[records.NewMessage] = []
        self._octets = b""  # of the only message, when it is stored with its record

    @property
    def name(self) -> str:
        if isinstance(self.command, Append):
            return "APPEND"
        return "UID REPLACE" if self.command.uid else "REPLACE"

    # The words of the command.

    async def go_on(self, words: bytes) -> None:
        """Take the words between two literals, or after the last. Raises No, BadSyntax."""
        if self._after is not None:
            after, self._after = self._after, None
            await self.take(more_parts(self.command, words, after))

    async def take(self, parts: Sequence[Part]) -> None:
        for part in parts:
            if isinstance(part, NewMessage):
                await self._end_message()
                self._begin_message(part)
            elif isinstance(part, Url):
                await self._copy(part)
            else:
                self._expect(part)

    @property
    def waits(self) -> bool:
        """The octets of a Text must come next."""
        return self._after is not None

    def _begin_message(self, new: NewMessage) -> None:
        if len(self._kept) == MOST_MESSAGES:
            raise No(f"One APPEND takes {MOST_MESSAGES} messages at most", b"LIMIT")
        self._new = new
        self._incoming = Incoming(self._session.service)

    async def _copy(self, part: Url) -> None:
        source = Source(self._session, part.url)
        self._make_room(await source.open())
        async for piece in source.pieces():
            await self.receive(piece)

    def _expect(self, part: Text) -> None:
        if part.utf8 and not self._session.utf8:
            raise No("UTF8 needs ENABLE UTF8=ACCEPT", b"CANNOT")  # RFC 6855 section 4
        if part.size == 0 and not part.catenated:  # also how a client cancels (RFC 3502)
            raise No("A message of no octets cannot be kept", b"CANNOT")
        self._make_room(part.size)
        self._after = part

    def _make_room(self, size: int) -> None:
        most = self._session.service.limits.message_size
        if self._incoming is not None and self._incoming.size + size > most:
            raise No(f"A message has {most} octets at most", b"TOOBIG")
        if self._room >= 0:
            if size > self._room:
                owner = self._target.owner
                raise OverQuota(owner.id, owner.quota - self._room + size, owner.quota)
            self._room -= size

    # Octets.

    async def receive(self, octets: bytes) -> None:
        if self._incoming is not None:
            await self._incoming.receive(octets)

    async def _end_message(self, *, last: bool = False) -> None:
        incoming = self._incoming
        if incoming is None:
            return
        if incoming.size == 0:
            raise No("A message of no octets cannot be kept", b"CANNOT")
        if last and incoming.is_small and not self._kept and not self._replaced:
            self._octets = incoming.octets()  # stored on the way
            summary = summarise(self._octets)
        else:
            summary = await incoming.keep()
        self._incoming = None
        date = self._new.internal_date
        self._kept.append(
            records.NewMessage(
                blob=incoming.key,
                summary=summary,
                internal_date=int(self._session.app.clock.seconds()) if date is None else date,
                flags=frozenset(allowed(self._new.flags, self._target.rights)),
            )
        )

    # The end.

    async def finish(self, words: bytes) -> Done:
        """Take the last words and put the messages where they belong."""
        try:
            await self.go_on(words)
            if self.waits:
                raise BadSyntax("end of the command", words, "RFC 3502")
            await self._end_message(last=True)
        except BaseException:
            self.abandon()
            raise
        try:
            appended = await self._put()
        except (OverQuota, MailboxMissing, NotPermitted, BadFlag, No):
            self.abandon()  # nobody refers to the blobs
            raise
        self._session.did(*self._target.key).note_appended(appended)
        code = b""
        if self._target.tells_uids:
            code = responses.append_uid(appended[0].uid_validity, [each.uid for each in appended])
        if not self._replaced:
            return Done(code=code)
        # Told before the EXPUNGE, or it would be hard to say what became what (RFC 8508 4.3).
        self._session.write(responses.untagged(b"OK", "The replacement is there", code))
        return await told(self._session, [self._replaced])

    async def _put(self) -> list[Appended]:
        session = self._session
        mailboxes, target = session.app.mailboxes, self._target
        if target.prefix:  # the octets may have taken their time
            target = self._target = await target_of(session, self.command.mailbox)
            self._kept = [
                replace_fields(each, flags=frozenset(allowed(each.flags, target.rights)))
                for each in self._kept
            ]
        with going_to(target):
            if not self._replaced:
                return await session.service.appender.append(
                    Delivery(*target.key, self._kept, quota=target.owner.quota), self._octets
                )
            replaced = await session.crossing.slow(
                mailboxes.replace,
                *session.writable.place.key,
                self._replaced,
                target.mailbox.id,
                self._kept[0],
                target.owner.quota,
                into=target.owner.id,
            )
        if replaced is None:
            raise No("The message is gone already", b"EXPUNGEISSUED")
        return [replaced]

    def abandon(self) -> None:
        """Forget what has come. Also when the connection is gone."""
        if self._incoming is not None:
            self._incoming.abandon()
            self._incoming = None
        if self._kept:
            mailboxes, keys = self._session.app.mailboxes, [each.blob for each in self._kept]
            self._kept = []
            self._session.service.later(lambda: mailboxes.let_go(keys, ""))
