"""What one batch has for each destination, and in which portions it goes there."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from postroom.platform.table import Key
from postroom.relay.entries import Entry
from postroom.relay.pace import Pace
from postroom.relay.parcel import NOT_TRIED, Delivered, Strain
from postroom.relay.recording import Job

_SHARE = 8 * 1024 * 1024  # octets of texts that one thread holds at once, or one larger text

Wish = tuple[bool, bool, bool]  # REQUIRETLS, TLS-Required: No, null reverse-path


@dataclass(slots=True)
class Visit:
    """What a batch has for one destination, and how it went there."""

    domain: str
    pace: Pace
    jobs: list[Job] = field(default_factory=list)
    slot: Key | None = None
    strain: Strain = ""
    reason: str = ""
    good: bool = False  # at least one message was taken

    def note(self, delivered: Delivered) -> None:
        self.strain = delivered.strain
        for outcome in delivered.outcomes.values():
            if outcome.kind == "relayed":
                self.good = True
        for outcome in delivered.outcomes.values():
            if outcome.kind == "deferred":
                self.reason = outcome.reason
                break


def was_tried(delivered: Delivered) -> bool:
    return any(outcome is not NOT_TRIED for outcome in delivered.outcomes.values())


def wish_of(entry: Entry) -> Wish:
    return (entry.requiretls, entry.tls_optional, not entry.reverse_path)


def shares(jobs: list[Job]) -> Iterator[list[Job]]:
    """The jobs in shares whose texts fit into memory together."""
    share: list[Job] = []
    octets = 0
    for job in jobs:
        if share and octets + job.entry.size > _SHARE:
            yield share
            share, octets = [], 0
        share.append(job)
        octets += job.entry.size
    yield share
