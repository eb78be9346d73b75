"""SEARCH and SORT: what is found, and how it is told (RFC 9051 section 6.4.4, RFC 5256 section 3,
RFC 5267)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.imap import responses_search
from gateway.imap.commands_search import (
    RETURN_ALL,
    MultiSearch,
    Returns,
    Search,
    Sort,
    Thread,
)
from gateway.imap.contexts import check_tag, follow
from gateway.imap.execute_state import enable_condstore
from gateway.imap.finding import Scope, find, scope_of_selected
from gateway.imap.outcomes import DONE, Bad, Done
from gateway.imap.search import Program, compile_search
from gateway.imap.sort import Sorting
from gateway.imap.sorting import sort_found
from postroom.errors import PostroomError

if TYPE_CHECKING:
    from gateway.imap.session import Session


async def search(session: "Session", command: Search) -> Done:
    if command.charset and session.utf8_accept:
        raise Bad("After ENABLE UTF8=ACCEPT the charset is UTF-8 (RFC 6855 section 3)")
    returns = command.returns
    if returns is None and session.rev2:
        returns = RETURN_ALL
    return await _search(session, command, returns, None)


async def sort(session: "Session", command: Sort) -> Done:
    return await _search(session, command, command.returns, Sorting(command.criteria))


async def _search(
    session: "Session", command: Search | Sort, returns: Returns | None, sorting: Sorting | None
) -> Done:
    selected, scope = session.current, scope_of_selected(session)
    updates = returns is not None and returns.updates
    if updates:
        check_tag(selected, command.tag)
    program = begin(session, command, scope)
    try:
        found = await _find(session, scope, program, returns, sorting)
    except PostroomError:
        if returns is not None and returns.saves:
            selected.saved = ()  # RFC 9051 section 6.4.4.1
        raise
    if returns is not None and returns.saves:
        selected.saved = tuple(sorted(returns.named(found)))
    numbers = found if command.uid else selected.numbers_of(found)
    mod_seq = highest_mod_seq(session, scope, program, found, returns)
    verb = b"SEARCH" if sorting is None else b"SORT"
    if returns is None:
        session.write(responses_search.numbers_line(verb, numbers, mod_seq))
    elif returns.options != {"SAVE"} or returns.partial:
        correlator = responses_search.correlator(command.tag)
        items = responses_search.result_items(numbers, returns, mod_seq)
        session.write(responses_search.esearch(correlator, command.uid, items))
        if updates:
            follow(session, command, correlator, sorting, found)
    if selected.has_untold_expunges and not command.uid:
        return Done(code=b"EXPUNGEISSUED")
    return DONE


def begin(
    session: "Session", command: Search | Sort | Thread | MultiSearch, scope: Scope
) -> Program:
    program = compile_search(command.key, scope.context(int(session.app.clock.seconds())))
    if program.asks_mod_seq:
        enable_condstore(session)
    return program


async def _find(
    session: "Session",
    scope: Scope,
    program: Program,
    returns: Returns | None,
    sorting: Sorting | None,
) -> Sequence[int]:
    if sorting is not None:
        found = await find(session, scope, program)
        return await sort_found(session, scope, sorting, found)
    if returns is None:
        return await find(session, scope, program)
    return await find(session, scope, program, returns.wanted, returns.from_end)


def highest_mod_seq(
    session: "Session",
    scope: Scope,
    program: Program,
    found: Sequence[int],
    returns: Returns | None,
) -> int | None:
    """Of the messages that the answer names, when the client asked with MODSEQ."""
    if not program.asks_mod_seq or not session.condstore:
        return None
    named = found if returns is None else returns.named(found)
    return max((message.mod_seq for message in scope.view.messages_in(named)), default=None)
