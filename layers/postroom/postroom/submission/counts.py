"""How much an account has sent in this hour and today, counted in the store for all processes.

Windows begin with the hour and the day of UTC. One record for each account and window,
``sending/<account>``:``<window>``; a process takes a block at a time, so that most messages cost
no write. What a process has taken and not used when it ends counts as sent: a few in a hundred.
"""

from dataclasses import dataclass

from postroom.errors import ConditionFailed, PostroomError, StoreUnavailable
from postroom.platform.clock import Clock
from postroom.platform.table import Absent, Condition, Holds, Key, Put, Table

_TRIES = 100  # each lost to another process that took a block in the same moment


@dataclass(frozen=True, slots=True)
class Window:
    name: str
    seconds: int


MESSAGES = Window("messages", 3600)
RECIPIENTS = Window("recipients", 86_400)


class LimitReached(PostroomError):
    """Nothing is left in the window; the next one begins in *wait* seconds."""

    def __init__(self, window: Window, limit: int, wait: float) -> None:
        sent = f"sent {_some(limit, 'message')} in this hour"
        if window is RECIPIENTS:
            sent = f"sent to {_some(limit, 'recipient')} today"
        super().__init__(f"You have {sent}, the limit is {limit}; try again in {_in_words(wait)}")


@dataclass(frozen=True, slots=True)
class Block:
    """So many may be sent until then."""

    count: int
    until: float  # seconds since 1970


class Counts:
    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def take(self, account: str, window: Window, wanted: int, limit: int) -> Block:
        """Count up to *wanted* as sent, one at least. Durable on return.

        Near the limit a block is smaller, so that processes leave each other something. Raises
        LimitReached, StoreUnavailable.
        """
        key = Key(f"sending/{account}", window.name)
        for _ in range(_TRIES):
            found = self._table.get(key)
            now = self._clock.seconds()
            number = int(now) // window.seconds
            until = (number + 1) * window.seconds
            state = str(found.body["state"]) if found is not None else ""
            before, _, counted = state.partition("/")
            sent = int(counted) if before == str(number) else 0
            if sent >= limit:
                raise LimitReached(window, limit, until - now)
            count = min(wanted, max(1, (limit - sent) // 10))
            condition: Condition = Absent() if found is None else Holds("state", state)
            body = {"state": f"{number}/{sent + count}"}
            try:
                self._table.write(Put(key, body, expires=until + 3600, condition=condition))
            except ConditionFailed:
                continue
            return Block(count, until)
        raise StoreUnavailable(f"others counted for {account} {_TRIES} times at the same moment")


def _in_words(seconds: float) -> str:
    minutes = max(1, -(-int(seconds) // 60))
    if minutes < 120:
        return _some(minutes, "minute")
    return f"{minutes // 60} hours"


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
