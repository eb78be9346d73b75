"""ESEARCH: one search in many mailboxes (RFC 7377)."""

from collections.abc import Sequence, Set
from contextlib import suppress
from typing import TYPE_CHECKING

from gateway.imap import contexts
from gateway.imap.commands_search import MultiSearch
from gateway.imap.execute_search import begin, highest_mod_seq
from gateway.imap.filter_mailboxes import FilterMailboxes
from gateway.imap.finding import Scope, find, scope_of, scope_of_selected
from gateway.imap.outcomes import DONE, Bad, Done
from gateway.imap.places import Place, own_places, shared_places
from gateway.imap.responses_search import esearch, mailbox_correlator, result_items
from postroom.errors import PostroomError
from postroom.mailboxes.names import OTHER_USERS
from postroom.mailboxes.store import MailboxMissing

if TYPE_CHECKING:
    from gateway.imap.session import Session


async def multi_search(session: "Session", command: MultiSearch) -> Done:
    """Mailboxes are searched one after the other."""
    selected = session.selected
    kinds = {source.kind for source in command.sources}
    if selected is None and ("selected" in kinds or command.returns.updates):
        raise Bad("Select a mailbox first")
    if selected is not None and command.returns.updates:
        contexts.check_tag(selected, command.tag)
    chosen: dict[str, Place] = {}  # by the id of the mailbox
    if selected is not None and "selected" in kinds:
        chosen[selected.id] = selected.place
    if kinds != {"selected"}:
        for place in await _of_sources(session, command.sources):
            chosen.setdefault(place.mailbox.id, place)
    session.progress.expect(sum(place.mailbox.messages for place in chosen.values()))
    for place in chosen.values():
        if selected is not None and place.mailbox.id == selected.id:
            await _search_selected(session, command)
        else:
            with suppress(MailboxMissing):  # deleted meanwhile: it has no messages
                await _search_other(session, command, place)
        session.progress.next_part(place.mailbox.messages)
        await session.made_room()
    if selected is not None and command.returns.updates and selected.id not in chosen:
        # Updates are of the selected mailbox only (section 2.2).
        contexts.refuse(session, command.tag, "The selected mailbox was not searched")
    return DONE


async def _of_sources(session: "Session", sources: Sequence[FilterMailboxes]) -> list[Place]:
    """Each mailbox that a source names, once. What is not there is passed over in silence, as
    what one may not know of (section 2.2)."""
    places = [*await own_places(session)]
    subscribed = {place.name for place in places if place.mailbox.subscribed}
    if any(source.kind == "subscribed" for source in sources):
        read = session.app.mailboxes.subscriptions
        subscribed |= await session.crossing.run(read, session.owner.id)
    named = subscribed.union(*(source.names for source in sources))
    if any(name.startswith(OTHER_USERS) for name in named):
        places += await shared_places(session)
    return [
        place
        for place in places
        if any(_is_searched(place, source, subscribed) for source in sources)
    ]


def _is_searched(place: Place, source: FilterMailboxes, subscribed: Set[str]) -> bool:
    if source.kind in ("personal", "inboxes") and place.prefix:
        return False
    # One that is named need not be seen in a LIST (section 2.2).
    if not place.rights.issuperset("r" if source.kind == "mailboxes" else "lr"):
        return False
    return source.covers(place.name, place.name in subscribed)


async def _search_selected(session: "Session", command: MultiSearch) -> None:
    selected = session.current
    scope = scope_of_selected(session)
    try:
        found = await _search(session, command, selected.place, scope)
    except PostroomError:
        if command.returns.saves:
            selected.saved = ()
        raise
    if command.returns.saves:  # then no other is searched
        selected.saved = tuple(command.returns.named(found))
    if command.returns.updates:
        correlator = _correlator(session, command, selected.place)
        contexts.follow(session, command, correlator, None, found)


async def _search_other(session: "Session", command: MultiSearch, place: Place) -> None:
    # However many sessions search however many mailboxes, only some of these are in memory.
    async with session.service.searched.taken(place.mailbox.messages):
        view = await session.crossing.slow(session.service.views.open, *place.key)
        await _search(session, command, place, scope_of(session, view))
        session.service.keep(view)


async def _search(
    session: "Session", command: MultiSearch, place: Place, scope: Scope
) -> Sequence[int]:
    program, returns = begin(session, command, scope), command.returns
    found = await find(session, scope, program, returns.wanted, returns.from_end)
    # Of mailboxes in which nothing matches there is no response, not even a count of 0.
    if found and (returns.options != {"SAVE"} or returns.partial):
        mod_seq = highest_mod_seq(session, scope, program, found, returns)
        correlator = _correlator(session, command, place)
        session.write(esearch(correlator, True, result_items(found, returns, mod_seq)))
    return found


def _correlator(session: "Session", command: MultiSearch, place: Place) -> bytes:
    uid_validity = place.mailbox.uid_validity
    return mailbox_correlator(command.tag, place.name, uid_validity, session.utf8)
