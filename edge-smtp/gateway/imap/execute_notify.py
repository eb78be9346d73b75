"""NOTIFY (RFC 5465)."""

from typing import TYPE_CHECKING

from gateway.imap.commands_notify import EVENTS, MESSAGE_EVENTS, Notify
from gateway.imap.news import tell_if_possible
from gateway.imap.news_elsewhere import tell_elsewhere, tell_first_status, tell_no_access
from gateway.imap.observation import start_notifying, stop_notifying
from gateway.imap.outcomes import DONE, Done, No

if TYPE_CHECKING:
    from gateway.imap.session import Session


async def notify(session: "Session", command: Notify) -> Done:
    unsupported = [word for group in command.groups for word in group.unsupported]
    if unsupported:
        code = b"BADEVENT (" + " ".join(EVENTS).encode("ascii") + b")"
        raise No(f"{unsupported[0]} is no event that we can tell of", code)
    if not command.groups:
        stop_notifying(session)
        return DONE
    notifications = await start_notifying(session, command.groups)
    if session.selected is not None:
        # What has gathered is told whatever the new groups say: SET is a NOOP, too (section 3.1).
        await tell_if_possible(session, expunges=True, look=True, wanted=MESSAGE_EVENTS)
    await tell_no_access(session, notifications)
    if command.status:
        await tell_first_status(session, notifications)
    await tell_elsewhere(session)
    return DONE
