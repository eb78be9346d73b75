"""Commands that change the messages of the selected mailbox (RFC 9051 section 6.4)."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.commands import Copy, Expunge, Move, Store
from gateway.imap.execute_state import enable_condstore
from gateway.imap.news import flags_line, mod_seq_line, tell_flags, tell_if_possible
from gateway.imap.outcomes import DONE, Done, No
from gateway.imap.places import going_to, target_of
from gateway.imap.selected import Selected
from gateway.imap.sequence_set import render_sequence_set
from postroom.mailboxes.records import SYSTEM_FLAGS, Appended, Message
from postroom.mailboxes.rights import allowed, right_for

if TYPE_CHECKING:
    from gateway.imap.session import Session

_AT_ONCE = 990  # messages whose flags change before the client hears of them


async def store(session: "Session", command: Store) -> Done:
    selected = session.writable
    flags = command.flags or SYSTEM_FLAGS
    if not allowed(flags, selected.rights):  # one of them is enough (RFC 4314 section 4)
        selected.place.need(right_for(flags[0]))
    if command.unchanged_since is not None:
        enable_condstore(session)
    uids = selected.uids_at(selected.positions(command.messages, command.uid))
    modified: list[int] = []
    gone = 0
    for start in range(0, len(uids), _AT_ONCE):
        session.progress.note(start, len(uids))
        chunk = uids[start : start + _AT_ONCE]
        known = {
            uid: message
            for uid in chunk
            if command.silent and (message := selected.known(uid)) is not None
        }
        stored, left_alone = await session.crossing.slow(_store, session, selected, command, chunk)
        modified += left_alone
        gone += len(chunk) - len(stored) - len(left_alone)
        for message in stored:
            _answer(session, selected, command, message, known.get(message.uid))
            await session.made_room()
    if not command.uid:
        modified = [selected.position_of(uid) + 1 for uid in modified]
    code = b"MODIFIED " + render_sequence_set(modified) if modified else b""
    if gone and not (command.uid or command.silent):
        # The client waits for an answer about each number (RFC 2180 section 4.2).
        raise No("Some of the messages are gone", code or b"EXPUNGEISSUED")
    return Done("Conditional STORE failed", code) if modified else DONE


def _store(
    session: "Session", selected: Selected, command: Store, uids: Sequence[int]
) -> tuple[list[Message], list[int]]:
    change = partial(
        session.app.mailboxes.store_flags,
        *selected.key,
        uids,
        unchanged_since=command.unchanged_since,
        rights=selected.rights,
        view=selected.view,
    )
    if command.mode == "add":
        return change(add=command.flags)
    if command.mode == "remove":
        return change(remove=command.flags)
    return change(replace=command.flags)


def _answer(
    session: "Session",
    selected: Selected,
    command: Store,
    message: Message,
    before: Message | None,
) -> None:
    position = selected.position_of(message.uid)
    if selected.mailbox.keywords != selected.keywords:
        tell_flags(session)
    if not command.silent:
        session.write(flags_line(session, position, message))
        selected.note_told(message)
        return
    # What the client expects is not told, but what somebody else changed meanwhile is, and what
    # it may not change.
    if before is not None and _expected(command, before.flags) == message.flags:
        selected.note_told(message)
        if session.condstore:
            session.write(mod_seq_line(session, position, message))


def _expected(command: Store, before: frozenset[str]) -> frozenset[str]:
    flags = frozenset(command.flags)
    if command.mode == "add":
        return before | flags
    return before - flags if command.mode == "remove" else flags


async def copy(session: "Session", command: Copy) -> Done:
    selected = session.current
    uids = selected.uids_at(selected.positions(command.messages, command.uid))
    target = await target_of(session, command.mailbox)
    if not uids:
        return DONE
    with going_to(target):
        copied = await session.crossing.slow(
            partial(session.app.mailboxes.copy, into=target.owner.id, rights=target.rights),
            *selected.key,
            uids,
            target.mailbox.id,
            target.owner.quota,
        )
    if not copied:
        return Done("None of the messages is there any more", b"EXPUNGEISSUED")
    session.did(*target.key).note_appended([appended for _, appended in copied])
    return Done(code=_copy_uid(copied) if target.tells_uids else b"")


async def move(session: "Session", command: Move) -> Done:
    """COPYUID comes in an untagged OK, before the EXPUNGEs (RFC 6851 section 4.3)."""
    selected = session.writable
    selected.place.need("te")  # section 4.2
    uids = selected.uids_at(selected.positions(command.messages, command.uid))
    target = await target_of(session, command.mailbox)
    if not uids:
        return DONE
    with going_to(target):
        moved = await session.crossing.slow(
            partial(session.app.mailboxes.move, into=target.owner.id, rights=target.rights),
            *selected.key,
            uids,
            target.mailbox.id,
            target.owner.quota,
        )
    if moved:
        session.did(*target.key).note_appended([appended for _, appended in moved])
        if target.tells_uids:
            session.write(responses.untagged(b"OK", "Moved", _copy_uid(moved)))
        return await told(session, [uid for uid, _ in moved])
    return DONE


def _copy_uid(pairs: Sequence[tuple[int, Appended]]) -> bytes:
    numbers = [(source, appended.uid) for source, appended in pairs]
    return responses.copy_uid(pairs[0][1].uid_validity, numbers)


async def expunge(session: "Session", command: Expunge) -> Done:
    selected = session.writable
    selected.place.need("e")
    uids = None
    if command.uids is not None:
        uids = selected.uids_at(selected.positions(command.uids, uid=True))
    gone = await session.crossing.slow(session.app.mailboxes.expunge, *selected.key, uids)
    return await told(session, gone) if gone else DONE


async def told(session: "Session", gone: Sequence[int]) -> Done:
    """Tell of messages that this command removed, and up to where the client is told now (RFC
    7162 sections 3.2.7 and 3.2.9)."""
    if "MessageExpunge" not in session.wanted_of_selected:
        # It is told of nothing else (RFC 5465 section 3.1), so there is nowhere up to.
        session.current.lose(gone)
        vanished = session.qresync or session.uid_only
        session.write(session.current.tell_expunges(vanished=vanished))
        return DONE
    if not await tell_if_possible(session, expunges=True, look=True) or not session.condstore:
        return DONE
    return Done(code=b"HIGHESTMODSEQ %d" % session.current.synchronized)
