"""The step that lets wait what leaves, and what is to be told to senders."""

from postroom.pipeline.outgoing import dispatch
from postroom.pipeline.routing import domain_of
from postroom.pipeline.work import Rooms, Work
from postroom.relay.signing import signature


def relay(app: Rooms, works: list[Work]) -> None:
    """Let what leaves wait for the relay, and what is to be told for `bounce`."""
    leaving = [work for work in works if work.leaving.goals or work.leaving.told]
    if not leaving:
        return
    _suppress(app, [work for work in leaving if work.is_ours])
    made = []
    for work in leaving:
        prefix = b""
        if work.is_ours and work.leaving.goals:
            prefix = signature(app.signer, work.text)
        made.append(dispatch(work.accepted, work.leaving, prefix, app.forwarding, work.origin))
        work.waits = any(unit.tickets() for unit in made[-1].units)
    for work, error in zip(leaving, app.outbound.add(made), strict=True):
        work.error = error


def _suppress(app: Rooms, works: list[Work]) -> None:
    """Addresses that have failed for good before are not tried again and again."""
    pairs = [
        (domain_of(work.accepted.reverse_path), address)
        for work in works
        if work.accepted.reverse_path
        for address in work.leaving.goals
    ]
    found = app.suppression.find(pairs) if pairs else {}
    if not found:
        return
    now = int(app.clock.seconds() * 1000)
    for work in works:
        domain = domain_of(work.accepted.reverse_path)
        for address in list(work.leaving.goals):
            entry = found.get((domain, address))
            if entry is not None:
                goal = work.leaving.goals.pop(address)
                work.leaving.told.append(entry.told(address, goal.original, now))
