"""Running a program of ``search`` over the messages of a mailbox, reading as little as it can."""

from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.imap.indexed import Indexed
from gateway.imap.search import Candidate, Context, Needs, Program
from postroom.errors import BlobMissing
from postroom.mailboxes.records import Message
from postroom.mailboxes.view import View

if TYPE_CHECKING:
    from gateway.imap.session import Session

_AT_ONCE = 500  # messages whose records are looked at before others may run
_READ_AT_ONCE = 64
_OCTETS_AT_ONCE = 512 * 1024
_USUAL_SIZE = 20  # keys; of a larger program, fewer messages are looked at before others may run
_NOBODY_RECENT = 2**32


@dataclass(frozen=True, slots=True)
class Scope:
    """The messages that are searched: those of *uids*, which ascend, number 1 first."""

    view: View
    uids: Sequence[int]
    first_recent: int  # messages with a UID from here on are \\Recent
    saved: Sequence[int] = ()  # what $ stands for

    def context(self, now: int) -> Context:
        count = len(self.uids)
        return Context(count, self.uids[-1] if count else 0, self.saved, now)


def scope_of_selected(session: "Session") -> Scope:
    """As the client knows the mailbox: news that it has not been told are no part of it."""
    selected = session.current
    first_recent = _NOBODY_RECENT if session.rev2 else selected.first_recent
    return Scope(selected.view, selected.uids, first_recent, selected.saved)


def scope_of(session: "Session", view: View) -> Scope:
    """A mailbox that is not selected."""
    first_recent = _NOBODY_RECENT if session.rev2 else view.mailbox.first_recent
    return Scope(view, view.uids[:], first_recent)


async def find(
    session: "Session", scope: Scope, program: Program, wanted: int = 0, from_end: bool = False
) -> "array[int]":
    """The UIDs of the messages that match, ascending.

    *wanted*: no more than so many need be found, from the front or with *from_end* from the end of
    the mailbox; 0: all.
    """
    found = array("I")
    index = Indexed(session, scope.view, scope.uids, program)
    at_once = _fewer(_AT_ONCE, program)
    starts = range(0, len(scope.uids), at_once)
    for looked_at, start in enumerate(reversed(starts) if from_end else starts):
        session.progress.note(looked_at * at_once, len(scope.uids))
        places = range(start, min(start + at_once, len(scope.uids)))
        async for uids in _matching_at(session, scope, program, index, places, from_end):
            found.extend(uids)
            if wanted and len(found) >= wanted:
                break
        if wanted and len(found) >= wanted:
            del found[wanted:]
            break
        await session.breathe()
    index.end()
    if from_end:
        found.reverse()
    return found


async def find_among(
    session: "Session", scope: Scope, program: Program, places: Sequence[int]
) -> list[int]:
    """As ``find``, of the messages at those places, which ascend; the first is 0."""
    found: list[int] = []
    index = Indexed(session, scope.view, scope.uids, program)
    at_once = _fewer(_AT_ONCE, program)
    for start in range(0, len(places), at_once):
        part = places[start : start + at_once]
        async for uids in _matching_at(session, scope, program, index, part, False):
            found += uids
        await session.breathe()
    index.end()
    return found


def _fewer(most: int, program: Program) -> int:
    return max(1, most * _USUAL_SIZE // max(program.size, _USUAL_SIZE))


async def _matching_at(
    session: "Session",
    scope: Scope,
    program: Program,
    index: Indexed,
    places: Sequence[int],
    from_end: bool,
) -> AsyncIterator[list[int]]:
    """The UIDs of those at the places that match, in parts, in order or against it."""
    covered, unknown = index.split(places)
    unread = list(_by_record(scope, program, unknown))
    if index.asks_for(len(unread)):
        await index.ask()
        covered, unknown = index.split(places)
        unread = list(_by_record(scope, program, unknown))
    if covered and program.asks_texts_only and not from_end and not unknown:
        yield [uid for place in covered if (uid := scope.uids[place]) in scope.view]
        return
    known = list(_by_record(scope, program, covered))
    for candidate in known:
        candidate.marks = index.marks.of
    if from_end:
        unread.reverse()
        known.reverse()
    for candidates in (unread, known) if from_end else (known, unread):
        needs = program.needs if candidates is unread else program.needs_known
        for part in _by_size(candidates, program, needs):
            if needs is Needs.BLOB:
                index.note_read(len(part))
            yield await _matching(session, program, needs, part)
            await session.breathe()


def _by_record(scope: Scope, program: Program, places: Sequence[int]) -> Iterator[Candidate]:
    """Those at the places, of which the record alone leaves the outcome open."""
    uids, matches, get = scope.uids, program.record, scope.view.message
    for place in places:
        uid = uids[place]
        message = get(uid)
        if message is not None:
            candidate = Candidate(place + 1, message, uid >= scope.first_recent)
            if matches(candidate):
                yield candidate


def _by_size(
    candidates: Sequence[Candidate], program: Program, needs: Needs
) -> Iterator[list[Candidate]]:
    if needs is Needs.RECORD:
        if candidates:
            yield list(candidates)
        return
    part: list[Candidate] = []
    octets = 0
    at_once = _fewer(_READ_AT_ONCE if needs is Needs.BLOB else _AT_ONCE, program)
    for candidate in candidates:
        part.append(candidate)
        octets += candidate.message.size if needs is Needs.BLOB else 0
        if len(part) >= at_once or octets >= _OCTETS_AT_ONCE:
            yield part
            part, octets = [], 0
    if part:
        yield part


async def _matching(
    session: "Session", program: Program, needs: Needs, candidates: Sequence[Candidate]
) -> list[int]:
    """The UIDs of those that match in the rest of the program, too."""
    if needs is Needs.RECORD:
        rest = program.rest
        return [candidate.message.uid for candidate in candidates if rest(candidate)]
    if needs is Needs.SUMMARY or program.needs_summary:
        messages = [candidate.message for candidate in candidates]
        encoded = await summaries_of(session, messages)
        for candidate, each in zip(candidates, encoded, strict=True):
            candidate.summary = each
    octets = sum(candidate.message.size for candidate in candidates)
    is_heavy = needs is Needs.BLOB and octets > 2 * _OCTETS_AT_ONCE
    cross = session.crossing.slow if is_heavy else session.crossing.run
    return await cross(_read_and_match, session, program, needs, candidates)


def _read_and_match(
    session: "Session", program: Program, needs: Needs, candidates: Sequence[Candidate]
) -> list[int]:
    if needs is Needs.BLOB:
        _read_blobs(session, candidates)
    found = []
    for candidate in candidates:
        if program.rest(candidate):
            found.append(candidate.message.uid)
        candidate.forget()  # or all that was searched would be in memory at once
    return found


def _read_blobs(session: "Session", candidates: Sequence[Candidate]) -> None:
    keys = [candidate.message.blob for candidate in candidates]
    try:
        for candidate, octets in zip(candidates, session.app.blobs.get_many(keys), strict=True):
            candidate.blob = octets
    except BlobMissing:
        for candidate in candidates:
            candidate.blob = _blob_of(session, candidate)


def _blob_of(session: "Session", candidate: Candidate) -> bytes:
    try:
        return session.app.blobs.get(candidate.message.blob)
    except BlobMissing:  # FETCH complains of it; nothing is found in it
        return b""


async def summaries_of(session: "Session", messages: Sequence[Message]) -> Sequence[bytes]:
    """Their summaries as stored, from the cache if they are there."""
    cache = session.service.summaries
    blobs = [message.blob for message in messages]
    held = cache.held(blobs)
    if held is None:
        held = await session.crossing.run(cache.read, blobs)
        cache.keep(blobs, held)
    return held
