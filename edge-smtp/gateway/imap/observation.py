"""Looking at the mailboxes that a client watches by NOTIFY, and noticing when it is time to (RFC
5465). ``news_elsewhere`` tells what is different.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gateway.imap.commands_notify import EventGroup
from gateway.imap.execute_metadata import entries_of
from gateway.imap.mailbox_tree import Tree
from gateway.imap.namespaces import prefix_of
from gateway.imap.notifications import (
    MOST_ENTRIES,
    MOST_MAILBOXES,
    Known,
    Notifications,
    Wanted,
    hashes,
)
from gateway.imap.outcomes import No
from gateway.imap.places import Place, rights_on, shared_places
from postroom.app import App
from postroom.directory.identifiers import applying_to
from postroom.directory.records import Account
from postroom.mailboxes.annotations import SERVER, Entries
from postroom.mailboxes.store import MailboxMissing

if TYPE_CHECKING:
    from gateway.imap.session import Session

_OVERFLOW = b"NOTIFICATIONOVERFLOW"


async def start_notifying(session: "Session", groups: Sequence[EventGroup]) -> Notifications:
    """Raises PostroomError, and all stays as it was, when that cannot be."""
    notifications = session.notifications
    if notifications is None:
        notifications = Notifications(session.owner.id, session.wire.wake)
    wanted = Wanted(groups)
    try:
        if wanted.elsewhere:
            # Watched first, then read: at what happens meanwhile we look again.
            _watch(session, notifications, {session.owner.id} | notifications.watched)
            await _begin_to_know(session, notifications, wanted)
        notifications.wanted = wanted
    finally:
        if not notifications.wanted.elsewhere:
            notifications.forget()
            _watch(session, notifications, set())
    session.notifications = notifications
    return notifications


def stop_notifying(session: "Session") -> None:
    """As NOTIFY NONE: nothing is told any more, not even of the selected mailbox."""
    session.notifications = session.notifications or Notifications(
        session.owner.id, session.wire.wake
    )
    session.notifications.wanted = Wanted(())
    session.notifications.forget()
    _watch(session, session.notifications, set())


def _watch(session: "Session", notifications: Notifications, whom: set[str]) -> None:
    watchers = session.service.watchers
    for each in notifications.watched - whom:
        watchers.unwatch_account(each, notifications)
    for each in whom - notifications.watched:
        watchers.watch_account(each, notifications)
    notifications.watched = whom


async def _begin_to_know(session: "Session", notifications: Notifications, wanted: Wanted) -> None:
    """Have something to compare with, for whatever is *wanted*. What is known already stays, so
    that what was not told yet will be. Raises No when it would be too much."""
    begins, before = not notifications.known, notifications.wanted
    if begins or (wanted.may_reach_others and not before.may_reach_others):
        tree = await look_at_all(session, notifications, wanted)
        for place in tree.mailboxes.values():
            if begins or place.prefix:
                notifications.known.setdefault(place.mailbox.id, Known.of(place))
        if begins:
            notifications.subscribed = tree.subscribed
    if wanted.wants_entries and not before.wants_entries:
        tree = await look_at_all(session, notifications, wanted)
        found = await entries_of_all(session, list(tree.mailboxes.values()))
        notifications.entries = {each: hashes(values) for each, values in found.items() if values}
        check_entries(notifications)


async def look_at_all(session: "Session", notifications: Notifications, wanted: Wanted) -> Tree:
    """All mailboxes of the user, and if they are wanted those of others that he may list.

    Raises No when they are too many.
    """
    user, mailboxes = session.owner, session.app.mailboxes
    found, subscribed = await session.crossing.run(mailboxes.outline, user.id)
    places = [Place(user, each) for each in found]
    whom = {user.id}
    if wanted.may_reach_others:
        identifiers = await session.crossing.run(applying_to, session.app.directory, user)
        shared = [each for each in await shared_places(session) if "l" in each.rights]
        places = [*shared, *places]  # the last of a name is shown
        whom |= identifiers | {each.owner.id for each in shared}
    if len(places) > MOST_MAILBOXES:
        raise No(f"At most {MOST_MAILBOXES} mailboxes are watched", _OVERFLOW)
    if whom - notifications.watched:
        # What happened there before anybody watched is found by another look, soon.
        notifications.account_news(user.id, "")
    _watch(session, notifications, whom)
    return Tree.of(places, subscribed)


async def look_at(
    session: "Session", notifications: Notifications, keys: Iterable[tuple[str, str]]
) -> list[Place] | None:
    """The mailboxes with those accounts and ids, without the server. None when the names have
    changed, too, or what the user may do."""
    wanted = [key for key in keys if key[1] != SERVER]
    try:
        places = await session.crossing.run(_places, session.app, session.owner, wanted)
    except MailboxMissing:
        return None
    return places if all(map(notifications.is_as_known, places)) else None


def _places(app: App, user: Account, keys: Iterable[tuple[str, str]]) -> list[Place]:
    places = []
    for owner, mailbox in keys:
        found = app.mailboxes.get(owner, mailbox)
        if owner == user.id:
            places.append(Place(user, found))
            continue
        account = app.directory.account_by_id(owner)
        if account is None:
            raise MailboxMissing(owner, mailbox)
        rights = rights_on(app, user, owner, mailbox)
        if "l" not in rights:
            raise MailboxMissing(owner, mailbox)
        places.append(Place(account, found, rights, prefix_of(account.address)))
    return places


async def entries_of_all(session: "Session", places: Sequence[Place]) -> dict[str, Entries]:
    """The annotations that the user sees of the mailboxes and of the server, by id."""
    read = session.app.mailboxes.annotations.all_of
    own = await session.crossing.run(read, session.owner.id)
    found = {SERVER: own.get(SERVER, {})}
    for place in places:
        if "r" in place.rights:
            found[place.mailbox.id] = await entries_of(
                session, place, own.get(place.mailbox.id, {})
            )
    return found


def check_entries(notifications: Notifications) -> None:
    if sum(map(len, notifications.entries.values())) > MOST_ENTRIES:
        raise No(f"At most {MOST_ENTRIES} annotations are watched", _OVERFLOW)
