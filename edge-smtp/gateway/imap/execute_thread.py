"""THREAD (RFC 5256 section 3)."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from gateway.imap import threads
from gateway.imap.commands_search import Thread
from gateway.imap.execute_search import begin
from gateway.imap.finding import Scope, find, scope_of_selected, summaries_of
from gateway.imap.outcomes import DONE, Done
from gateway.imap.sort import sent_date
from gateway.imap.threads import Node
from gateway.imap.threads_by_references import References
from postroom.message.summary import Details, details_of

if TYPE_CHECKING:
    from gateway.imap.session import Session

_AT_ONCE = 250  # messages: some milliseconds of work


async def thread(session: "Session", command: Thread) -> Done:
    selected, scope = session.current, scope_of_selected(session)
    program = begin(session, command, scope)
    found = await find(session, scope, program)
    if command.algorithm == "REFERENCES":
        roots = await _by_references(session, command, scope, found)
    else:
        roots = await _by_subject(session, command, scope, found)
    session.write(await session.crossing.slow(threads.response, roots))
    if selected.has_untold_expunges and not command.uid:
        return Done(code=b"EXPUNGEISSUED")
    return DONE


async def _by_references(
    session: "Session", command: Thread, scope: Scope, found: Sequence[int]
) -> list[Node]:
    references = References()
    waiting = iter(found)
    while part := list(islice(waiting, _AT_ONCE)):
        # Off the loop: knots that somebody has tied on purpose take long to find.
        rows = await _read(session, command, scope, part)
        await session.crossing.slow(_add, references, rows)
    return await session.crossing.slow(references.threads)


def _add(references: References, rows: Sequence[tuple[Node, Details]]) -> None:
    for node, details in rows:
        references.add(node, details.message_id, details.references, details.in_reply_to)


async def _by_subject(
    session: "Session", command: Thread, scope: Scope, found: Sequence[int]
) -> list[Node]:
    nodes: list[Node] = []
    waiting = iter(found)
    while part := list(islice(waiting, _AT_ONCE)):
        nodes += [node for node, _ in await _read(session, command, scope, part)]
        await session.breathe()
    return await session.crossing.slow(threads.by_subject, nodes)


async def _read(
    session: "Session", command: Thread, scope: Scope, uids: Sequence[int]
) -> list[tuple[Node, Details]]:
    messages = list(scope.view.messages_in(uids))
    rows = []
    for message, encoded in zip(messages, await summaries_of(session, messages), strict=True):
        details = details_of(encoded)
        number = message.uid if command.uid else session.current.position_of(message.uid) + 1
        when = sent_date(message, encoded, details)
        rows.append((threads.message(number, when, details.subject), details))
    return rows
