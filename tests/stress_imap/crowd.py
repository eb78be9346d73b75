"""The clients of a run: of which kind, and how often each does what."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from tests.imap_model.commands import Kind
from tests.imap_model.conversation import BYE, CUT
from tests.imap_model.ledger import Ledger, Violation, must
from tests.imap_model.wire import Lost
from tests.stress_imap.renamer import Renamer
from tests.stress_imap.writer import MANY

_EVENTS = "(MessageNew (UID FLAGS) MessageExpunge FlagChange)"
_DELAYED, _AT_ONCE = f"(SELECTED-DELAYED {_EVENTS})", f"(SELECTED {_EVENTS})"
KINDS = (
    Kind("rev1"),
    Kind("rev2", ("IMAP4rev2",), pipelines=True),
    Kind("condstore", ("CONDSTORE",), cuts=0.01),
    Kind("qresync", ("QRESYNC",), cuts=0.03),
    Kind("qresync-rev2", ("QRESYNC", "IMAP4rev2"), compress=True, pipelines=True, cuts=0.03),
    Kind("uidonly", ("UIDONLY", "QRESYNC"), cuts=0.01),
    Kind("uidonly-plain", ("UIDONLY",)),
    Kind("idler", ("QRESYNC",), idles=3.0, cuts=0.05),
    Kind("idler-rev1", idles=3.0),
    Kind("compress", ("CONDSTORE", "IMAP4rev2"), compress=True, cuts=0.02),
    Kind("tunnel", ("QRESYNC",), cuts=0.15),
    Kind("notified", ("QRESYNC", "IMAP4rev2"), notify=_DELAYED, cuts=0.03),
    Kind("told-at-once", ("QRESYNC",), notify=_AT_ONCE, cuts=0.03),
    Kind("told-at-once-rev1", notify=_AT_ONCE),
    Kind("visitor", ("QRESYNC", "IMAP4rev2"), visits=True, idles=1.0, cuts=0.03),
    Kind("visitor-rev1", visits=True, idles=1.0),
)
_STILL_RUNS = 1.0  # seconds for a command whose connection was cut
_AGAIN_MOST = 60  # attempts to come back, while a gateway starts anew


class Guest(Renamer):
    """A client at its daily business."""

    names: asyncio.Lock
    may_lose = False  # connections, since gateways are killed
    address: str
    password: str

    async def play(self, until: Callable[[], bool]) -> None:
        tries = 0
        while not until():
            try:
                await self.step()
                tries = 0
            except Lost as lost:
                ours = str(lost) in (CUT, BYE)
                tries += not ours
                must(ours or self.may_lose, f"{self.name}: {lost}, and no gateway was killed")
                self.ledger.steps[f"lost: {lost}"] += 1
                self.drop()
                if tries > _AGAIN_MOST:
                    raise Violation(f"{self.name} cannot connect: {lost}") from lost
                await asyncio.sleep(self.dice.uniform(0.05, 0.5) * (1 + tries))

    async def come(self) -> None:
        await self.log_in(self.visitor if self.kind.visits else self.address, self.password)
        self.prefix = f"Other Users/{self.address}/" if self.kind.visits else ""

    async def step(self) -> None:
        if not self.connected:
            await self.come()
        if self.view is None:
            await self.change_mailbox()
        await self.learn_new()
        await self.learn_tokens()
        self.cut_next = self.dice.random() < self.kind.cuts
        do = self._next()
        await do()
        self.cut_next = False
        self.ledger.steps[do.__name__] += 1
        if self.view is None:
            return
        await asyncio.sleep(self.dice.choice((0, 0, 0.01, 0.05, 0.2)))

    def _next(self) -> Callable[[], Awaitable[None]]:
        kind, view = self.kind, self.here
        weights: dict[Callable[[], Awaitable[None]], float] = {
            self.noop: 2,
            self.fetch: 2,
            self.search: 1,
            self.search_counts: 0.5,
            self.status: 0.5,
            self.idle_a_while: kind.idles,
            self.pipeline: 2.0 if kind.pipelines else 0,
            self.change_mailbox: 0.7,
            self.append: 0.5 if len(view.uids) > MANY else 2.0,
            self.reconnect: 0.15,
            self.linger: 0.15,
            self.hear_all: 3 if kind.at_once else 0,
            self.names_in_turn: 0 if kind.visits else 0.15,
            self.inbox_in_turn: 0 if kind.visits else 0.01,
        }
        if not view.read_only:
            weights |= {
                self.store: 3,
                self.copy: 0.3 if len(view.uids) > MANY else 1,
                self.move: 1,
                self.expunge: 1,
                self.uid_expunge: 0.5,
                self.delete_some: 2 if len(view.uids) > MANY else 0.1,
                self.replace: 0.7,
                self.close: 0.3,
            }
        return self.dice.choices(list(weights), list(weights.values()))[0]

    async def reconnect(self) -> None:
        self.drop()

    async def names_in_turn(self) -> None:
        async with self.names:
            try:
                await self.change_names()
            except Lost:
                await asyncio.sleep(_STILL_RUNS)  # or the next one would not know what there is
                raise

    async def inbox_in_turn(self) -> None:
        async with self.names:
            await self.empty_inbox()


def crowd(count: int, seed: int, ledger: Ledger, ports: Sequence[int]) -> list[Guest]:
    return [
        Guest(
            f"c{number}",
            KINDS[number % len(KINDS)],
            ledger,
            ports,
            random.Random(f"{seed} {number}"),
        )
        for number in range(count)
    ]
