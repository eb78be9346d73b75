"""Sorting what was found: its values are read part by part."""

from array import array
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from gateway.imap.finding import Scope, summaries_of
from gateway.imap.sort import Row, Sorting

if TYPE_CHECKING:
    from gateway.imap.session import Session

_AT_ONCE = 250  # messages: some milliseconds of work
_MANY = 5000  # rows: sorting more would keep the other sessions waiting


async def sort_found(
    session: "Session", scope: Scope, sorting: Sorting, found: Sequence[int]
) -> "array[int]":
    """The same UIDs in the order asked for; those of messages that are gone are left out."""
    rows: list[Row] = []
    waiting = iter(found)
    while part := list(islice(waiting, _AT_ONCE)):
        rows += await rows_of(session, scope, sorting, part)
        await session.breathe()
    if len(rows) > _MANY:
        await session.crossing.slow(sorting.sort, rows)
    else:
        sorting.sort(rows)
    return array("I", [row.uid for row in rows])


async def rows_of(
    session: "Session", scope: Scope, sorting: Sorting, uids: Sequence[int]
) -> list[Row]:
    messages = list(scope.view.messages_in(uids))
    if not sorting.needs_summary:
        return [sorting.row(message) for message in messages]
    encoded = await summaries_of(session, messages)
    return [sorting.row(*pair) for pair in zip(messages, encoded, strict=True)]
