"""Commands on mailboxes as a whole (RFC 9051 section 6.3), but for LIST and APPEND."""

from contextlib import suppress
from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.commands import (
    Close,
    Create,
    Delete,
    Rename,
    Select,
    Status,
    Subscribe,
    Unselect,
    Unsubscribe,
)
from gateway.imap.execute_state import enable_condstore
from gateway.imap.namespaces import normal_name, split_name
from gateway.imap.news import tell_flags, tell_missed
from gateway.imap.outcomes import DONE, Bad, Done, No
from gateway.imap.places import Place, free_spot_of, place_of, places_beside, spot_of
from gateway.imap.resync import missed
from gateway.imap.selected import Selected
from postroom.mailboxes.errors import MailboxMissing
from postroom.mailboxes.hierarchy import SPECIAL_USE
from postroom.mailboxes.names import INBOX, above, canonical, is_below

if TYPE_CHECKING:
    from gateway.imap.session import Session

# Not \All and \Flagged: those show messages of other mailboxes (RFC 6154 section 2).
_USES = frozenset(SPECIAL_USE.values())


async def select(session: "Session", command: Select) -> Done:
    if command.resync is not None and not session.qresync:
        raise Bad("QRESYNC needs ENABLE QRESYNC")
    if session.selected is not None:
        session.deselect()
        session.write(responses.untagged(b"OK", "The other mailbox is closed", b"CLOSED"))
    place = await place_of(session, command.mailbox, "r")
    brief = session.crossing.brief
    # Watched first, then read, or nobody would tell of what happens meanwhile.
    session.unseen_news = False
    session.service.watchers.watch(place.mailbox.id, session)
    try:
        view = await brief(session.service.views.open, *place.key)
        selected = Selected(view, place, command.read_only, view.mailbox.first_recent)
        selected.first_recent = await _first_recent(session, selected)
    except BaseException:
        session.service.watchers.unwatch(place.mailbox.id, session)
        raise
    if command.condstore:
        enable_condstore(session)
    session.select(selected)
    _describe(session, selected)
    if session.rev2:
        await _list_selected(session, selected.place, command.mailbox)
    elif not session.uid_only:
        unseen = selected.position_of(await brief(view.first_unseen)) + 1
        if unseen:
            code = b"UNSEEN %d" % unseen
            session.write(responses.untagged(b"OK", "The first unseen message", code))
    if command.resync is not None:
        vanished, changed = await brief(missed, selected, command.resync)
        await tell_missed(session, vanished, changed)
    name = "EXAMINE" if command.read_only else "SELECT"
    code = b"READ-ONLY" if selected.read_only else b"READ-WRITE"
    return Done(f"{name} completed", code)


async def _first_recent(session: "Session", selected: Selected) -> int:
    mailbox = selected.mailbox
    if session.rev2 or selected.read_only or mailbox.first_recent >= mailbox.uid_next:
        return mailbox.first_recent
    # Only the session that is told first sees a message as recent (RFC 3501 section 2.3.2).
    claim = session.app.mailboxes.claim_recent
    return await session.crossing.slow(claim, mailbox.account, mailbox.id, selected.view)


def _describe(session: "Session", selected: Selected) -> None:
    mailbox = selected.mailbox
    tell_flags(session)
    session.write(responses.exists(len(selected.uids)))
    if not session.rev2:
        session.write(responses.recent(selected.recent_count()))
    if selected.examined:
        session.write(responses.permanent_flags((), new_keywords=False))
    codes = (
        (b"UIDVALIDITY %d" % mailbox.uid_validity, "UIDs are valid"),
        (b"UIDNEXT %d" % mailbox.uid_next, "The next UID"),
        (b"HIGHESTMODSEQ %d" % selected.mod_seq, "The highest MODSEQ"),
        (b"MAILBOXID " + responses.object_id(mailbox.id), "Its identifier"),
    )
    for code, text in codes:
        session.write(responses.untagged(b"OK", text, code))


async def _list_selected(session: "Session", place: Place, asked: str) -> None:
    """Its LIST response, with accurate attributes, and the name the client gave when it was not
    normalized (section 6.3.2)."""
    places = await places_beside(session, place)
    has_children = any(is_below(each.name, place.name) for each in places)
    attributes = ["\\HasChildren" if has_children else "\\HasNoChildren"]
    if place.special_use:
        attributes.append(place.special_use)
    old_name = None if asked == place.name else asked
    session.write(responses.list_line(place.name, attributes, session.utf8, old_name=old_name))


async def close(session: "Session", command: Close) -> Done:
    """Expunge without a word, then deselect (section 6.4.1)."""
    selected = session.current
    if "e" in selected.rights:  # without, the client hears nothing of it (RFC 4314 section 4)
        with suppress(MailboxMissing):  # it has nothing to expunge, and is closed all the same
            await session.crossing.slow(session.app.mailboxes.expunge, *selected.key, None)
    session.deselect()
    return DONE


async def unselect(session: "Session", command: Unselect) -> Done:
    session.deselect()
    return DONE


async def create(session: "Session", command: Create) -> Done:
    name = command.mailbox
    if len(command.special_use) > 1:
        raise No("A mailbox has one special use at most", b"USEATTR")
    special_use = command.special_use[0] if command.special_use else ""
    if special_use and special_use not in _USES:
        raise No(f"No mailbox here is {special_use}", b"USEATTR")
    if special_use and split_name(name) is not None:
        raise No("A special use is for a mailbox of one's own", b"USEATTR")
    mailboxes, spot = session.app.mailboxes, await free_spot_of(session, name)
    if special_use:
        all_of = await session.crossing.run(mailboxes.all_of, spot.owner.id)
        if any(each.special_use == special_use for each in all_of):
            raise No(f"Another mailbox is {special_use} already", b"USEATTR")
    created = await session.crossing.slow(
        mailboxes.create, spot.owner.id, spot.name, special_use, by=spot.by
    )
    new_name = spot.prefix + created.name
    session.did(spot.owner.id).names |= {new_name, *above(new_name)}
    if session.rev2 and new_name != name:
        # NFC made another name of it (section 6.3.4).
        session.write(responses.list_line(new_name, (), session.utf8, old_name=name))
    return Done(code=b"MAILBOXID " + responses.object_id(created.id))


async def delete(session: "Session", command: Delete) -> Done:
    spot, selected = await spot_of(session, command.mailbox), session.selected
    await session.crossing.slow(session.app.mailboxes.delete, spot.owner.id, spot.name, by=spot.by)
    name = canonical(spot.name)
    session.did(spot.owner.id).names |= {spot.prefix + name, *above(spot.prefix + name)}
    if selected is not None and (selected.reached.owner.id, selected.mailbox.name) == (
        spot.owner.id,
        name,
    ):
        # Its own client meant it: a BYE, as others get, would be a poor reply.
        session.deselect()
        session.write(responses.untagged(b"OK", "The selected mailbox is deleted", b"CLOSED"))
    return DONE


async def rename(session: "Session", command: Rename) -> Done:
    spot, new = await spot_of(session, command.mailbox), None
    with suppress(MailboxMissing):  # who is not here is as good as another
        new = await spot_of(session, command.new_name)
    if new is None or new.owner.id != spot.owner.id:
        await place_of(session, command.mailbox, "x")
        raise No("A mailbox stays with its owner: its messages can move", b"CANNOT")
    await session.crossing.slow(
        session.app.mailboxes.rename, spot.owner.id, spot.name, new.name, by=spot.by
    )
    old_name = canonical(spot.name)
    new_name = new.prefix + canonical(new.name)
    own = session.did(spot.owner.id)
    own.tops |= {spot.prefix + old_name, new_name}
    own.names.update(above(new_name))
    if session.rev2 and old_name != INBOX:
        session.write(
            responses.list_line(new_name, (), session.utf8, old_name=spot.prefix + old_name)
        )
    return DONE


async def subscribe(session: "Session", command: Subscribe | Unsubscribe) -> Done:
    name = normal_name(command.mailbox)
    await session.crossing.slow(
        session.app.mailboxes.subscribe, session.owner.id, name, isinstance(command, Subscribe)
    )
    session.did(session.owner.id).names.add(name)
    return DONE


async def status(session: "Session", command: Status) -> Done:
    place = await place_of(session, command.mailbox, "r")
    session.write(await status_line(session, place, command.items))
    return DONE


async def status_line(session: "Session", place: Place, items: tuple[str, ...]) -> bytes:
    mailbox = place.mailbox
    if "HIGHESTMODSEQ" in items:
        enable_condstore(session)
    counts: dict[str, int | bytes] = {
        "MESSAGES": mailbox.messages,
        "RECENT": min(mailbox.messages, max(mailbox.uid_next - mailbox.first_recent, 0)),
        "UIDNEXT": mailbox.uid_next,
        "UIDVALIDITY": mailbox.uid_validity,
        "UNSEEN": mailbox.unseen,
        "DELETED": mailbox.deleted,
        "SIZE": mailbox.size,
        "HIGHESTMODSEQ": mailbox.highest_mod_seq,
        "APPENDLIMIT": session.service.limits.message_size,
        "MAILBOXID": responses.object_id(mailbox.id),
    }
    if "DELETED-STORAGE" in items:  # RFC 9208 section 4.1.4; not counted ahead
        reclaimed = session.app.mailboxes.deleted_size
        cross = session.crossing.slow if mailbox.deleted else session.crossing.run
        counts["DELETED-STORAGE"] = await cross(reclaimed, mailbox)
    return responses.status(place.name, {item: counts[item] for item in items}, session.utf8)
