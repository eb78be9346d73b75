"""What this process may still let an account send, taken from the store in blocks."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from gateway.crossing import Crossing
from postroom.directory.store import Directory
from postroom.errors import PostroomError
from postroom.platform.clock import Clock
from postroom.submission.counts import MESSAGES, RECIPIENTS, Block, Counts, Window

_MOST_ACCOUNTS = 20_000
_LARGEST_BLOCK = 100
_PART = 50  # a block is at most this part of the limit
_LOOK_AGAIN = 60.0  # seconds until an account without a limit is looked at again


class AccountGone(PostroomError):
    """The account was removed or disabled after it logged in."""


@dataclass(slots=True)
class _Held:
    left: int = 0
    until: float = 0.0  # seconds since 1970
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Allowance:
    def __init__(
        self,
        directory: Directory,
        counts: Counts,
        crossing: Crossing,
        clock: Clock,
        *,
        messages_per_hour: int,
        recipients_per_day: int,
    ) -> None:
        """The limits are those of accounts that have none of their own; 0: no limit."""
        self._directory = directory
        self._counts = counts
        self._crossing = crossing
        self._clock = clock
        self._limits = {MESSAGES: messages_per_hour, RECIPIENTS: recipients_per_day}
        self._held: OrderedDict[tuple[str, str], _Held] = OrderedDict()

    def take(self, account: str, window: Window) -> bool:
        """Take one of what this process holds. False: `fetch` must ask the store."""
        held = self._held.get((account, window.name))
        if held is None or held.left <= 0 or held.until <= self._clock.seconds():
            return False
        held.left -= 1
        return True

    async def fetch(self, account: str, window: Window) -> None:
        """Take one, from the store when none is held. Raises LimitReached, AccountGone,
        StoreUnavailable."""
        held = self._held.setdefault((account, window.name), _Held())
        self._held.move_to_end((account, window.name))
        if len(self._held) > _MOST_ACCOUNTS:
            self._held.popitem(last=False)
        async with held.lock:  # many sessions of one account ask once
            while not self.take(account, window):
                block = await self._crossing.slow(self._block, account, window)
                held.left, held.until = block.count, block.until
                self._held[account, window.name] = held

    def give_back(self, account: str, window: Window, count: int) -> None:
        """What was taken for a message that is not sent after all."""
        held = self._held.get((account, window.name))
        if held is not None and count and held.until > self._clock.seconds():
            held.left += count

    def _block(self, account: str, window: Window) -> Block:
        """Runs in the pool."""
        found = self._directory.account_by_id(account)
        if found is None or not found.enabled:
            raise AccountGone(account)
        own = found.messages_per_hour if window is MESSAGES else found.recipients_per_day
        limit = own or self._limits[window]
        if not limit:
            return Block(_LARGEST_BLOCK, self._clock.seconds() + _LOOK_AGAIN)
        wanted = max(1, min(_LARGEST_BLOCK, limit // _PART))
        return self._counts.take(account, window, wanted, limit)
