"""What can be put under stress: `postroom up` with two gateways over one embedded store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postroom.app import App, build
from postroom.directory.identifiers import identifier_of
from postroom.mailboxes.rights import parse_rights
from tests.contracts.conftest import World
from tests.flows import house
from tests.flows.falls import empty_queues
from tests.flows.house import House, opened
from tests.running import DOMAIN, PASSWORD, Postroom, kill, running
from tests.stress_imap.player import STABLE
from tests.stress_imap.renamer import RIGHTS
from tests.stress_imap.run import Site

_ENVIRONMENT = {"POSTROOM_PLAINTEXT_ON_LOOPBACK": "yes"}
_OWNER, _VISITOR = "stress", "visitor"
_PATIENCE = 60  # seconds for queues to become empty


class TwoGateways:
    def __init__(self, postroom: Postroom) -> None:
        self._postroom = postroom
        self._apps: list[App] = []
        self.ports = postroom.ports
        self.imap = [postroom.ports["imap"]]  # the kernel chooses the process
        self.address = f"{_OWNER}@{DOMAIN}"
        self.visitor = f"{_VISITOR}@{DOMAIN}"
        self.password = PASSWORD
        self._next = 0

    def kill_a_gateway(self) -> None:
        """The supervisor starts another."""
        pids = self._postroom.pids()
        self._next += 1
        if pid := pids.get(f"gateway-{self._next % 2 + 1}"):
            kill([pid])

    def work(self) -> None:
        """The workers do it."""

    def empty_queues(self) -> None:
        empty_queues(self._postroom, _PATIENCE)

    def app(self) -> App:
        self._apps.append(build({"POSTROOM_DATA": str(self._postroom.data)}))
        return self._apps[-1]

    def close(self) -> None:
        for app in self._apps:
            app.platform.close()


class TwoHouses:
    """Two gateways in one process, over whatever adapters; the functions run when called."""

    def __init__(self, first: House, second: House) -> None:
        self._house = first
        self.ports = first.ports
        self.imap = [first.ports["imap"], second.ports["imap"]]
        self.address = f"{_OWNER}@{DOMAIN}"
        self.visitor = f"{_VISITOR}@{DOMAIN}"
        self.password = house.PASSWORD

    def kill_a_gateway(self) -> None:
        raise NotImplementedError("threads cannot be killed")

    def work(self) -> None:
        assert not self._house.deliver()

    def empty_queues(self) -> None:
        self._house.work()

    def app(self) -> App:
        return self._house.app


@contextmanager
def two_houses(world: World, tls_folder: Path) -> Iterator[TwoHouses]:
    with opened(world, tls_folder) as first, opened(world, tls_folder) as second:
        first.domain()
        for name in (_OWNER, _VISITOR):
            first.account(name)
        site = TwoHouses(first, second)
        make_mailboxes(site)
        yield site


def make_mailboxes(site: Site) -> None:
    app = site.app()
    account = app.directory.account(site.address)
    assert account is not None
    there = {mailbox.name for mailbox in app.mailboxes.all_of(account.id)}
    for name in set(STABLE) - there:
        app.mailboxes.create(account.id, name)
    visitor = identifier_of(app.directory, site.visitor, account)
    for name in STABLE:
        mailbox = app.mailboxes.find(account.id, name)
        app.mailboxes.sharing.change(
            account.id, mailbox.id, visitor, lambda _: parse_rights(RIGHTS)
        )


@contextmanager
def two_gateways(folder: Path) -> Iterator[TwoGateways]:
    with running(folder, [_OWNER, _VISITOR], gateways=2, environment=_ENVIRONMENT) as postroom:
        site = TwoGateways(postroom)
        try:
            make_mailboxes(site)
            yield site
        finally:
            site.close()
