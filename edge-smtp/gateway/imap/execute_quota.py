"""GETQUOTA and GETQUOTAROOT (RFC 9208). An account has one quota root, named as its address, when
its mailboxes have a limit; only administrators change it, so QUOTASET is not announced. What is
added to a mailbox of others counts for its owner."""

from typing import TYPE_CHECKING

from gateway.imap import responses_metadata
from gateway.imap.commands_metadata import GetQuota, GetQuotaRoot
from gateway.imap.namespaces import split_name
from gateway.imap.outcomes import DONE, Done, No
from gateway.imap.places import place_of, shared_places
from postroom.directory.records import Account

if TYPE_CHECKING:
    from gateway.imap.session import Session

_UNIT = 1024  # octets, of STORAGE (section 5.1)


async def get_quota(session: "Session", command: GetQuota) -> Done:
    owner = session.owner
    if command.root != owner.address:  # who may read another's mailbox may know (section 6)
        places = await shared_places(session)
        found = (place.owner for place in places if "r" in place.rights)
        owner = next((each for each in found if each.address == command.root), owner)
    if command.root not in _roots(owner):
        raise No("There is no such quota root", b"NONEXISTENT")
    await _tell(session, owner)
    return DONE


async def get_quota_root(session: "Session", command: GetQuotaRoot) -> Done:
    """One of the user's own need not exist (section 4.1.2)."""
    owner = session.owner
    if split_name(command.mailbox) is not None:
        owner = (await place_of(session, command.mailbox, "r")).owner
    roots = _roots(owner)
    session.write(responses_metadata.quota_root(command.mailbox, roots, session.utf8))
    if roots:
        await _tell(session, owner)
    return DONE


def _roots(owner: Account) -> list[str]:
    return [owner.address] if owner.quota else []


async def _tell(session: "Session", owner: Account) -> None:
    usage = await session.crossing.run(session.app.mailboxes.usage, owner.id)
    storage = (-(-usage // _UNIT), owner.quota // _UNIT)
    session.write(responses_metadata.quota(owner.address, {"STORAGE": storage}))
