"""Delivers the parcels of one destination: `attempt` tells what is tried, `fleet` how many at
once."""

from collections.abc import Callable, Sequence

from postroom.platform.clock import Clock, Randomness
from postroom.platform.network import Network
from postroom.relay.parcel import (
    Delivered,
    Host,
    Parcel,
)
from postroom.relay.smtp.attempt import Means
from postroom.relay.smtp.content import Resign
from postroom.relay.smtp.fleet import Fleet, side_by_side
from postroom.relay.smtp.limits import ClientLimits
from postroom.relay.smtp.pool import Lanes, Pool

Done = Callable[[Sequence[tuple[Parcel, Delivered]]], None]


class Courier:
    """May be used by several threads at once, each for another destination."""

    def __init__(
        self,
        network: Network,
        clock: Clock,
        randomness: Randomness,
        hostname: str,
        limits: ClientLimits,
    ) -> None:
        self._means = Means(
            network, clock, randomness, hostname, limits, Pool(clock, limits), Lanes(limits)
        )

    def deliver(
        self,
        parcels: Sequence[Parcel],
        hosts: Sequence[Host],
        budget: float,
        done: Done,
        resign: Resign | None = None,
        width: int = 1,
    ) -> None:
        """Deliver the parcels of one destination, over up to *width* connections at once while
        all goes smoothly, and while there is room for them.

        *budget*: seconds for all of it; a parcel that the time does not suffice for is deferred.
        *resign* gives new signature fields for content that has to be encoded anew. Failures of
        peers and network are outcomes, nothing is raised for them.

        *done* is called after each round, in which every connection has carried one parcel, and
        within a round when some have come to their end and others make us wait. No connection
        takes the next one before it returns.
        """
        fleet = Fleet(self._means, hosts, self._means.clock.seconds() + budget, width)
        position = 0
        try:
            while position < len(parcels):
                round_ = fleet.round(parcels, position)
                position += len(round_)
                steps = [attempt.guarded(parcel, resign) for attempt, parcel in round_]
                for came in side_by_side(steps, self._means.clock):
                    done([(round_[number][1], delivered) for number, delivered in came])
                fleet.look(round_)
        finally:
            fleet.end()

    def close(self) -> None:
        """Say QUIT on all idle connections."""
        self._means.pool.close()
