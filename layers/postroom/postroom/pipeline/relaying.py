"""The step that lets wait what leaves, and what is to be told to senders."""

from collections.abc import Callable

from postroom.pipeline.outgoing import UNDELIVERABLE, dispatch
from postroom.pipeline.routing import domain_of
from postroom.pipeline.work import Rooms, Work
from postroom.relay.signing import signature

_LEFT = ">"  # how the places of entries begin in journeys


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
        hits = {address: found.get((domain, address)) for address in work.leaving.goals}
        if not any(hits.values()):
            continue
        decided = _decided(app, work.accepted.queue_id)
        for address, entry in hits.items():
            if entry is not None and (decided is None or decided(address)):
                goal = work.leaving.goals.pop(address)
                work.leaving.told.append(entry.told(address, goal.original, now))


def _decided(app: Rooms, queue_id: str) -> Callable[[str], bool] | None:
    """Whether an earlier run has given an address up; None when there was none.

    An address may have come on the list since then, even because this very message has failed: it
    stays with its entry, or its sender would be told twice.
    """
    journeys = app.journeys.trace(queue_id)
    if not any(journey.place.startswith((_LEFT, UNDELIVERABLE)) for journey in journeys):
        return None
    details = [
        event.detail
        for journey in journeys
        if journey.place.startswith(UNDELIVERABLE)
        for event in journey.events
    ]
    return lambda address: any(detail.startswith(f"{address}: ") for detail in details)
