"""SEARCH: a program of ``search`` over the messages this client knows (RFC 9051 section
6.4.4)."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.commands import Search
from gateway.imap.execute_state import enable_condstore
from gateway.imap.outcomes import DONE, Done
from gateway.imap.search import Candidate, Context, Needs, Program, compile_search
from gateway.imap.selected import Selected
from postroom.errors import BlobMissing, PostroomError
from postroom.mailboxes.records import Message
from postroom.message.summary import Summary

if TYPE_CHECKING:
    from gateway.imap.session import Session

_AT_ONCE = 500  # messages whose records are looked at before others may run
_READ_AT_ONCE = 64
_OCTETS_AT_ONCE = 512 * 1024

_ALL = frozenset({"ALL"})


async def search(session: "Session", command: Search) -> Done:
    selected = session.current
    saves = command.returns is not None and "SAVE" in command.returns
    try:
        found = await _find(session, selected, command)
    except PostroomError:
        if saves:
            selected.saved = ()  # (section 6.4.4.1)
        raise
    returns = command.returns
    if returns is None and session.rev2:
        returns = _ALL
    if saves and returns is not None:
        selected.saved = tuple(message.uid for message in _returned(found, returns))
    mod_seq = None
    if found and session.condstore and _asks_mod_seq(command, session, selected):
        named = found if returns is None else _returned(found, returns - {"SAVE"})
        mod_seq = max((message.mod_seq for message in named), default=None)
    numbers = [
        message.uid if command.uid else selected.position_of(message.uid) + 1 for message in found
    ]
    if returns is None:
        session.write(responses.search(numbers, mod_seq))
    elif returns != {"SAVE"}:
        session.write(responses.esearch(command.tag, command.uid, numbers, returns, mod_seq))
    if selected.has_untold_expunges and not command.uid:
        return Done(code=b"EXPUNGEISSUED")
    return DONE


def _returned(found: Sequence[Message], returns: frozenset[str]) -> Sequence[Message]:
    """The messages that the answer names: with MIN and MAX alone, only these."""
    if not found or "ALL" in returns or "COUNT" in returns or not {"MIN", "MAX"} & returns:
        return found
    named = [found[0]] if "MIN" in returns else []
    if "MAX" in returns and (not named or found[-1] is not found[0]):
        named.append(found[-1])
    return named


def _asks_mod_seq(command: Search, session: "Session", selected: Selected) -> bool:
    return compile_search(command.key, _context(session, selected)).asks_mod_seq


def _context(session: "Session", selected: Selected) -> Context:
    count = len(selected.uids)
    return Context(
        largest_number=count,
        largest_uid=selected.uids[-1] if count else 0,
        saved=selected.saved,
        now=int(session.app.clock.seconds()),
    )


async def _find(session: "Session", selected: Selected, command: Search) -> list[Message]:
    program = compile_search(command.key, _context(session, selected))
    if program.asks_mod_seq:
        enable_condstore(session)
    found: list[Message] = []
    for start in range(0, len(selected.uids), _AT_ONCE):
        candidates = _by_record(session, selected, program, start)
        if program.needs is Needs.RECORD:
            found += [candidate.message for candidate in candidates]
        else:
            for part in _by_size(candidates, program):
                await session.crossing.run(_read, session, program, part)
                found += [each.message for each in part if _matches(program, each)]
                await session.breathe()
        await session.breathe()
    return found


def _by_record(
    session: "Session", selected: Selected, program: Program, start: int
) -> list[Candidate]:
    first_recent = 2**32 if session.rev2 else selected.first_recent
    matches, get = program.record, selected.view.message
    return [
        candidate
        for position, uid in enumerate(selected.uids[start : start + _AT_ONCE], start + 1)
        if (message := get(uid)) is not None
        and matches(candidate := Candidate(position, message, uid >= first_recent))
    ]


def _by_size(candidates: Sequence[Candidate], program: Program) -> Iterator[list[Candidate]]:
    part: list[Candidate] = []
    octets = 0
    for candidate in candidates:
        part.append(candidate)
        octets += candidate.message.size if program.needs is Needs.BLOB else 0
        if len(part) >= _READ_AT_ONCE or octets >= _OCTETS_AT_ONCE:
            yield part
            part, octets = [], 0
    if part:
        yield part


def _read(session: "Session", program: Program, candidates: Sequence[Candidate]) -> None:
    keys = [candidate.message.blob for candidate in candidates]
    if program.needs is Needs.SUMMARY or program.needs_structure:
        encoded = session.app.mailboxes.encoded_summaries(keys)
        for candidate, each in zip(candidates, encoded, strict=True):
            candidate.summary = Summary.decode(each)
    if program.needs is Needs.BLOB:
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


def _matches(program: Program, candidate: Candidate) -> bool:
    matches = program.rest(candidate)
    candidate.blob = None  # or all that was searched would stay in memory
    return matches
