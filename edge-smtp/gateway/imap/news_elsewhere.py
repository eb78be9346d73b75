"""What happened to mailboxes that are not selected, told to a client that asked for it by NOTIFY
(RFC 5465 section 5).

However much news has come, it is one look: at the mailboxes that changed when these are few, else
at the list, which holds the counters of all.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.mailbox_tree import Tree
from gateway.imap.notifications import Known, Notifications, first_status, status_items
from gateway.imap.observation import (
    check_entries,
    entries_of_all,
    look_at,
    look_at_all,
    stop_notifying,
)
from gateway.imap.outcomes import No
from gateway.imap.places import Place
from gateway.imap.responses_metadata import changed_entries
from postroom.errors import PostroomError
from postroom.mailboxes.annotations import SERVER
from postroom.mailboxes.names import reading_order

if TYPE_CHECKING:
    from gateway.imap.session import Session

log = logging.getLogger("postroom.imap")


async def tell_elsewhere(session: "Session") -> None:
    """Tell what is different. When the store does not answer, the next news brings it again."""
    notifications = session.notifications
    if notifications is None or not notifications.is_stale:
        return
    try:
        await _tell(session, notifications)
    except No as error:
        # Section 5.8: as after NOTIFY NONE.
        stop_notifying(session)
        session.write(responses.untagged(b"OK", error.text, error.code))
    except PostroomError as error:
        log.info("news failed", extra={"reason": str(error)})
        notifications.note(session.owner.id, "")


async def tell_first_status(session: "Session", notifications: Notifications) -> None:
    """STATUS of NOTIFY SET, of each mailbox whose messages are watched (section 3.1)."""
    for mailbox, known in _in_order(notifications):
        if session.selected is not None and mailbox == session.selected.id:
            continue
        wanted = notifications.wanted.of(known.name, known.name in notifications.subscribed)
        items = first_status(known, wanted)
        if items:
            session.write(responses.status(known.name, items, session.utf8))
            await session.made_room()


def _in_order(notifications: Notifications) -> list[tuple[str, Known]]:
    return sorted(notifications.known.items(), key=lambda item: reading_order(item[1].name))


async def _tell(session: "Session", notifications: Notifications) -> None:
    stale = notifications.take_stale()
    places = None
    if stale is not None:
        if session.selected is not None and not notifications.wanted.wants_entries:
            stale.discard(session.selected.key)
        places = await look_at(session, notifications, stale)
    gone: dict[str, Known] = {}
    if places is None:
        stale = None
        tree = await look_at_all(session, notifications, notifications.wanted)
        gone = await _tell_names(session, notifications, tree)
        places = list(tree.mailboxes.values())
    for place in sorted(places, key=lambda each: reading_order(each.name)):
        await _tell_counters(session, notifications, place, gone.get(place.name))
    if notifications.wanted.wants_entries:
        await _tell_entries(session, notifications, places, of_server=_is_server_stale(stale))


def _is_server_stale(stale: set[tuple[str, str]] | None) -> bool:
    return stale is None or any(mailbox == SERVER for _, mailbox in stale)


async def _tell_names(
    session: "Session", notifications: Notifications, tree: Tree
) -> dict[str, Known]:
    """MailboxName and SubscriptionChange. Returns what was known of mailboxes that are gone, by
    name."""
    places = tree.mailboxes.values()
    renamed, affected = notifications.renamed(places), notifications.affected(places)
    other_access = notifications.other_access(places)
    resubscribed = notifications.subscribed ^ tree.subscribed
    own, wanted = notifications.own, notifications.wanted

    def is_wanted(name: str) -> bool:
        if own.is_name(name):
            return False
        old = renamed.get(name, name)
        events = wanted.of(name, name in tree.subscribed) | wanted.of(
            old, old in notifications.subscribed
        )
        return (
            ("MailboxName" in events and (name in affected or name in renamed))
            or ("SubscriptionChange" in events and name in resubscribed)
            or bool(events and name in other_access)
        )

    for name in sorted({*renamed, *affected, *resubscribed, *other_access}, key=reading_order):
        if is_wanted(name):
            session.write(_list_line(session, tree, name, renamed.get(name)))
            await session.made_room()
    ids = {each.mailbox.id for each in places}
    gone = {each: known for each, known in notifications.known.items() if each not in ids}
    for each in gone:
        del notifications.known[each]
        notifications.entries.pop(each, None)
    notifications.subscribed = tree.subscribed
    return {known.name: known for known in gone.values()}


def _list_line(session: "Session", tree: Tree, name: str, old_name: str | None = None) -> bytes:
    attributes = tree.attributes(name, extended=True, subscriptions=True)
    place = tree.mailboxes.get(name)
    if place is not None and "r" not in place.rights:
        attributes.append("\\NoAccess")
    return responses.list_line(name, attributes, session.utf8, old_name=old_name)


async def _tell_counters(
    session: "Session", notifications: Notifications, place: Place, gone: Known | None
) -> None:
    """*gone*: another mailbox had the name before."""
    mailbox, now = place.mailbox.id, Known.of(place)
    known = notifications.known.get(mailbox)
    if session.selected is not None and session.selected.id == mailbox:
        # The client hears of it otherwise, and what it knows is noted when it goes elsewhere.
        told = known or now
        notifications.known[mailbox] = replace(told, name=now.name, readable=now.readable)
        return
    if known == now:
        return
    notifications.known[mailbox] = now
    if known is not None and notifications.own.is_all(known, now, mailbox):
        return
    wanted = notifications.wanted.of(now.name, now.name in notifications.subscribed)
    items = status_items(known or gone, now, wanted, condstore=session.condstore)
    if items:
        session.write(responses.status(now.name, items, session.utf8))
        await session.made_room()


async def _tell_entries(
    session: "Session", notifications: Notifications, places: Sequence[Place], *, of_server: bool
) -> None:
    """MailboxMetadataChange and ServerMetadataChange: the names of annotations that changed."""
    wanted = notifications.wanted
    now = await entries_of_all(session, places)
    if of_server:
        changed = notifications.changed_entries(SERVER, now.get(SERVER, {}))
        if changed and "ServerMetadataChange" in wanted.elsewhere:
            session.write(changed_entries("", changed, session.utf8))
    for place in places:
        if "r" not in place.rights:
            continue
        changed = notifications.changed_entries(place.mailbox.id, now.get(place.mailbox.id, {}))
        events = wanted.of(place.name, place.name in notifications.subscribed)
        if changed and "MailboxMetadataChange" in events:
            session.write(changed_entries(place.name, changed, session.utf8))
            await session.made_room()
    check_entries(notifications)


async def tell_no_access(session: "Session", notifications: Notifications) -> None:
    """After NOTIFY SET, of mailboxes that the user may see and not read (section 3.1)."""
    for _, known in _in_order(notifications):
        wanted = notifications.wanted.of(known.name, known.name in notifications.subscribed)
        if wanted and not known.readable:
            session.write(responses.list_line(known.name, ("\\NoAccess",), session.utf8))
            await session.made_room()
