"""New messages of the selected mailbox, shown as NOTIFY or a search with UPDATE has asked for (RFC
5465 sections 5.2 and 7).

FETCH responses come after ESEARCH ADDTO, as section 5.2 has it. Section 7 says the opposite;
erratum 4833 finds both in use.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from gateway.imap.commands import BinarySection, BinarySize, FetchItem
from gateway.imap.execute_fetch import Answering
from gateway.imap.fetch import UnknownEncoding
from gateway.imap.selected import batches

if TYPE_CHECKING:
    from gateway.imap.session import Session

_AT_ONCE = 250  # messages

Items = tuple[FetchItem, ...]


async def tell_new(session: "Session", uids: Sequence[int], followed: Mapping[int, Items]) -> None:
    """*followed*: by UID, what searches want to know of it. What both want comes once."""
    selected, notifications = session.current, session.notifications
    wanted: Items = ()
    own: set[int] = set()
    if notifications is not None:
        wanted = notifications.wanted.fetch
        own = {each.uid for each in notifications.own.appended.get(selected.id, ())}
    if not wanted and not followed:
        return

    def items_of(uid: int) -> Items:
        # The client knows what it has put there itself (section 5.2).
        return () if uid in own else tuple(dict.fromkeys((*wanted, *followed.get(uid, ()))))

    for items, group in groupby(uids, items_of):
        if items:
            await _tell(session, items, [selected.position_of(uid) for uid in group])


async def _tell(session: "Session", items: Items, positions: Sequence[int]) -> None:
    always: list[FetchItem] = [] if session.uid_only else ["UID"]
    if session.condstore:
        always.append("MODSEQ")
    items = tuple(dict.fromkeys((*always, *items)))
    # One part that cannot be decoded must not hide the other messages.
    decodes = any(isinstance(item, BinarySection | BinarySize) for item in items)
    # To be told of a message is not to have seen it.
    answering = Answering(session, session.current, items, sets_seen=False)
    for batch in batches([range(each, each + 1) for each in positions], 1 if decodes else _AT_ONCE):
        try:
            await answering.answer(batch)
        except UnknownEncoding:
            continue
