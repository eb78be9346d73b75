"""Where a name leads, and what the session's user may do there.

Every command that names a mailbox, or works in the selected one, finds it here, and names the
rights that it needs (RFC 4314 section 4). Nobody else looks a mailbox up.

A mailbox of the user's own that has had a name in the namespace of other users since before there
was one is found first.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gateway.imap.namespaces import prefix_of, split_name
from gateway.imap.outcomes import No
from postroom.app import App
from postroom.directory.identifiers import applying_among, applying_to, is_here
from postroom.directory.records import Account
from postroom.mailboxes.errors import BadMailboxName, MailboxMissing, NotPermitted
from postroom.mailboxes.names import canonical, reading_order
from postroom.mailboxes.records import Mailbox
from postroom.mailboxes.rights import ALL, KNOWING, Rights, combined

if TYPE_CHECKING:
    from gateway.imap.session import Session


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox as the session's user reaches it."""

    owner: Account
    mailbox: Mailbox
    rights: Rights = ALL
    prefix: str = ""  # before the owner's name for it, in the user's eyes; "": it is his own

    @property
    def name(self) -> str:
        """The name that the user knows."""
        return self.prefix + self.mailbox.name

    @property
    def special_use(self) -> str:
        """The Drafts of another are not where this user's drafts go (RFC 6154)."""
        return "" if self.prefix else self.mailbox.special_use

    @property
    def key(self) -> tuple[str, str]:
        """Account and id: what the methods of ``Mailboxes`` begin with."""
        return self.owner.id, self.mailbox.id

    def need(self, rights: str) -> None:
        """Raises NotPermitted when one of the rights is missing, or MailboxMissing when the user
        may not even know that the mailbox is there (section 6)."""
        if not self.rights.issuperset(rights):
            self._refuse(rights)

    def need_one_of(self, rights: str) -> None:
        if self.rights.isdisjoint(rights):
            self._refuse(rights)

    def _refuse(self, rights: str) -> None:
        if not self.rights & KNOWING:
            raise MailboxMissing(self.owner.id, self.name)
        raise NotPermitted(self.owner.id, rights)

    @property
    def tells_uids(self) -> bool:
        """Who may not read a mailbox is not told what is in it (RFC 4315 section 3)."""
        return "r" in self.rights


@dataclass(frozen=True, slots=True)
class Spot:
    """A name, of a mailbox or free, in the tree of its owner. ``Mailboxes`` judges the rights."""

    owner: Account
    name: str
    prefix: str = ""
    by: frozenset[str] | None = None  # as ``Mailboxes.create`` and others want it


# One mailbox.


async def place_of(session: "Session", name: str, needs: str) -> Place:
    """Raises MailboxMissing, BadMailboxName; NotPermitted when one of the rights is missing."""
    place = await session.crossing.run(_find, session.app, session.owner, name)
    place.need(needs)
    return place


async def target_of(session: "Session", name: str) -> Place:
    """Where messages shall go. The client may create it first (TRYCREATE)."""
    try:
        return await place_of(session, name, "i")
    except MailboxMissing as error:
        raise _missing_target() from error


@contextmanager
def going_to(target: Place) -> Iterator[None]:
    """While messages are put there: the mailbox may go, too, when it had been found."""
    try:
        yield
    except MailboxMissing as error:
        if error.mailbox != target.mailbox.id:
            raise
        raise _missing_target() from error


def _missing_target() -> No:
    return No("There is no such mailbox", b"TRYCREATE")


async def spot_of(session: "Session", name: str) -> Spot:
    """Where a mailbox is renamed or deleted. Raises MailboxMissing when its owner is not here."""
    app, user = session.app, session.owner
    spot = await session.crossing.run(_spot, app, user, name)
    if not spot.prefix:
        return spot
    return replace(spot, by=await session.crossing.run(applying_to, app.directory, user))


async def free_spot_of(session: "Session", name: str) -> Spot:
    """Where a mailbox shall be. Who is here and who is not is answered alike."""
    try:
        return await spot_of(session, name)
    except MailboxMissing as error:
        raise NotPermitted(session.owner.id, "k") from error


def _find(app: App, user: Account, name: str) -> Place:
    spot = _spot(app, user, name)
    mailbox = app.mailboxes.find(spot.owner.id, spot.name)
    if not spot.prefix:
        return Place(user, mailbox)
    return Place(spot.owner, mailbox, rights_on(app, user, spot.owner.id, mailbox.id), spot.prefix)


def _spot(app: App, user: Account, name: str) -> Spot:
    named = split_name(name)
    if named is None or _is_own(app, user, name):
        return Spot(user, name)
    address, below = named
    canonical(below)  # what can be no name is that of everybody: who is here must not show
    owner = app.directory.account(address)
    if owner is None:
        raise MailboxMissing(user.id, name)
    if owner.id == user.id:
        return Spot(user, below)
    return Spot(owner, below, prefix_of(owner.address))


def _is_own(app: App, user: Account, name: str) -> bool:
    try:
        app.mailboxes.find(user.id, name)
    except (MailboxMissing, BadMailboxName):
        return False
    return True


def rights_on(app: App, user: Account, owner: str, mailbox: str) -> Rights:
    """Those of a user who is not the owner, as they are now."""
    entries = app.mailboxes.sharing.entries(owner, mailbox)
    named = [identifier.removeprefix("-") for identifier in entries]
    return combined(entries, applying_among(app.directory, user, named))


# Many.


async def own_places(session: "Session") -> Sequence[Place]:
    """All mailboxes of the user, INBOX first, then by name."""
    owner = session.owner
    found = await session.crossing.run(session.app.mailboxes.all_of, owner.id)
    return [Place(owner, mailbox) for mailbox in found]


async def shared_places(session: "Session") -> Sequence[Place]:
    """The mailboxes of others that the user may know of, by right ``l`` or ``r``, by name."""
    return await session.crossing.run(
        lambda: sorted(
            _shared(session.app, session.owner), key=lambda place: reading_order(place.name)
        )
    )


async def places_beside(session: "Session", place: Place) -> Sequence[Place]:
    """The mailboxes of the same owner that the user may see in a LIST."""
    if not place.prefix:
        return await own_places(session)
    app, user = session.app, session.owner
    identifiers = await session.crossing.run(applying_to, app.directory, user)
    found = await session.crossing.run(lambda: list(_shared_by(app, place.owner, identifiers)))
    return [each for each in found if "l" in each.rights]


def _shared(app: App, user: Account) -> Iterator[Place]:
    identifiers = applying_to(app.directory, user)
    owners = app.mailboxes.sharing.owners(identifiers)
    if not owners or not is_here(app.directory, user):
        return
    for each in owners:
        owner = app.directory.account_by_id(each)
        if owner is not None and owner.id != user.id:
            yield from _shared_by(app, owner, identifiers)


def _shared_by(app: App, owner: Account, identifiers: frozenset[str]) -> Iterator[Place]:
    acls = app.mailboxes.sharing.all_of(owner.id)
    for mailbox in app.mailboxes.all_of(owner.id):
        rights = combined(acls.get(mailbox.id, {}), identifiers)
        if rights & KNOWING:
            yield Place(owner, mailbox, rights, prefix_of(owner.address))
