"""FETCH: reads in batches, answers in batches, and lets other sessions run in between (RFC 9051
section 6.4.5)."""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.commands import Fetch, FetchItem
from gateway.imap.execute_state import enable_condstore
from gateway.imap.fetch import STREAM_FROM, Blob, Fetching, StoredBlob, WholeBlob
from gateway.imap.outcomes import DONE, Bad, Bye, Done, No
from gateway.imap.partial import part_of
from gateway.imap.resync import missed_since
from gateway.imap.selected import Selected, batches
from gateway.imap.sequence_set import SequenceSet
from gateway.imap.summaries import EncodedSummary
from postroom.errors import BlobMissing, PostroomError
from postroom.mailboxes.records import SEEN, Message
from postroom.platform.blobs import BlobKey

if TYPE_CHECKING:
    from gateway.imap.session import Session

log = logging.getLogger("postroom.imap")

_AT_ONCE = 250  # messages: some milliseconds of work
_OCTETS_AT_ONCE = 1024 * 1024
_RANGES_FROM = 64 * 1024  # octets: of larger messages only the sections wanted are read

Row = tuple[int, Message]  # with its sequence number, or UID after ENABLE UIDONLY
_NO_SUMMARY = EncodedSummary(b"")


async def fetch(session: "Session", command: Fetch) -> Done:
    selected = session.current
    if command.vanished and not session.qresync:
        raise Bad("VANISHED needs ENABLE QRESYNC")
    if "MODSEQ" in command.items:
        enable_condstore(session)
    if command.vanished and command.changed_since is not None:
        await _tell_vanished(session, command.changed_since, command.messages)
    items = command.items
    if command.uid and not session.uid_only:  # the response has it in front (RFC 9586 section 3.3)
        items = tuple(dict.fromkeys(("UID", *items)))
    positions = selected.positions(command.messages, command.uid)
    if command.partial is not None:
        positions = part_of(positions, command.partial)
    answering = Answering(
        session,
        selected,
        items,
        sets_seen="s" in selected.rights,
        changed_since=command.changed_since,
    )
    done, goal = 0, sum(map(len, positions))
    for batch in batches(positions, _AT_ONCE):
        session.progress.note(done, goal)
        await answering.answer(batch)
        done += len(batch)
    if answering.lost:
        raise No("Some messages cannot be read, see the server's log", b"SERVERBUG")
    if answering.gone and not command.uid:
        # Their numbers are still in use, so the client must learn that they are gone
        # (RFC 2180 section 4.1.2).
        raise No("Some of the messages are gone", b"EXPUNGEISSUED")
    return DONE


async def _tell_vanished(session: "Session", since: int, named: SequenceSet) -> None:
    """Before any FETCH response (RFC 7162 section 3.2.6)."""
    selected = session.current
    if named.saved:  # what is gone is no longer in the result
        return
    vanished, _ = await session.crossing.brief(missed_since, selected, since, named)
    session.write(responses.vanished(vanished, earlier=True))


class Answering:
    """One FETCH while it runs, or what is told of new messages without one."""

    def __init__(
        self,
        session: "Session",
        selected: Selected,
        items: Sequence[FetchItem],
        *,
        sets_seen: bool,
        changed_since: int | None = None,
    ) -> None:
        """*sets_seen*: items that set \\Seen may do so."""
        self._session = session
        self._selected = selected
        self._fetching = Fetching(items, uid_only=session.uid_only)
        self._changed_since = changed_since
        self._sets_seen = self._fetching.sets_seen and sets_seen
        self._first_recent = 2**32 if session.rev2 else selected.first_recent
        self.gone = False
        self.lost = False

    async def answer(self, positions: Sequence[int]) -> None:
        rows = self._rows(positions)
        fetching = self._fetching
        if self._sets_seen:
            rows = await self._set_seen(rows)
        if not fetching.needs_blob:
            summaries = await self._summaries(rows)
            self._session.write(b"".join(self._lines(fetching, rows, summaries)))
            await self._session.made_room()
            return
        for part in _by_size(rows):
            await self._answer_with_blobs(part)

    def _rows(self, positions: Sequence[int]) -> list[Row]:
        uids, get = self._selected.uids, self._selected.view.message
        by_uid = self._session.uid_only
        rows = [
            (message.uid if by_uid else position + 1, message)
            for position in positions
            if (message := get(uids[position])) is not None
        ]
        self.gone |= len(rows) < len(positions)
        since = self._changed_since
        if since is not None:
            rows = [row for row in rows if row[1].mod_seq > since]
        return rows

    async def _set_seen(self, rows: list[Row]) -> list[Row]:
        r"""Set \Seen where it is not, and say so in the same responses."""
        selected, session = self._selected, self._session
        unseen = [message.uid for _, message in rows if SEEN not in message.flags]
        if not unseen:
            return rows
        change = partial(session.app.mailboxes.store_flags, add=(SEEN,), view=selected.view)
        stored, _ = await session.crossing.slow(change, *selected.key, unseen)
        changed = {message.uid: message for message in stored}
        for message in stored:
            selected.note_told(message)
        # All of the batch show their flags: one program for all is worth some octets.
        self._fetching = self._fetching.with_flags(mod_seq=session.condstore)
        return [(number, changed.get(message.uid, message)) for number, message in rows]

    async def _summaries(self, rows: Sequence[Row]) -> list[EncodedSummary] | None:
        if not self._fetching.needs_summary:
            return None
        blobs = [message.blob for _, message in rows]
        cache = self._session.service.summaries
        encoded = cache.held(blobs)
        if encoded is None:
            encoded = await self._session.crossing.run(cache.read, blobs)
            cache.keep(blobs, encoded)
        return [EncodedSummary(each) for each in encoded]

    def _lines(
        self, fetching: Fetching, rows: Sequence[Row], summaries: Sequence[EncodedSummary] | None
    ) -> Iterator[bytes]:
        render, first_recent = fetching.render, self._first_recent
        if summaries is None:
            for number, message in rows:
                yield render(number, message, recent=message.uid >= first_recent)
        else:
            for (number, message), summary in zip(rows, summaries, strict=True):
                yield render(number, message, summary, recent=message.uid >= first_recent)

    async def _answer_with_blobs(self, rows: Sequence[Row]) -> None:
        session = self._session
        summaries = await self._summaries(rows) or [_NO_SUMMARY] * len(rows)
        if len(rows) == 1 and rows[0][1].size > STREAM_FROM:
            await self._stream(rows[0], summaries[0])
            return
        blobs = await session.crossing.run(self._read, rows)
        for (number, message), summary, blob in zip(rows, summaries, blobs, strict=True):
            if blob is None:
                self.lost = True
                continue
            recent = message.uid >= self._first_recent
            render = partial(self._fetching.render, recent=recent)
            if isinstance(blob, StoredBlob):
                line = await session.crossing.run(render, number, message, summary, blob)
            else:
                line = render(number, message, summary, blob)
            session.write(line)
            await session.made_room()

    def _read(self, rows: Sequence[Row]) -> list[Blob | None]:
        store = self._session.app.blobs
        whole = self._fetching.needs_whole_blob
        at_once = [m.blob for _, m in rows if whole or m.size <= _RANGES_FROM]
        octets = self._get(at_once)
        return [
            next(octets)
            if whole or message.size <= _RANGES_FROM
            else StoredBlob(store, message.blob)
            for _, message in rows
        ]

    def _get(self, keys: Sequence[BlobKey]) -> Iterator[WholeBlob | None]:
        blobs = self._session.app.blobs
        try:
            return iter([WholeBlob(octets) for octets in blobs.get_many(keys)])
        except BlobMissing:
            return iter([self._get_one(key) for key in keys])

    def _get_one(self, key: BlobKey) -> WholeBlob | None:
        try:
            return WholeBlob(self._session.app.blobs.get(key))
        except BlobMissing as error:
            log.error("blob missing", extra={"reason": str(error)})
            return None

    async def _stream(self, row: Row, summary: EncodedSummary) -> None:
        """A large message, piece by piece: it never lies in memory whole."""
        session = self._session
        number, message = row
        blob = StoredBlob(session.app.blobs, message.blob)
        pieces = self._fetching.stream(
            number, message, summary, blob, recent=message.uid >= self._first_recent
        )
        begun = False
        try:
            while (piece := await session.crossing.run(next, pieces, None)) is not None:
                session.write(piece)
                begun = session.progress.silent = True
                await session.made_room()
            session.progress.silent = False
        except PostroomError as error:
            if begun:
                log.error("blob broken", extra={"reason": str(error)})
                raise Bye("A message could not be read to its end", b"SERVERBUG") from error
            raise


def _by_size(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Parts that are read at once; a message that is streamed is a part of its own."""
    part: list[Row] = []
    octets = 0
    for row in rows:
        size = row[1].size
        if part and (octets + size > _OCTETS_AT_ONCE or size > STREAM_FROM):
            yield part
            part, octets = [], 0
        part.append(row)
        octets += size
    if part:
        yield part
