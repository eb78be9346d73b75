"""What the ManageSieve sessions of a process share."""

import asyncio
from typing import Protocol

from gateway.crossing import Crossing
from gateway.login import Login
from gateway.settings import GatewaySettings
from gateway.tls import Tls
from postroom.app import App


class Member(Protocol):
    """A connection, as the service sees it."""

    def leave(self, text: str) -> None:
        """Say BYE and close as soon as the command under way is done."""

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
        self.draining = False
        self._members: set[Member] = set()

    def enter(self, member: Member) -> None:
        self._members.add(member)

    def left(self, member: Member) -> None:
        self._members.discard(member)

    async def drain(self, seconds: float) -> None:
        """Let commands under way finish, say BYE to everybody; wait at most so long."""
        self.draining = True
        for member in list(self._members):
            member.leave("Shutting down")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._members and loop.time() < deadline:  # noqa: ASYNC110  (no event a member)
            await asyncio.sleep(0.01)
        for member in list(self._members):
            member.abort()
