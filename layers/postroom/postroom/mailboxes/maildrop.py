"""The exclusive lock of a POP3 maildrop (RFC 1939 section 4), among all processes.

A record with an expiry: a process that dies keeps a user out for ``LEASE`` seconds at most.
"""

from postroom.errors import ConditionFailed
from postroom.platform.clock import Clock
from postroom.platform.table import Absent, Delete, Holds, Key, Put, Table

LEASE = 120  # seconds; whoever holds the lock renews it well before


class MaildropLock:
    """One session's lock. All methods may raise StoreUnavailable."""

    def __init__(self, table: Table, clock: Clock, account: str, owner: str) -> None:
        """*owner* is unique to the session."""
        self._table = table
        self._clock = clock
        self._key = Key(f"account/{account}", "maildrop")
        self._owner = owner

    def acquire(self) -> bool:
        """False: another session has it."""
        try:
            self._table.write(self._put(Absent()))
        except ConditionFailed:
            return False
        return True

    def renew(self) -> bool:
        """Keep it for another ``LEASE`` seconds. False: it was lost, and nothing may be deleted."""
        try:
            self._table.write(self._put(Holds("owner", self._owner)))
        except ConditionFailed:
            return False
        return True

    def release(self) -> None:
        """Let it go. Harmless when it was lost."""
        try:
            self._table.write(Delete(self._key, Holds("owner", self._owner)))
        except ConditionFailed:
            return

    def _put(self, condition: Absent | Holds) -> Put:
        expires = int(self._clock.seconds()) + LEASE
        return Put(self._key, {"owner": self._owner}, expires=expires, condition=condition)
