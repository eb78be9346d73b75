"""What an attempt means for an entry: done, tried again, given up; who is told. Pure.

RFC 5321 section 4.5.4.1 (retrying), RFC 3461 section 5.2 (who is told), RFC 2852 (DELIVERBY).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import msgspec

from postroom.journeys.store import Event
from postroom.relay.entries import Entry, Goal
from postroom.relay.notices.rules import wanted
from postroom.relay.parcel import Outcome
from postroom.relay.reports import Action, Report, Told
from postroom.relay.schedule import Schedule

_MOST_TOLD = 256 * 1024  # octets of reasons and replies in one report
_EXPIRED = "5.4.7"  # delivery time expired (RFC 3463 section 3.5)


@dataclass(frozen=True, slots=True)
class Settled:
    """``entry`` is what is left to do, due at ``due``; None: everyone's fate is known."""

    entry: Entry | None
    due: int  # milliseconds since 1970
    story: Entry  # with all events, for the journey
    report: Report | None
    failed: tuple[Told, ...]  # also those whose senders are not told


def settle(
    entry: Entry, outcomes: Mapping[str, Outcome], now: int, schedule: Schedule, random: bytes
) -> Settled:
    """Judge one attempt. *outcomes* has all goals of the entry; *now* in milliseconds."""
    judged = [(goal, _final(entry, outcomes[goal.address], now, schedule)) for goal in entry.goals]
    left = tuple(goal for goal, outcome in judged if outcome.kind == "deferred")
    attempts = entry.attempts + 1
    due = _due(entry, attempts, now, schedule, random)
    late = bool(left) and not entry.warned and _is_late(entry, now, schedule)
    told: list[Told] = []
    failed: list[Told] = []
    for goal, outcome in judged:
        action = _action(outcome, late)
        if action is None:
            continue
        until = entry.received + schedule.give_up_after * 1000 if action == "delayed" else 0
        what = _told(goal, action, outcome, now, until)
        if action == "failed":
            failed.append(what)
        if _is_told(entry, goal, action, outcome):
            told.append(what)
    story = entry.with_events(_events(judged, now))
    report = _report(entry, f"{entry.name} {attempts}", told)
    if not left:
        return Settled(None, 0, story, report, tuple(failed))
    after = msgspec.structs.replace(
        story,
        goals=left,
        attempts=attempts,
        next_try=due,
        busy_until=0,
        turned_away=0,
        warned=entry.warned or late,
    )
    return Settled(after, due, story, report, tuple(failed))


def same_for_all(entry: Entry, outcome: Outcome) -> dict[str, Outcome]:
    return dict.fromkeys((goal.address for goal in entry.goals), outcome)


def _final(entry: Entry, outcome: Outcome, now: int, schedule: Schedule) -> Outcome:
    """A deferral whose time is over is a failure."""
    if outcome.kind != "deferred":
        return outcome
    if is_returned_when_late(entry) and now >= entry.deliver_by:
        reason = f"It could not be delivered by the time that was asked for. {outcome.reason}"
        return replace(outcome, kind="failed", status=_EXPIRED, reason=reason)
    if now - entry.received >= schedule.give_up_after * 1000:
        days = _period(schedule.give_up_after)
        reason = f"It could not be delivered for {days}. {outcome.reason}"
        return replace(outcome, kind="failed", status=_EXPIRED, reason=reason)
    return outcome


def _due(entry: Entry, attempts: int, now: int, schedule: Schedule, random: bytes) -> int:
    due = now + int(schedule.pause(attempts, random) * 1000)
    ends = [entry.received + schedule.give_up_after * 1000]
    if is_returned_when_late(entry):
        ends.append(entry.deliver_by)
    if not entry.warned:
        ends += [entry.received + schedule.warn_after * 1000, _tell_by(entry)]
    # What is due when the time is over, a last attempt or a warning, comes then, no pause later.
    return min([due, *(end for end in ends if end > now)])


def _is_late(entry: Entry, now: int, schedule: Schedule) -> bool:
    by = _tell_by(entry)
    return now - entry.received >= schedule.warn_after * 1000 or bool(by and now >= by)


def is_returned_when_late(entry: Entry) -> bool:
    return entry.by_mode.startswith("R") and entry.deliver_by > 0


def _tell_by(entry: Entry) -> int:
    """When its sender is to hear that it is late; 0: never. Where the time was over when we got
    the message, whoever had it before us has told that (RFC 2852)."""
    by_us = entry.by_mode.startswith("N") and entry.deliver_by > entry.received
    return entry.deliver_by if by_us else 0


def _is_told(entry: Entry, goal: Goal, action: Action, outcome: Outcome) -> bool:
    if action == "relayed" and _is_traced(entry, outcome):
        return "NEVER" not in goal.notify
    # Success is the next server's to report when it has taken DSN over (RFC 3461 section 5.2.2).
    if action == "relayed" and outcome.dsn_passed:
        return False
    # What we only forward and another server takes for spam may have a forged sender.
    if not entry.account and action == "failed" and outcome.status.startswith("5.7."):
        return False
    return wanted(goal.notify, action)


def _is_traced(entry: Entry, outcome: Outcome) -> bool:
    """RFC 2852 section 4.1.4: with T each relaying is told; with N that to a server which will not
    tell when it is late (section 4.1.4.2)."""
    mode = entry.by_mode
    return mode.endswith("T") or (mode.startswith("N") and not outcome.by_passed)


def _action(outcome: Outcome, late: bool) -> Action | None:
    if outcome.kind == "deferred":
        return "delayed" if late else None
    return "relayed" if outcome.kind == "relayed" else "failed"


def _told(goal: Goal, action: Action, outcome: Outcome, now: int, until: int) -> Told:
    return Told(
        goal.address,
        action,
        outcome.status,
        outcome.reason,
        now,
        goal.original,
        outcome.reply,
        outcome.peer,
        until,
        more_to_come=outcome.dsn_passed,
    )


def _report(entry: Entry, name: str, told: Iterable[Told]) -> Report | None:
    told = _fitting(tuple(told))
    if not told or not entry.sender:  # the null reverse-path: nobody is told (RFC 5321 4.5.5)
        return None
    return Report(
        entry.queue_id,
        name,
        entry.blob,
        entry.size,
        entry.received,
        entry.sender,
        told,
        entry.ret,
        entry.envid,
        entry.smtputf8,
        entry.message_id,
        entry.account,
        entry.requiretls,
        entry.deliver_by,
    )


def _fitting(told: tuple[Told, ...]) -> tuple[Told, ...]:
    """A peer that answers hundreds of recipients at length must not make a report that no record
    takes: an attempt that cannot be written down is made again and again."""
    texts = [text for what in told for text in (what.reason, what.reply, what.peer)]
    if sum(len(text.encode()) for text in texts) <= _MOST_TOLD:
        return told
    room = _MOST_TOLD // len(texts)
    return tuple(
        msgspec.structs.replace(
            what,
            reason=_cut(what.reason, room),
            reply=_cut(what.reply, room),
            peer=_cut(what.peer, room),
        )
        for what in told
    )


def _cut(text: str, octets: int) -> str:
    return text.encode()[:octets].decode("utf-8", "ignore")


def _events(judged: list[tuple[Goal, Outcome]], now: int) -> list[Event]:
    """One line for all who share a fate."""
    groups: dict[tuple[str, str], list[str]] = {}
    for goal, outcome in judged:
        step = "bounced" if outcome.kind == "failed" else outcome.kind
        said = f"{outcome.reason} ({outcome.reply})" if outcome.reply else outcome.reason
        detail = f"{outcome.peer}: {said}" if outcome.peer else said
        groups.setdefault((step, detail[:500]), []).append(goal.address)
    return [
        Event(now, step, f"{_names(addresses)}: {detail}")
        for (step, detail), addresses in groups.items()
    ]


def _names(addresses: list[str]) -> str:
    more = len(addresses) - 2
    shown = ", ".join(addresses[:2])
    return f"{shown} and {more} more" if more > 0 else shown


def _period(seconds: int) -> str:
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {name}{'s' if count != 1 else ''}"
    return f"{seconds} seconds"
