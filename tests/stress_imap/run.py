"""A run: the crowd at one account of a running postroom, trouble from outside, and the end."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from postroom.app import App
from tests.imap_model.ledger import Ledger, must
from tests.imap_model.wire import Lost, Wire
from tests.stress_imap.crowd import Guest, crowd
from tests.stress_imap.ending import FRESH, balance, compare
from tests.stress_imap.others import PopProgram, Sender, again_and_again

_SLOW = 4.0  # seconds that the slow client does not read


class Site(Protocol):
    """What is put under stress."""

    @property
    def imap(self) -> Sequence[int]:
        """Ports, of which a client takes any."""

    @property
    def ports(self) -> Mapping[str, int]:
        """The others, by listener."""

    address: str
    visitor: str  # another user, who may do all in the stable mailboxes
    password: str  # of both

    def kill_a_gateway(self) -> None: ...
    def work(self) -> None:
        """What must be done now and then for mail to be delivered."""

    def empty_queues(self) -> None: ...
    def app(self) -> App:
        """The store, to be looked at."""


@dataclass
class Plan:
    seconds: float
    clients: int
    seed: int
    kills: bool = False  # of a gateway, now and then
    report: Callable[[str], None] = field(default=print)


async def play(site: Site, plan: Plan) -> Ledger:
    """Raises Violation. What led to it is printed: the last words of that client."""
    ledger = Ledger()
    end = time.monotonic() + plan.seconds
    guests = crowd(plan.clients + 1, plan.seed, ledger, site.imap)
    names = asyncio.Lock()
    for guest in guests:
        guest.may_lose = plan.kills
        guest.names, guest.address, guest.password = names, site.address, site.password
        guest.visitor = site.visitor
    fresh = guests.pop()
    fresh.kind = FRESH
    dice = random.Random(f"{plan.seed} others")

    def over() -> bool:
        return time.monotonic() > end

    sender = Sender(site.ports["smtp"], site.address, ledger, dice)
    program = PopProgram(site.ports["pop3"], site.address, site.password, ledger, dice)
    works: list[Awaitable[None]] = [_played(guest, over, plan) for guest in guests]
    works.append(again_and_again(sender.step, over))
    works.append(again_and_again(program.step, over))
    works.append(again_and_again(lambda: _work(site), over))
    works.append(again_and_again(lambda: _slow(site, ledger, dice, over), over))
    if plan.kills:
        works.append(again_and_again(lambda: _kill(site, ledger, dice, over), over))
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(_awaited(work))
        await _end(site, plan, ledger, guests, fresh)
    finally:
        for guest in [*guests, fresh]:
            guest.drop()
    return ledger


async def _end(
    site: Site, plan: Plan, ledger: Ledger, guests: Sequence[Guest], fresh: Guest
) -> None:
    await asyncio.to_thread(site.empty_queues)
    app = await asyncio.to_thread(site.app)
    account = app.directory.account(site.address)
    assert account is not None
    await _told(compare(guests, fresh, app, account.id), guests, plan)
    plan.report(balance(ledger, app, account.id))
    plan.report(f"{ledger.commands} commands; steps: {dict(ledger.steps.most_common())}")


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def _played(guest: Guest, over: Callable[[], bool], plan: Plan) -> None:
    await _told(guest.play(over), [guest], plan)


async def _told(work: Awaitable[None], guests: Sequence[Guest], plan: Plan) -> None:
    try:
        await work
    except AssertionError as error:
        plan.report(f"seed {plan.seed}: {error}")
        for guest in guests:
            if len(guests) == 1 or guest.name in str(error):
                plan.report(f"the last words of {guest.name}, {guest.kind}:")
                plan.report(
                    "\n".join(octets.decode("latin-1").rstrip() for octets in guest.history)
                )
        raise


async def _work(site: Site) -> None:
    await asyncio.to_thread(site.work)
    await asyncio.sleep(0.2)


async def _slow(site: Site, ledger: Ledger, dice: random.Random, over: Callable[[], bool]) -> None:
    """Asks for much and does not read; the others must not notice."""
    await asyncio.sleep(dice.uniform(1, 5))
    try:
        wire = await Wire.connect(dice.choice(site.imap))
        login = f'a LOGIN {site.address} "{site.password}"\r\nb EXAMINE INBOX\r\n'
        await wire.send(login.encode() + b"c FETCH 1:* (UID BODY.PEEK[])\r\n" * 300)
        before = sum(ledger.steps.values())
        await asyncio.sleep(_SLOW)
        must(
            over() or sum(ledger.steps.values()) > before + 5,
            "one client that does not read stops others",
        )
        for _ in range(dice.choice((0, 50, 300))):
            await asyncio.wait_for(wire.response(), 30)
        wire.cut()
        ledger.steps["slow client"] += 1
    except Lost:
        ledger.steps["slow client lost"] += 1


async def _kill(site: Site, ledger: Ledger, dice: random.Random, over: Callable[[], bool]) -> None:
    await asyncio.sleep(dice.uniform(15, 45))
    if over():
        return
    await asyncio.to_thread(site.kill_a_gateway)
    ledger.steps["kill -9"] += 1
