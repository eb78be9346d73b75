"""Copies of what scripts send, filed for their owner (RFC 8580)."""

from contextlib import suppress
from dataclasses import replace

from postroom.errors import ConditionFailed
from postroom.journeys.ids import time_of
from postroom.journeys.store import Event, Journey
from postroom.mailboxes.errors import BadFlag, BadMailboxName, MailboxExists
from postroom.mailboxes.names import INBOX, canonical
from postroom.mailboxes.records import SYSTEM_FLAGS, Delivery, Mailbox, NewMessage
from postroom.message.summary import summarise
from postroom.pipeline.posting import posted_id
from postroom.pipeline.work import Rooms
from postroom.platform.blobs import BlobKey
from postroom.sieve.actions import Copy


def file_copy(
    app: Rooms, account: str, copy: Copy, text: bytes, queue_id: str, message_id: str
) -> None:
    """File *text*, which was sent as *queue_id*, once. Where there is no such mailbox INBOX is
    meant, as with `fileinto`; an account that is gone gets nothing."""
    place = f"{account} copy"
    if app.journeys.done(queue_id, [place]):
        return
    # A blob of its own: the one that was sent is let go when it has arrived.
    blob = BlobKey(posted_id(f"copy {queue_id} {account}", time_of(queue_id) / 1000, message_id))
    mailbox = _place(app, account, copy)
    if mailbox is None:
        return
    app.blobs.put(blob, text)
    now = int(app.clock.seconds() * 1000)
    event = Event(now, "filed", f"a copy in {mailbox.name}")
    marker = app.journeys.marker(Journey(queue_id, place, message_id, "", (), (event,)))
    new = NewMessage(blob, summarise(text), now // 1000, frozenset(copy.flags))
    [outcome] = app.mailboxes.append_many([Delivery(account, mailbox.id, [new], [marker])])
    if isinstance(outcome, BadFlag):  # a keyword too many: the copy is worth more
        new = replace(new, flags=new.flags & frozenset(SYSTEM_FLAGS))
        [outcome] = app.mailboxes.append_many([Delivery(account, mailbox.id, [new], [marker])])
    # Another run may have been first; the text is the same.
    if isinstance(outcome, Exception) and not isinstance(outcome, ConditionFailed):
        raise outcome


def _place(app: Rooms, account: str, copy: Copy) -> Mailbox | None:
    """The mailbox by its id (RFC 9042), its use (RFC 8579) or its name; None without an account."""
    boxes = app.mailboxes.all_of(account)
    found = (
        next((box for box in boxes if copy.mailbox_id and box.id == copy.mailbox_id), None)
        or next((box for box in boxes if _serves(box, copy.special_use)), None)
        or next((box for box in boxes if box.name == _spelled(copy.mailbox)), None)
    )
    if found is None and copy.create and boxes:
        with suppress(BadMailboxName):
            try:
                found = app.mailboxes.create(account, copy.mailbox, copy.special_use)
            except MailboxExists:  # made at this moment
                found = app.mailboxes.find(account, copy.mailbox)
    return found or next((box for box in boxes if box.name == INBOX), None)


def _serves(box: Mailbox, use: str) -> bool:
    return bool(use) and box.special_use.lower() == use.lower()


def _spelled(name: str) -> str:
    try:
        return canonical(name)
    except BadMailboxName:
        return ""
