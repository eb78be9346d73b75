"""What can be put under stress: `postroom up` with two gateways over one embedded store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postroom.app import App, build
from tests.flows.falls import empty_queues
from tests.running import PASSWORD, Postroom, kill, running

_ENVIRONMENT = {"POSTROOM_PLAINTEXT_ON_LOOPBACK": "yes"}
_PATIENCE = 60  # seconds for queues to become empty
NAMES = ("Lists",)  # made before the run, beside what every account has


class TwoGateways:
    def __init__(self, postroom: Postroom, address: str) -> None:
        self._postroom = postroom
        self._apps: list[App] = []
        self.ports = postroom.ports
        self.address = address
        self.password = PASSWORD
        self._next = 0

    def kill_a_gateway(self) -> None:
        """The supervisor starts another."""
        pids = self._postroom.pids()
        self._next += 1
        if pid := pids.get(f"gateway-{self._next % 2 + 1}"):
            kill([pid])

    def empty_queues(self) -> None:
        empty_queues(self._postroom, _PATIENCE)

    def app(self) -> App:
        self._apps.append(build({"POSTROOM_DATA": str(self._postroom.data)}))
        return self._apps[-1]

    def close(self) -> None:
        for app in self._apps:
            app.platform.close()


@contextmanager
def two_gateways(folder: Path) -> Iterator[TwoGateways]:
    with running(folder, ["stress"], gateways=2, environment=_ENVIRONMENT) as postroom:
        site = TwoGateways(postroom, "stress@example.test")
        try:
            app = site.app()
            account = app.directory.account(site.address)
            assert account is not None
            there = {mailbox.name for mailbox in app.mailboxes.all_of(account.id)}
            for name in {*NAMES, "Archive"} - there:
                app.mailboxes.create(account.id, name)
            yield site
        finally:
            site.close()
