"""CANCELUPDATE (RFC 5267 section 4.3.5)."""

from typing import TYPE_CHECKING

from gateway.imap.commands_search import CancelUpdate
from gateway.imap.outcomes import DONE, Bad, Done

if TYPE_CHECKING:
    from gateway.imap.session import Session


async def cancel_update(session: "Session", command: CancelUpdate) -> Done:
    contexts = session.current.contexts
    if not all(tag in contexts for tag in command.tags):
        raise Bad("There are no updates of that tag")
    for tag in command.tags:
        contexts.pop(tag, None)
    return DONE
