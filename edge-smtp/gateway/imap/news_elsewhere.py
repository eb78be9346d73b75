"""What happened to mailboxes that are not selected, told to a client that asked for it by NOTIFY
(RFC 5465 section 5).

However much news has come, it is one look: at the mailboxes that changed when these are few, else
at the list, which holds the counters of all.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.commands_notify import EventGroup
from gateway.imap.mailbox_tree import Tree
from gateway.imap.notifications import (
    MOST_ENTRIES,
    MOST_MAILBOXES,
    Known,
    Notifications,
    Wanted,
    first_status,
    hashes,
    status_items,
)
from gateway.imap.outcomes import No
from gateway.imap.places import Place
from gateway.imap.responses_metadata import changed_entries
from postroom.errors import PostroomError
from postroom.mailboxes.annotations import SERVER, Entries
from postroom.mailboxes.names import reading_order
from postroom.mailboxes.records import Mailbox
from postroom.mailboxes.store import Mailboxes, MailboxMissing

if TYPE_CHECKING:
    from gateway.imap.session import Session

log = logging.getLogger("postroom.imap")

_OVERFLOW = b"NOTIFICATIONOVERFLOW"


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
        notifications.note("")


async def start_notifying(session: "Session", groups: Sequence[EventGroup]) -> Notifications:
    """Raises PostroomError, and all stays as it was, when that cannot be."""
    notifications = session.notifications or Notifications(session.wire.wake)
    wanted, watchers = Wanted(groups), session.service.watchers
    # Watched first, then read: at what happens meanwhile we look again.
    watchers.watch_account(session.owner.id, notifications)
    try:
        await _begin_to_know(session, notifications, wanted)
        notifications.wanted = wanted
    finally:
        if not notifications.wanted.elsewhere:
            notifications.forget()
            watchers.unwatch_account(session.owner.id, notifications)
    session.notifications = notifications
    return notifications


def stop_notifying(session: "Session") -> None:
    """As NOTIFY NONE: nothing is told any more, not even of the selected mailbox."""
    session.notifications = session.notifications or Notifications(session.wire.wake)
    session.notifications.wanted = Wanted(())
    session.notifications.forget()
    session.service.watchers.unwatch_account(session.owner.id, session.notifications)


async def _begin_to_know(session: "Session", notifications: Notifications, wanted: Wanted) -> None:
    """Have something to compare with, for whatever is *wanted*. What is known already stays, so
    that what was not told yet will be. Raises No when it would be too much."""
    account, mailboxes = session.owner.id, session.app.mailboxes
    if wanted.elsewhere and not notifications.known:
        found, subscribed = await session.crossing.run(mailboxes.outline, account)
        _check_size(found)
        notifications.known = {each.id: Known.of(each) for each in found}
        notifications.subscribed = subscribed
    if wanted.wants_entries and not notifications.wanted.wants_entries:
        entries = await session.crossing.run(mailboxes.annotations.all_of, account)
        notifications.entries = {each: hashes(values) for each, values in entries.items()}
        _check_entries(notifications)


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


def _check_size(mailboxes: list[Mailbox]) -> None:
    if len(mailboxes) > MOST_MAILBOXES:
        raise No(f"At most {MOST_MAILBOXES} mailboxes are watched", _OVERFLOW)


def _check_entries(notifications: Notifications) -> None:
    if sum(map(len, notifications.entries.values())) > MOST_ENTRIES:
        raise No(f"At most {MOST_ENTRIES} annotations are watched", _OVERFLOW)


async def _tell(session: "Session", notifications: Notifications) -> None:
    account, mailboxes = session.owner.id, session.app.mailboxes
    stale = notifications.take_stale()
    found: list[Mailbox] = []
    if stale is not None:
        if session.selected is not None and not notifications.wanted.wants_entries:
            stale.discard(session.selected.id)
        try:
            found = await session.crossing.run(_get, mailboxes, account, stale - {SERVER})
        except MailboxMissing:  # deleted meanwhile
            stale = None
        if any(not notifications.is_as_named(each) for each in found):
            stale = None
    gone: dict[str, Known] = {}
    if stale is None:
        found, subscribed = await session.crossing.run(mailboxes.outline, account)
        _check_size(found)
        places = [Place(session.owner, each) for each in found]
        gone = await _tell_names(session, notifications, Tree.of(places, subscribed))
    for mailbox in sorted(found, key=lambda each: reading_order(each.name)):
        await _tell_counters(session, notifications, mailbox, gone.get(mailbox.name))
    if notifications.wanted.wants_entries:
        await _tell_entries(session, notifications, stale)


def _get(mailboxes: Mailboxes, account: str, ids: Iterable[str]) -> list[Mailbox]:
    return [mailboxes.get(account, each) for each in ids]


async def _tell_names(
    session: "Session", notifications: Notifications, tree: Tree
) -> dict[str, Known]:
    """MailboxName and SubscriptionChange. Returns what was known of mailboxes that are gone, by
    name."""
    found = [place.mailbox for place in tree.mailboxes.values()]
    renamed, affected = notifications.renamed(found), notifications.affected(found)
    resubscribed = notifications.subscribed ^ tree.subscribed
    own, wanted = notifications.own, notifications.wanted

    def is_wanted(name: str) -> bool:
        if own.is_name(name):
            return False
        old = renamed.get(name, name)
        events = wanted.of(name, name in tree.subscribed) | wanted.of(
            old, old in notifications.subscribed
        )
        return ("MailboxName" in events and (name in affected or name in renamed)) or (
            "SubscriptionChange" in events and name in resubscribed
        )

    for name in sorted({*renamed, *affected, *resubscribed}, key=reading_order):
        if is_wanted(name):
            attributes = tree.attributes(name, extended=True, subscriptions=True)
            old_name = renamed.get(name)
            session.write(responses.list_line(name, attributes, session.utf8, old_name=old_name))
            await session.made_room()
    ids = {each.id for each in found}
    gone = {each: known for each, known in notifications.known.items() if each not in ids}
    for each in gone:
        del notifications.known[each]
        notifications.entries.pop(each, None)
    notifications.subscribed = tree.subscribed
    return {known.name: known for known in gone.values()}


async def _tell_counters(
    session: "Session", notifications: Notifications, mailbox: Mailbox, gone: Known | None
) -> None:
    """*gone*: another mailbox had the name before."""
    if session.selected is not None and session.selected.id == mailbox.id:
        # The client hears of it otherwise, and what it knows is noted when it goes elsewhere.
        told = notifications.known.get(mailbox.id, Known.of(mailbox))
        notifications.known[mailbox.id] = replace(told, name=mailbox.name)
        return
    known, now = notifications.known.get(mailbox.id), Known.of(mailbox)
    if known == now:
        return
    notifications.known[mailbox.id] = now
    if known is not None and notifications.own.is_all(known, now, mailbox.id):
        return
    wanted = notifications.wanted.of(now.name, now.name in notifications.subscribed)
    items = status_items(known or gone, now, wanted, condstore=session.condstore)
    if items:
        session.write(responses.status(now.name, items, session.utf8))
        await session.made_room()


async def _tell_entries(
    session: "Session", notifications: Notifications, stale: Iterable[str] | None
) -> None:
    """MailboxMetadataChange and ServerMetadataChange: the names of annotations that changed."""
    account, annotations = session.owner.id, session.app.mailboxes.annotations
    now: dict[str, Entries] = {}
    if stale is None:
        now = dict(await session.crossing.run(annotations.all_of, account))
        stale = [*notifications.known, SERVER]
    else:
        for each in stale:
            now[each] = await session.crossing.run(annotations.of, account, each)
    for mailbox in stale:
        changed = notifications.changed_entries(mailbox, now.get(mailbox, {}))
        known = notifications.known.get(mailbox)
        if mailbox == SERVER:
            name, is_wanted = "", "ServerMetadataChange" in notifications.wanted.elsewhere
        elif known is not None:
            events = notifications.wanted.of(known.name, known.name in notifications.subscribed)
            name, is_wanted = known.name, "MailboxMetadataChange" in events
        else:
            continue
        if changed and is_wanted:
            session.write(changed_entries(name, changed, session.utf8))
            await session.made_room()
    _check_entries(notifications)
