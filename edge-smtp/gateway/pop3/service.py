"""What the sessions of all POP3 ports of a process share, and the keeping of their locks."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from gateway.crossing import Crossing
from gateway.login import Login
from gateway.pop3.maildrop import Maildrop
from gateway.settings import GatewaySettings
from gateway.tls import Tls
from postroom.app import App
from postroom.errors import PostroomError
from postroom.mailboxes.maildrop import LEASE

log = logging.getLogger("postroom.pop3")

_RENEW = LEASE / 3  # seconds
_AT_ONCE = 32  # locks that are renewed together


class Member(Protocol):
    """A connection, as the service sees it."""

    @property
    def maildrop(self) -> Maildrop | None: ...
    def leave(self) -> None:
        """Close as soon as the command under way is done."""

    def abort(self) -> None: ...


class Service:
    def __init__(
        self,
        app: App,
        settings: GatewaySettings,
        crossing: Crossing,
        login: Login,
        tls: Tls | None,
    ) -> None:
        self.app = app
        self.settings = settings
        self.crossing = crossing
        self.login = login
        self.tls = tls
        self.members: set[Member] = set()
        self.draining = False
        self._keeper: asyncio.Task[None] | None = None
        self._releases: set[asyncio.Task[None]] = set()

    def enter(self, member: Member) -> None:
        self.members.add(member)
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep_locks())

    def left(self, member: Member) -> None:
        self.members.discard(member)
        if not self.members and self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None

    async def open_maildrop(
        self, open_it: Callable[[App, str, str], Maildrop], account: str, owner: str
    ) -> Maildrop:
        """Open it in the pool; when the client leaves meanwhile, unlock it again."""
        loop = asyncio.get_running_loop()
        opening = loop.create_task(self.crossing.slow(open_it, self.app, account, owner))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._keep(loop.create_task(self._release_opened(opening)))
            raise

    def release(self, maildrop: Maildrop) -> None:
        """Unlock a maildrop whose client has gone without QUIT; nothing is deleted."""
        self._keep(asyncio.get_running_loop().create_task(self._release(maildrop)))

    async def drain(self, seconds: float) -> None:
        """Let commands under way finish, close, unlock; wait at most so long."""
        self.draining = True
        for member in list(self.members):
            member.leave()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (self.members or self._releases) and loop.time() < deadline:  # noqa: ASYNC110  (two sets)
            await asyncio.sleep(0.01)
        for member in list(self.members):
            member.abort()

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)

    async def _release_opened(self, opening: "asyncio.Task[Maildrop]") -> None:
        try:
            await self._release(await opening)
        except PostroomError as error:  # it was not opened
            log.info("maildrop not opened", extra={"reason": str(error)})

    async def _release(self, maildrop: Maildrop) -> None:
        try:
            await self.crossing.slow(maildrop.lock.release)
        except PostroomError as error:  # the lock ends by itself
            log.warning("maildrop not unlocked", extra={"reason": str(error)})

    async def _keep_locks(self) -> None:
        while True:
            await asyncio.sleep(_RENEW)
            held = [member.maildrop for member in self.members if member.maildrop is not None]
            for first in range(0, len(held), _AT_ONCE):
                together = held[first : first + _AT_ONCE]
                await asyncio.gather(*(self._renew(maildrop) for maildrop in together))

    async def _renew(self, maildrop: Maildrop) -> None:
        try:
            if not await self.crossing.slow(maildrop.lock.renew):
                log.warning("maildrop lock lost", extra={"account": maildrop.inbox.account})
        except PostroomError as error:
            log.warning("maildrop lock not renewed", extra={"reason": str(error)})
