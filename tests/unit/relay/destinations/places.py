"""What the tests of this folder share."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.web import WebFailed
from postroom.relay.destinations.find import Destinations
from postroom.relay.destinations.routes import DEFAULT, Route, Routes
from postroom.relay.parcel import Host
from tests.names import NameServer
from tests.unit.relay.world import SetClock, SteadyRandomness


@dataclass
class Pages:
    """The Web as a table. (The adapter has its own tests, with servers.)"""

    pages: dict[str, bytes | WebFailed] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    posted: list[tuple[str, bytes, str]] = field(default_factory=list)

    def get(self, url: str, *, most: int, timeout: float) -> bytes:
        self.asked.append(url)
        page = self.pages.get(url, WebFailed(url, "status 404"))
        if isinstance(page, WebFailed):
            raise page
        return page

    def post(self, url: str, body: bytes, content_type: str, *, timeout: float) -> None:
        page = self.pages.get(url)
        if isinstance(page, WebFailed):
            raise page
        self.posted.append((url, body, content_type))

    def publish(self, domain: str, text: str) -> None:
        self.pages[_url(domain)] = text.encode()

    def withhold(self, domain: str, kind: str = "sts-policy-fetch-error") -> None:
        self.pages[_url(domain)] = WebFailed(_url(domain), "the test says so", kind)


def _url(domain: str) -> str:
    return f"https://mta-sts.{domain}/.well-known/mta-sts.txt"


@dataclass
class Places:
    store: EmbeddedStore
    names: NameServer
    clock: SetClock = field(default_factory=SetClock)
    pages: Pages = field(default_factory=Pages)
    own: tuple[str, ...] = ("mail.ours.test", "203.0.113.1", "2001:db8::1")
    allow_loopback: bool = False
    destinations: Destinations = field(init=False)
    routes: Routes = field(init=False)

    def __post_init__(self) -> None:
        self.routes = Routes(self.store.table, self.store.vault)
        self.restart()

    def restart(self) -> None:
        """A new process: what it had in memory is gone."""
        self.destinations = Destinations(
            self.names.resolver(timeout=1.0),
            self.pages,
            self.store.table,
            self.clock,
            SteadyRandomness(),
            self.own,
            self.allow_loopback,
        )

    def hosts(
        self, domain: str, route: Route = DEFAULT, *, requiretls: bool = False
    ) -> tuple[Host, ...]:
        return self.destinations.hosts(domain, route, requiretls=requiretls)

    def route(self, url: str, password: str = "") -> Route:
        return self.routes.set("*", url, password)


@contextmanager
def opened(folder: Path, names: NameServer) -> Iterator[Places]:
    clock = SetClock()
    store = EmbeddedStore(folder / "store", clock)
    try:
        yield Places(store, names, clock)
    finally:
        store.close()
