"""Several connections to one destination, side by side."""

from collections.abc import Iterator, Sequence

from postroom.platform.clock import Clock
from postroom.relay.parcel import (
    Delivered,
    Host,
    Parcel,
)
from postroom.relay.smtp.attempt import Attempt, Means
from postroom.relay.smtp.session import Steps

_LONG = 0.5  # seconds for which outcomes are kept in memory, to be written with others


class Fleet:
    """The attempts that deliver side by side, each with a connection of its own.

    Where one fares badly, that is the affair of the domain in hand: its later parcels share the
    fate, the others get a fresh attempt. A server that cannot be reached or hangs is so for all.
    """

    def __init__(self, means: Means, hosts: Sequence[Host], deadline: float, width: int) -> None:
        self._means = means
        self._hosts = hosts
        self._deadline = deadline
        self._width = width
        self._at_work = [self._new()]
        self._extra = 0  # lanes taken beside the first
        self._server = self._at_work[0].server
        self._of_domain: dict[str, Attempt] = {}  # that has fared badly there
        self._fallen: Attempt | None = None

    def round(self, parcels: Sequence[Parcel], position: int) -> list[tuple[Attempt, Parcel]]:
        """The next parcels, in their order, each with the attempt that carries it."""
        self._grow(len(parcels) - position)
        free = iter(self._at_work)
        chosen: list[tuple[Attempt, Parcel]] = []
        for parcel in parcels[position:]:
            attempt = self._fallen or self._of_domain.get(_domain(parcel))
            if attempt is None:
                attempt = next(free, None)
            if attempt is None or any(attempt is other for other, _ in chosen):
                break
            chosen.append((attempt, parcel))
        return chosen

    def look(self, round_: Sequence[tuple[Attempt, Parcel]]) -> None:
        """Part with those that have fared badly."""
        for attempt, parcel in round_:
            if attempt.goes_well:
                continue
            self._of_domain.setdefault(_domain(parcel), attempt)
            if attempt.has_fallen:
                self._fallen = attempt
            if attempt in self._at_work:
                self._at_work.remove(attempt)
        if not self._at_work:
            self._at_work.append(self._new())
        self._give_back(self._extra - (len(self._at_work) - 1))

    def end(self) -> None:
        for attempt in {*self._at_work, *self._of_domain.values()}:
            attempt.end()
        self._give_back(self._extra)

    def _grow(self, left: int) -> None:
        if self._width > 1 and all(attempt.may_have_company for attempt in self._at_work):
            wanted = min(self._width, left) - len(self._at_work)
            more = self._means.lanes.take(self._server, wanted)
            self._extra += more
            self._at_work += [self._new() for _ in range(more)]

    def _give_back(self, count: int) -> None:
        if count > 0:
            self._means.lanes.give_back(self._server, count)
            self._extra -= count

    def _new(self) -> Attempt:
        return Attempt(self._means, self._hosts, self._deadline)


def _domain(parcel: Parcel) -> str:
    return parcel.recipients[0].address.rpartition("@")[2].lower() if parcel.recipients else ""


def side_by_side(
    several: list[Steps[Delivered]], clock: Clock
) -> Iterator[list[tuple[int, Delivered]]]:
    """Go on with each in turn: while one server thinks, the next one is sent to.

    Yields what they come to, by number: all at once, or those that are there when the others take
    long.
    """
    left = dict(enumerate(several))
    came: list[tuple[int, Delivered]] = []
    since = 0.0
    try:
        while left:
            for number, steps in list(left.items()):
                try:
                    next(steps)
                except StopIteration as end:
                    since = since if came else clock.seconds()
                    came.append((number, end.value))
                    del left[number]
            if came and (not left or clock.seconds() - since > _LONG):
                yield came
                came = []
    finally:
        for steps in left.values():
            steps.close()
