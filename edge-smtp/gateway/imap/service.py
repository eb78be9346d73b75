"""What the sessions of all IMAP ports of a process share."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.crossing import Crossing
from gateway.imap.appender import Appender
from gateway.imap.limits import ImapLimits
from gateway.imap.room import Room
from gateway.imap.summaries import SummaryCache
from gateway.imap.watchers import Watchers
from gateway.login import Login
from gateway.tls import Tls
from postroom.app import App
from postroom.errors import PostroomError
from postroom.mailboxes.search_index import Task
from postroom.mailboxes.view import View, Views

log = logging.getLogger("postroom.imap")

_MOST_VIEWS = 256  # kept for clients that come back
_MOST_WANTED = 1000
_WANTED_AGAIN = 60.0  # seconds
_PARTS = 60  # in which sessions are reminded: thousands at once would keep the others waiting


class Member(Protocol):
    """A connection, as the service sees it."""

    def leave(self, text: str) -> None:
        """Say BYE and close, as soon as the command under way is done."""

    def abort(self) -> None: ...
    def still_at_it(self, now: float) -> None:
        """Tell the client of a command that takes long. *now*: of the loop's clock."""


@dataclass(slots=True)
class Service:
    app: App
    crossing: Crossing
    login: Login
    limits: ImapLimits
    watchers: Watchers
    views: Views
    summaries: SummaryCache
    searched: Room  # messages of mailboxes that are searched without being selected
    appender: Appender
    tls: Tls | None
    lists_plus: bool  # of SASL, see gateway.authentication.Channel
    plaintext_login: Callable[[str], bool]  # may this client address send a password in clear?
    _recent_views: OrderedDict[str, View] = field(default_factory=OrderedDict)  # by mailbox id
    _wanted_indexes: OrderedDict[str, float] = field(default_factory=OrderedDict)  # when
    _members: set[Member] = field(default_factory=set)
    _chores: set[asyncio.Task[None]] = field(default_factory=set)
    _draining: bool = False
    _empty: asyncio.Event = field(default_factory=asyncio.Event)
    _look_again: asyncio.TimerHandle | None = None
    _reminded: int = 0  # how many times
    _tick: asyncio.TimerHandle | None = None

    def keep(self, view: View) -> None:
        """Hold on to the view for a while: clients come back to a mailbox, and then it is only
        brought up to date."""
        views, size = self._recent_views, self.limits.view_messages
        views[view.mailbox.id] = view
        views.move_to_end(view.mailbox.id)
        held = sum(len(each) for each in views.values())
        while len(views) > _MOST_VIEWS or (held > size and views):
            _, oldest = views.popitem(last=False)
            held -= len(oldest)

    def enter(self, member: Member) -> str:
        """Count the connection in. Returns why it cannot stay, "" when it can."""
        self._members.add(member)
        if self._draining:
            return "Shutting down"
        if len(self._members) > self.limits.connections:
            return "Too many connections, try again later"
        if self._look_again is None:
            self._wait_to_look_again()
            self._wait_to_tick()
        return ""

    def left(self, member: Member) -> None:
        self._members.discard(member)
        if not self._members:
            self._empty.set()
            if self._look_again is not None:
                self._look_again.cancel()
                self._look_again = None
            if self._tick is not None:
                self._tick.cancel()

    def want_index(self, task: Task) -> None:
        """Let the search index of a mailbox be brought up to date, if it was not asked for just
        now: the letters of many searches would say the same."""
        now = asyncio.get_running_loop().time()
        wanted = self._wanted_indexes
        if not task.broken and wanted.get(task.mailbox, 0.0) > now - _WANTED_AGAIN:
            return
        wanted[task.mailbox] = now
        wanted.move_to_end(task.mailbox)
        if len(wanted) > _MOST_WANTED:
            wanted.popitem(last=False)
        self.later(lambda: self.app.queue("index").send(task.to_json()))

    def later(self, function: Callable[[], object]) -> None:
        """Call the function in the pool; nobody waits for it."""
        chore = asyncio.get_running_loop().create_task(self._call(function))
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    async def _call(self, function: Callable[[], object]) -> None:
        try:
            await self.crossing.slow(function)
        except PostroomError as error:
            log.warning("left undone", extra={"reason": str(error)})

    def _wait_to_look_again(self) -> None:
        loop = asyncio.get_running_loop()
        seconds = self.limits.look_again_seconds / _PARTS
        self._look_again = loop.call_later(seconds, self._remind_some)

    def _remind_some(self) -> None:
        self._reminded += 1
        self.watchers.remind(self._reminded % _PARTS, _PARTS)
        self._wait_to_look_again()

    def _wait_to_tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._tick = loop.call_later(self.limits.progress_seconds / 2, self._look_who_waits)

    def _look_who_waits(self) -> None:
        """One timer for all: most commands are done long before anybody could look."""
        now = asyncio.get_running_loop().time()
        for member in list(self._members):
            member.still_at_it(now)
        self._wait_to_tick()

    async def drain(self, seconds: float) -> None:
        self._draining = True
        self._empty.clear()
        for member in list(self._members):
            member.leave("Shutting down")
        if self._members:
            try:
                await asyncio.wait_for(self._empty.wait(), seconds)
            except TimeoutError:
                for member in list(self._members):
                    member.abort()
        if self._chores:
            await asyncio.wait(self._chores)
        self.watchers.close()
