"""A relay whose sockets are real and whose destinations are sinks of the test, by routes."""

from dataclasses import dataclass, field

from postroom.platform.embedded.vault import EmbeddedVault
from postroom.platform.mailer import Mailer
from postroom.platform.resolver import Answer, RecordType
from postroom.platform.sockets import SocketNetwork
from postroom.platform.web import WebFailed
from postroom.relay.destinations.find import Destinations
from postroom.relay.destinations.routes import Routes
from postroom.relay.pace import Paces
from postroom.relay.recording import Recorder
from postroom.relay.run import Relay
from postroom.relay.schedule import Schedule
from postroom.relay.smtp.courier import Courier
from postroom.relay.smtp.limits import ClientLimits
from postroom.relay.suppression import Suppression
from postroom.relay.tls_reports.store import TlsReports
from postroom.relay.waiting import feed
from tests.unit.relay.world import LEASE, World


class NoNames:
    """DNS in which there is nothing."""

    def query(self, name: str, record_type: RecordType) -> Answer:
        return Answer((), exists=False)


class NoWeb:
    def get(self, url: str, *, most: int, timeout: float) -> bytes:
        raise WebFailed(url, "there is no web here")

    def post(self, url: str, body: bytes, content_type: str, *, timeout: float) -> None:
        raise WebFailed(url, "there is no web here")


class NoSignatures:
    def fields(self, domain: str, message: bytes) -> bytes:
        return b""


@dataclass
class Attempts:
    world: World
    mailer: Mailer | None = None
    schedule: Schedule = field(default_factory=Schedule)
    patience: float = 30.0
    limits: ClientLimits = field(default_factory=lambda: ClientLimits(connect=2, quit=0.5))

    def __post_init__(self) -> None:
        world = self.world
        table, clock, randomness = world.store.table, world.clock, world.randomness
        self.tls = TlsReports(table, clock, randomness)
        self.suppression = Suppression(table, clock)
        self.routes = Routes(table, EmbeddedVault(world.folder))
        self.paces = Paces(table, clock, randomness, LEASE)
        recorder = Recorder(
            table,
            clock,
            randomness,
            world.journeys,
            world.outbound,
            self.suppression,
            self.schedule,
            LEASE,
        )
        self.relay = Relay(
            blobs=world.store.blobs,
            clock=clock,
            recorder=recorder,
            routes=self.routes,
            destinations=Destinations(
                NoNames(), NoWeb(), table, clock, randomness, ["mail.example.test"], True
            ),
            courier=Courier(SocketNetwork(), clock, randomness, "mail.example.test", self.limits),
            mailer=self._mailer,
            paces=self.paces,
            tls_reports=self.tls,
            signer=NoSignatures(),
            patience=self.patience,
        )

    def _mailer(self) -> Mailer:
        assert self.mailer is not None
        return self.mailer

    def lead(self, domain: str, port: int) -> None:
        """Mail for the domain goes to that port."""
        self.routes.set(domain, f"smtp://127.0.0.1:{port}?tls=none")

    def run(self) -> None:
        """What the queue holds now, batch by batch."""
        while letters := self.world.letters():
            for start in range(0, len(letters), 10):
                self.relay.process(letters[start : start + 10], 60)

    def tick(self) -> int:
        world = self.world
        return feed(world.store.table, world.store, world.clock, LEASE, 10_000)

    def pass_time(self, seconds: float, step: float = 60) -> None:
        """Minute by minute: a tick, and what it feeds is attempted."""
        end = self.world.clock.time + seconds
        while self.world.clock.time < end:
            self.world.clock.time = min(self.world.clock.time + step, end)
            self.tick()
            self.run()
