"""Where a name leads, and what the session's user may do there.

Every command that names a mailbox, or works in the selected one, finds it here, and names the
rights that it needs (RFC 4314 section 4). Nobody else looks a mailbox up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.imap.outcomes import No
from postroom.directory.records import Account
from postroom.mailboxes.errors import MailboxMissing
from postroom.mailboxes.records import Mailbox
from postroom.mailboxes.rights import ALL, KNOWING, Rights

if TYPE_CHECKING:
    from gateway.imap.session import Session


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox as the session's user reaches it."""

    owner: Account
    mailbox: Mailbox
    rights: Rights = ALL
    prefix: str = ""  # before the owner's name for it, in the user's eyes

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
        """Raises No when one of the rights is missing, or MailboxMissing when the user may not
        even know that the mailbox is there (section 6)."""
        if self.rights.issuperset(rights):
            return
        if not self.rights & KNOWING:
            raise MailboxMissing(self.owner.id, self.name)
        raise No("The owner of the mailbox does not let you do this", b"NOPERM")


async def place_of(session: "Session", name: str, needs: str) -> Place:
    """Raises MailboxMissing, BadMailboxName; No when one of the rights is missing."""
    owner = session.owner
    found = await session.crossing.run(session.app.mailboxes.find, owner.id, name)
    place = Place(owner, found)
    place.need(needs)
    return place


async def target_of(session: "Session", name: str) -> Place:
    """Where messages shall go. The client may create it first (TRYCREATE)."""
    try:
        return await place_of(session, name, "i")
    except MailboxMissing as error:
        raise No("There is no such mailbox", b"TRYCREATE") from error


async def own_places(session: "Session") -> Sequence[Place]:
    """All mailboxes of the user, INBOX first, then by name."""
    owner = session.owner
    found = await session.crossing.run(session.app.mailboxes.all_of, owner.id)
    return [Place(owner, mailbox) for mailbox in found]


async def places_beside(session: "Session", place: Place) -> Sequence[Place]:
    """All mailboxes of the same owner that the user may see."""
    return await own_places(session)
