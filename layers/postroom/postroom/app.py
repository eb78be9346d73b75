"""Settings -> the wired application: the only place where adapters and topics meet."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from postroom.directory.store import Directory
from postroom.journeys.store import Journeys
from postroom.mailboxes.search_index import SearchIndex
from postroom.mailboxes.store import Mailboxes
from postroom.platform.blobs import BlobStore
from postroom.platform.clock import Clock, Randomness
from postroom.platform.name_servers import NameServers
from postroom.platform.queue import Queue
from postroom.platform.resolver import Answer, RecordType, Resolver
from postroom.platform.system import SystemClock, SystemRandomness
from postroom.platform.table import Table
from postroom.platform.text_index import TextIndex
from postroom.platform.topic import Topic
from postroom.platform.vault import Vault
from postroom.relay.forwarding import Forwarding
from postroom.relay.outbound import Outbound
from postroom.relay.suppression import Suppression
from postroom.settings import Settings

if TYPE_CHECKING:
    from postroom.authentication.dkim.keys import DkimKeys
    from postroom.authentication.dkim.signer import Signer
    from postroom.mailboxes.indexing import Indexing
    from postroom.scripts.store import Scripts


class Platform(Protocol):
    """One set of adapters: postroom.platform.embedded.store or postroom.platform.aws.store."""

    table: Table
    blobs: BlobStore
    topic: Topic
    vault: Vault
    text_index: TextIndex
    # Whether reads answer in microseconds, so that an event loop may do them itself.
    reads_are_local: bool

    def queue(self, name: str) -> Queue:
        """The queue of that lower-case name, its dead-letter queue under "<name>-dead"."""

    def close(self) -> None:
        """Finish writes under way and let go of files and connections."""


@dataclass(frozen=True)
class App:
    """What every program is made of. Parts that few of them need are made at first use."""

    settings: Settings
    platform: Platform
    clock: Clock
    randomness: Randomness
    directory: Directory
    mailboxes: Mailboxes
    journeys: Journeys
    outbound: Outbound
    suppression: Suppression

    @property
    def blobs(self) -> BlobStore:
        return self.platform.blobs

    @property
    def table(self) -> Table:
        return self.platform.table

    @property
    def hostname(self) -> str:
        return self.settings.hostname

    def queue(self, name: str) -> Queue:
        return self.platform.queue(name)

    @cached_property
    def resolver(self) -> Resolver:
        return _LazyResolver(self.settings.name_servers)

    @cached_property
    def search_index(self) -> SearchIndex:
        return SearchIndex(self.table, self.platform.text_index)

    @cached_property
    def indexing(self) -> "Indexing":
        from postroom.mailboxes.indexing import Indexing

        return Indexing(
            self.search_index,
            self.platform.text_index,
            self.blobs,
            self.mailboxes,
            self.clock,
            self.randomness,
        )

    @cached_property
    def forwarding(self) -> Forwarding:
        return Forwarding(self.table, self.platform.vault, self.clock, self.randomness)

    @cached_property
    def dkim_keys(self) -> "DkimKeys":
        from postroom.authentication.dkim.keys import DkimKeys

        return DkimKeys(self.table, self.platform.vault, self.clock, self.randomness)

    @cached_property
    def signer(self) -> "Signer":
        from postroom.authentication.dkim.signer import Signer

        return Signer(self.dkim_keys, self.clock)

    @cached_property
    def scripts(self) -> "Scripts":
        from postroom.scripts.store import Scripts

        return Scripts(self.table, self.directory, self.randomness)

    def language_of(self, account: str) -> str:
        """The language that an account's owner wants to be written to in, "" for no wish."""
        found = self.directory.account_by_id(account)
        return found.language if found is not None else ""


def build(environment: Mapping[str, str]) -> App:
    """Wire the application. Raises BadSetting."""
    settings = Settings.from_environment(environment)
    clock, randomness = SystemClock(), SystemRandomness()
    return wire(settings, open_platform(settings, clock), clock, randomness)


def open_platform(settings: Settings, clock: Clock) -> Platform:
    """Open the stores. The adapters are imported here: a cold function loads only its own."""
    if settings.store == "aws":
        from postroom.platform.aws.store import AwsStore

        return AwsStore(settings, clock)
    from postroom.platform.embedded.store import EmbeddedStore

    return EmbeddedStore(settings.data, clock)


def wire(settings: Settings, platform: Platform, clock: Clock, randomness: Randomness) -> App:
    table = platform.table
    journeys = Journeys(table, clock)
    mailboxes = Mailboxes(
        table, platform.blobs, platform.topic, clock, randomness, recall=journeys.root
    )
    return App(
        settings=settings,
        platform=platform,
        clock=clock,
        randomness=randomness,
        directory=Directory(table, clock, randomness),
        mailboxes=mailboxes,
        journeys=journeys,
        outbound=Outbound(table, platform, journeys, mailboxes, clock, settings.lease),
        suppression=Suppression(table, clock),
    )


class _LazyResolver:
    """Loads the DNS library at the first question: most commands and functions never ask one."""

    def __init__(self, servers: NameServers) -> None:
        self._servers = servers
        self._resolver: Resolver | None = None

    def query(self, name: str, record_type: RecordType) -> Answer:
        if self._resolver is None:
            from postroom.platform.dns import DnsResolver

            servers = self._servers
            self._resolver = DnsResolver(servers=servers.addresses, trust_ad=servers.trust_ad)
        return self._resolver.query(name, record_type)
