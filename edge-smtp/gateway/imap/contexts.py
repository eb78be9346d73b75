"""Searches whose results are kept up to date: UPDATE of RFC 5267 section 4.3.

A context holds the UIDs that its client believes to be the results. Whatever happens to a message
makes it *pending*; before the client hears of an EXPUNGE, or at the end of a command, the
pending ones are judged anew and the client is told what is different.
"""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.commands import FetchItem
from gateway.imap.commands_search import MultiSearch, Search, Sort
from gateway.imap.finding import Scope, find_among, scope_of_selected
from gateway.imap.outcomes import Bad
from gateway.imap.responses_search import esearch, update_item
from gateway.imap.search import Context, Program, compile_search
from gateway.imap.search_keys import And, InSet, Not, Or, SearchKey
from gateway.imap.sequence_set import SequenceSet, merge
from gateway.imap.sort import Row, Sorting
from gateway.imap.sorting import rows_of, sort_found

if TYPE_CHECKING:
    from gateway.imap.selected import Selected
    from gateway.imap.session import Session

MOST = 16  # contexts of one session
MOST_RESULTS = 1_000_000  # in all of them, but for the first, which every client may have
_MANY = 100  # new results: to find the place of each would be slower than to sort them all again

Runs = list[tuple[int, list[int]]]  # context position, and UIDs that go there or go from there


@dataclass(slots=True)
class Updating:
    """One context, until its mailbox is deselected or its tag is cancelled."""

    key: SearchKey
    context: Context  # what the key referred to when the command came
    uid: bool
    correlator: bytes
    sorting: Sorting | None
    results: "array[int]"  # UIDs, ascending, or in the order of ``sorting``
    follows_flags: bool
    fetch: tuple[FetchItem, ...]  # to be told of new results (RFC 5465 section 7)
    pending: set[int] = field(default_factory=set)

    def note(self, changed: Collection[int], new: Collection[int], gone: Collection[int]) -> None:
        """UIDs to which something happened."""
        self.pending.update(changed if self.follows_flags else new)
        self.pending.update(gone)

    def program(self, now: int) -> Program:
        return compile_search(self.key, replace(self.context, now=now))


def check_tag(selected: "Selected", tag: bytes) -> None:
    """Raises Bad when updates come under that tag already."""
    if tag in selected.contexts:
        raise Bad("Another search with UPDATE has this tag")


def follow(
    session: "Session",
    command: Search | Sort | MultiSearch,
    correlator: bytes,
    sorting: Sorting | None,
    found: Sequence[int],
) -> None:
    """Tell the client from now on how the results change, unless that is too much."""
    selected = session.current
    held = sum([len(each.results) for each in selected.contexts.values()])
    if selected.contexts and (len(selected.contexts) >= MOST or held + len(found) > MOST_RESULTS):
        refuse(session, command.tag, "Too many results are kept up to date already")
        return
    scope = scope_of_selected(session)
    key = _by_uid(command.key, scope.uids)
    context = scope.context(0)
    selected.contexts[command.tag] = Updating(
        key,
        context,
        getattr(command, "uid", True),
        correlator,
        sorting,
        array("I", found),
        compile_search(key, context).follows_flags,
        command.returns.fetch if command.returns is not None else (),
    )


def refuse(session: "Session", tag: bytes, text: str) -> None:
    """RFC 5267 section 4.3.1."""
    session.write(responses.untagged(b"NO", text, b"NOUPDATE " + responses.string(tag)))


def _by_uid(key: SearchKey, uids: Sequence[int]) -> SearchKey:
    """The key with the messages that its numbers mean now (RFC 5267 section 4.3)."""
    match key:
        case InSet(messages, uid=False) if not messages.saved:
            numbers = range(1, len(uids) + 1)
            ends = []
            for part in merge(messages.ranges(len(uids))):
                known = numbers[max(part.start - 1, 0) : max(part.stop - 1, 0)]
                if known:
                    ends.append((uids[known[0] - 1], uids[known[-1] - 1]))
            return InSet(SequenceSet(tuple(ends)), uid=True)
        case And(keys):
            return And(tuple(_by_uid(each, uids) for each in keys))
        case Or(left, right):
            return Or(_by_uid(left, uids), _by_uid(right, uids))
        case Not(inner):
            return Not(_by_uid(inner, uids))
    return key


async def tell_updates(session: "Session", new: Set[int]) -> dict[int, tuple[FetchItem, ...]]:
    """To be called when messages have their numbers, and those that are gone still have. Returns
    what is to be told of the results among those that are *new*, by UID."""
    selected = session.current
    scope = scope_of_selected(session)
    wanted: dict[int, tuple[FetchItem, ...]] = {}
    for each in selected.contexts.values():
        if each.pending:
            judged = frozenset(each.pending)
            matched = await _judge(session, scope, each, judged)
            await _tell(session, scope, each, judged, matched)
            each.pending -= judged
            if each.fetch:
                for uid in matched & new:
                    wanted[uid] = wanted.get(uid, ()) + each.fetch
    return wanted


async def _judge(session: "Session", scope: Scope, context: Updating, uids: Set[int]) -> set[int]:
    """Those of the messages that are results now."""
    selected = session.current
    program = context.program(int(session.app.clock.seconds()))
    there = [uid for uid in sorted(uids) if not selected.is_gone(uid)]
    places = [place for uid in there if (place := selected.position_of(uid)) >= 0]
    return set(await find_among(session, scope, program, places))


async def _tell(
    session: "Session", scope: Scope, context: Updating, judged: Set[int], matched: set[int]
) -> None:
    if context.sorting is None:
        removed, added = _update_set(context.results, judged, matched)
    else:
        removed = _remove_sorted(context.results, judged - matched)
        new = sorted(matched.difference(context.results)) if matched else []
        added = await _add_sorted(session, scope, context.results, context.sorting, new)
    items = []
    for verb, runs in ((b"REMOVEFROM", removed), (b"ADDTO", added)):
        if runs:
            items.append(update_item(verb, _numbered(session, context, runs)))
    if items:
        session.write(esearch(context.correlator, context.uid, items))
        await session.made_room()


def _numbered(session: "Session", context: Updating, runs: Runs) -> Runs:
    if context.uid:
        return runs
    position_of = session.current.position_of
    return [(place, [position_of(uid) + 1 for uid in uids]) for place, uids in runs]


# In the order of the mailbox the client finds the places itself: position 0.


def _update_set(results: "array[int]", judged: Set[int], matched: set[int]) -> tuple[Runs, Runs]:
    def is_there(uid: int) -> bool:
        place = bisect_left(results, uid)
        return place < len(results) and results[place] == uid

    removed = [uid for uid in sorted(judged) if uid not in matched and is_there(uid)]
    added = [uid for uid in sorted(matched) if not is_there(uid)]
    if removed:
        gone = set(removed)
        results[:] = array("I", [uid for uid in results if uid not in gone])
    if added:
        results[:] = array("I", sorted([*results, *added]))
    return [(0, removed)] if removed else [], [(0, added)] if added else []


# In another order each place is told; neighbours go together.


def _remove_sorted(results: "array[int]", uids: Set[int]) -> Runs:
    runs: Runs = []
    if not uids:
        return runs
    kept = array("I")
    for uid in results:
        if uid not in uids:
            kept.append(uid)
        elif runs and runs[-1][0] == len(kept) + 1:
            runs[-1][1].append(uid)
        else:
            runs.append((len(kept) + 1, [uid]))
    results[:] = kept
    return runs


async def _add_sorted(
    session: "Session", scope: Scope, results: "array[int]", sorting: Sorting, new: list[int]
) -> Runs:
    runs: Runs = []
    if len(new) > _MANY:
        order = await sort_found(session, scope, sorting, sorted([*results, *new]))
        if len(order) == len(results) + len(new):
            results[:] = order
            among = set(new)
            for place, uid in enumerate(order):
                if uid in among:
                    _add(runs, place, uid)
            return runs
        # A message has gone this moment, and the client has to be told where it was.
    rows = await rows_of(session, scope, sorting, new)
    sorting.sort(rows)
    for row in rows:
        place = await _place_of(session, scope, results, sorting, row)
        results.insert(place, row.uid)
        _add(runs, place, row.uid)
        await session.breathe()
    return runs


def _add(runs: Runs, place: int, uid: int) -> None:
    if runs and runs[-1][0] + len(runs[-1][1]) == place + 1:
        runs[-1][1].append(uid)
    else:
        runs.append((place + 1, [uid]))


async def _place_of(
    session: "Session", scope: Scope, results: Sequence[int], sorting: Sorting, row: Row
) -> int:
    """Where the row belongs. The values of a few results are read, not all are kept for it."""
    low, high = 0, len(results)
    while low < high:
        middle = (low + high) // 2
        there = await rows_of(session, scope, sorting, [results[middle]])
        # A message that went this moment is pending, and will be removed wherever it is.
        if there and sorting.precedes(row, there[0]):
            high = middle
        else:
            low = middle + 1
    return low
