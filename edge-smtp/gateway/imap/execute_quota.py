"""GETQUOTA and GETQUOTAROOT (RFC 9208). An account has one quota root, named as its address, when
its mailboxes have a limit; only administrators change it, so QUOTASET is not announced."""

from typing import TYPE_CHECKING

from gateway.imap import responses_metadata
from gateway.imap.commands_metadata import GetQuota, GetQuotaRoot
from gateway.imap.outcomes import DONE, Done, No

if TYPE_CHECKING:
    from gateway.imap.session import Session

_UNIT = 1024  # octets, of STORAGE (section 5.1)


async def get_quota(session: "Session", command: GetQuota) -> Done:
    if command.root not in _roots(session):
        raise No("There is no such quota root", b"NONEXISTENT")
    await _tell(session)
    return DONE


async def get_quota_root(session: "Session", command: GetQuotaRoot) -> Done:
    """The mailbox need not exist (section 4.1.2)."""
    roots = _roots(session)
    session.write(responses_metadata.quota_root(command.mailbox, roots, session.utf8))
    if roots:
        await _tell(session)
    return DONE


def _roots(session: "Session") -> list[str]:
    return [session.owner.address] if session.owner.quota else []


async def _tell(session: "Session") -> None:
    usage = await session.crossing.run(session.app.mailboxes.usage, session.owner.id)
    storage = (-(-usage // _UNIT), session.owner.quota // _UNIT)
    session.write(responses_metadata.quota(session.owner.address, {"STORAGE": storage}))
