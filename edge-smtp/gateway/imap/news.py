"""What happened to the selected mailbox, told to its client (RFC 9051 sections 5.2 and 7.5.1).

With MODSEQ a client remembers the highest one it has heard of and asks later for what came after
it. So nothing may be told that is newer than something untold, or the client must be told from
where to ask (RFC 7162 sections 3.2 and 6).
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.contexts import tell_updates
from gateway.imap.news_of_arrivals import tell_new
from gateway.imap.notifications import Events
from gateway.imap.outcomes import Bye
from gateway.imap.places import rights_on
from postroom.errors import PostroomError
from postroom.mailboxes.flags import MOST_KEYWORDS
from postroom.mailboxes.records import SYSTEM_FLAGS, Message
from postroom.mailboxes.rights import CHANGING, allowed
from postroom.mailboxes.store import MailboxMissing

if TYPE_CHECKING:
    from gateway.imap.session import Session

log = logging.getLogger("postroom.imap")


async def tell_if_possible(
    session: "Session", *, expunges: bool, look: bool, wanted: Events | None = None
) -> bool:
    """As ``tell_news``; False when the store would not say what is new.

    A command that is done is done, whatever happens then: a NO to an APPEND would bring the
    message a second time.
    """
    try:
        await tell_news(session, expunges=expunges, look=look, wanted=wanted)
    except Bye:
        raise
    except PostroomError as error:  # the next look may have more luck
        log.info("news failed", extra={"reason": str(error)})
        session.unseen_news = True
        _tell_from_where(session)
        return False
    return True


async def tell_news(
    session: "Session", *, expunges: bool, look: bool, wanted: Events | None = None
) -> None:
    """Tell the client what changed. *expunges*: it may be told that numbers change.

    *look* even if nobody said that there is news: the topic is only best effort. *wanted*: instead
    of what NOTIFY has asked for. Raises Bye when the mailbox is gone, or not for this user any
    more.
    """
    selected = session.current
    if wanted is None:
        wanted = session.wanted_of_selected
    if "MessageNew" not in wanted:
        if session.unseen_news:
            await check_rights(session)
        return  # for this client time stands still (RFC 5465 section 3.1)
    was_late = selected.has_untold_expunges
    new: Sequence[int] = ()
    look |= session.unseen_news
    # This session has changed the view, or another one has brought it up to date.
    if look or selected.is_behind:
        session.unseen_news = False
        await check_rights(session)
        try:
            changes = await session.crossing.brief(selected.look, refresh=look)
        except MailboxMissing as error:
            session.deselect()
            raise Bye("The selected mailbox was deleted", b"NONEXISTENT") from error
        before = len(selected.uids)
        altered = selected.take_in(changes)
        if changes.mailbox.keywords != selected.keywords:
            tell_flags(session)
        new = selected.uids[before:]
        if new:
            # An untold EXPUNGE comes after: until then these are the client's numbers.
            session.write(responses.exists(len(selected.uids)))
            if not session.rev2:
                session.write(responses.recent(selected.recent_count()))
        await _tell_flag_changes(session, altered, told="FlagChange" in wanted)
    followed = await tell_updates(session, frozenset(new)) if selected.contexts else {}
    if new:
        await tell_new(session, new, followed)
    if not selected.has_untold_expunges:
        return
    if not expunges:
        _tell_from_where(session)
        return
    session.write(selected.tell_expunges(vanished=session.qresync or session.uid_only))
    if was_late:
        _tell_from_where(session)


async def _tell_flag_changes(
    session: "Session", altered: list[tuple[int, Message]], *, told: bool
) -> None:
    selected = session.current
    if not told:
        selected.untold_flags.update(message.uid for _, message in altered)
        return
    if selected.untold_flags:
        altered += selected.take_untold_flags()
    for position, message in altered:
        session.write(flags_line(session, position, message))
        await session.made_room()


def _tell_from_where(session: "Session") -> None:
    if session.qresync and session.selected is not None:
        code = b"HIGHESTMODSEQ %d" % session.selected.synchronized
        session.write(responses.untagged(b"OK", "Everything is told up to here", code))


async def check_rights(session: "Session") -> None:
    """Look whether the user may still do what he might when he selected a mailbox of another:
    before each command, and when there may be news. Raises Bye when he may not read it any more
    (RFC 4314 section 5.1.1)."""
    selected = session.selected
    if selected is None or not selected.reached.prefix:
        return
    place = selected.place
    rights = await session.crossing.run(rights_on, session.app, session.owner, *place.key)
    if "r" not in rights:
        session.deselect()
        raise Bye("You may not read the selected mailbox any more", b"NOPERM")
    before = selected.rights
    selected.reached = replace(place, rights=rights)
    if before & CHANGING != selected.rights & CHANGING:
        tell_flags(session)


async def tell_missed(
    session: "Session", vanished: Sequence[range], changed: Sequence[Message]
) -> None:
    """What ``resync`` found: first what is gone, or numbers would seem to be of others."""
    session.write(responses.vanished(vanished, earlier=True))
    for message in changed:
        position = session.current.position_of(message.uid)
        session.write(flags_line(session, position, message))
        await session.made_room()


def tell_flags(session: "Session") -> None:
    selected = session.current
    selected.keywords = selected.mailbox.keywords
    names = (*SYSTEM_FLAGS, *selected.keywords)
    session.write(responses.flags(names))
    if not selected.examined:
        new_keywords = "w" in selected.rights and len(selected.keywords) < MOST_KEYWORDS
        permanent = allowed(names, selected.rights)
        session.write(responses.permanent_flags(permanent, new_keywords=new_keywords))


def flags_line(session: "Session", position: int, message: Message) -> bytes:
    """An untagged FETCH that the client did not ask for (RFC 9051 section 7.5.2)."""
    selected = session.current
    recent = not session.rev2 and message.uid >= selected.first_recent
    flags = responses.flags_of(message.flags, recent)
    mod_seq = b" MODSEQ (%d)" % message.mod_seq if session.condstore else b""
    return b"%bFLAGS (%b)%b)\r\n" % (_head(session, position, message), flags, mod_seq)


def mod_seq_line(session: "Session", position: int, message: Message) -> bytes:
    """What a STORE that is silent tells a client that knows MODSEQ (RFC 7162 section 3.1.3)."""
    return b"%bMODSEQ (%d))\r\n" % (_head(session, position, message), message.mod_seq)


def _head(session: "Session", position: int, message: Message) -> bytes:
    if session.uid_only:  # RFC 9586
        return b"* %d UIDFETCH (" % message.uid
    return b"* %d FETCH (UID %d " % (position + 1, message.uid)
