"""One message on its way through the steps, and what the steps need of the application."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Protocol

from postroom.directory.records import Target
from postroom.directory.store import Directory
from postroom.journeys.store import Event, Journeys
from postroom.mailboxes.store import Mailboxes
from postroom.message.summary import Summary
from postroom.pipeline.accepted import Accepted
from postroom.pipeline.outgoing import Leaving
from postroom.platform.blobs import BlobStore
from postroom.platform.clock import Clock
from postroom.platform.queue import Queue
from postroom.platform.table import Table
from postroom.relay.forwarding import Forwarding
from postroom.relay.outbound import Outbound
from postroom.relay.signing import Signer
from postroom.relay.suppression import Suppression
from postroom.relay.waiting import Waiting


class Rooms(Protocol):
    """What the pipeline needs of the application."""

    @property
    def table(self) -> Table: ...
    @property
    def blobs(self) -> BlobStore: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def mailboxes(self) -> Mailboxes: ...
    @property
    def journeys(self) -> Journeys: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def outbound(self) -> Outbound: ...
    @property
    def forwarding(self) -> Forwarding: ...
    @property
    def suppression(self) -> Suppression: ...
    @property
    def signer(self) -> Signer: ...
    def queue(self, name: str) -> Queue: ...


@dataclass(slots=True)
class Work:
    """One message on its way through the steps."""

    accepted: Accepted
    later: Waiting | None = None  # the record it has waited in
    text: bytes = b""
    summary: Summary | None = None
    targets: dict[str, Target] = field(default_factory=dict)  # by account id
    recipients: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    leaving: Leaving = field(default_factory=Leaving)
    claim: str = ""  # names this set of targets: a later run may find more (an alias was changed)
    waits: bool = False  # entries or reports of it wait for their time
    done: bool = False  # nothing is left to do: it waits for its time, or an earlier run was all
    error: Exception | None = None

    @property
    def is_ours(self) -> bool:
        """Sent by a user of ours, or made by us: it may go anywhere."""
        return bool(self.accepted.account) or self.accepted.ours

    @property
    def leaves(self) -> bool:
        """Whether an entry or a report may refer to the text."""
        return bool(self.leaving.goals or self.leaving.told)

    @property
    def origin(self) -> Event:
        """How it came here, as the first event of its journeys."""
        accepted = self.accepted
        name = accepted.client_name or accepted.helo
        tls = f" with {accepted.tls}" if accepted.tls else ""
        detail = "made here" if accepted.ours else f"from {name} [{accepted.client}]{tls}"
        return Event(accepted.received, "accepted", detail)
