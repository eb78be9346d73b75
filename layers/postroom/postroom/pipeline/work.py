"""One message on its way through the steps, and what the steps need of the application."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from postroom.directory.records import Target
from postroom.directory.store import Directory
from postroom.journeys.store import Event, Journeys
from postroom.mailboxes.names import INBOX
from postroom.mailboxes.store import Mailboxes
from postroom.message.summary import Summary
from postroom.pipeline.accepted import Accepted
from postroom.pipeline.outgoing import Leaving
from postroom.platform.blobs import BlobKey, BlobStore
from postroom.platform.clock import Clock
from postroom.platform.queue import Queue
from postroom.platform.table import Put, Table
from postroom.relay.forwarding import Forwarding
from postroom.relay.outbound import Outbound
from postroom.relay.signing import Signer
from postroom.relay.suppression import Suppression
from postroom.relay.waiting import Waiting

if TYPE_CHECKING:  # a function that meets no script loads nothing of them
    from postroom.scripts.store import Scripts
    from postroom.sieve.letter import Letter


class Rooms(Protocol):
    """What the pipeline needs of the application."""

    @property
    def hostname(self) -> str: ...
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
    @property
    def scripts(self) -> "Scripts": ...
    def queue(self, name: str) -> Queue: ...


@dataclass(frozen=True, slots=True)
class Filing:
    """One copy of the message, in one mailbox of an account."""

    mailbox: str  # id
    name: str = INBOX
    flags: frozenset[str] = frozenset()
    edited: BlobKey | None = None  # the text as a script has made it; None: as it came
    summary: Summary | None = None  # of the edited text


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of the message at one account. Without filings it is only told of."""

    filings: tuple[Filing, ...]
    events: tuple[Event, ...] = ()  # besides the filing itself
    noted: tuple[Put, ...] = ()  # records that belong to the effect, such as duplicates seen
    done: bool = False  # by an earlier run: the filings only count as readers of the text


@dataclass(slots=True)
class Work:
    """One message on its way through the steps."""

    accepted: Accepted
    later: Waiting | None = None  # the record it has waited in
    text: bytes = b""
    letter: "Letter | None" = None  # the text as scripts see it
    summary: Summary | None = None
    targets: dict[str, Target] = field(default_factory=dict)  # by account id
    recipients: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    fates: dict[str, Fate] = field(default_factory=dict)  # by account id
    answering: dict[str, list[str]] = field(default_factory=dict)  # address -> forward-paths
    leaving: Leaving = field(default_factory=Leaving)
    waits: bool = False  # entries or reports of it wait for their time
    done: bool = False  # nothing is left to do: it waits for its time, or an earlier run was all
    error: Exception | None = None

    @property
    def is_ours(self) -> bool:
        """Sent by a user of ours, or made by us: it may go anywhere."""
        return bool(self.accepted.account) or self.accepted.ours

    @property
    def copies(self) -> int:
        """How many mailboxes hold the text as it came."""
        return sum(filing.edited is None for fate in self.fates.values() for filing in fate.filings)

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
