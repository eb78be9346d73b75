"""Settings -> the wired application: the only place where adapters and topics meet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from postroom.directory.store import Directory
from postroom.journeys.store import Journeys
from postroom.mailboxes.store import Mailboxes
from postroom.platform.blobs import BlobStore
from postroom.platform.clock import Clock, Randomness
from postroom.platform.queue import Queue
from postroom.platform.resolver import Resolver
from postroom.platform.system import SystemClock, SystemRandomness
from postroom.platform.table import Table
from postroom.platform.topic import Topic
from postroom.settings import Settings


class Platform(Protocol):
    """One set of adapters: postroom.platform.embedded.store or postroom.platform.aws.store."""

    table: Table
    blobs: BlobStore
    topic: Topic
    resolver: Resolver
    # Whether reads answer in microseconds, so that an event loop may do them itself.
    reads_are_local: bool

    def queue(self, name: str) -> Queue:
        """The queue of that lower-case name, its dead-letter queue under "<name>-dead"."""

    def close(self) -> None:
        """Finish writes under way and let go of files and connections."""


@dataclass(frozen=True, slots=True)
class App:
    settings: Settings
    platform: Platform
    clock: Clock
    randomness: Randomness
    directory: Directory
    mailboxes: Mailboxes
    journeys: Journeys

    @property
    def blobs(self) -> BlobStore:
        return self.platform.blobs


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
    return App(
        settings=settings,
        platform=platform,
        clock=clock,
        randomness=randomness,
        directory=Directory(table, clock, randomness),
        mailboxes=Mailboxes(table, platform.blobs, platform.topic, clock, randomness),
        journeys=Journeys(table, clock),
    )
