"""Who got an answer already: one for each correspondent in an interval (RFC 5230 section 4.2).

``answered/<account or address>`` : ``<hash of the handle>/<correspondent>`` holds the queue id of
the message that was answered, and is gone when the interval is over.
"""

import hashlib
from enum import Enum

from postroom.errors import ConditionFailed
from postroom.platform.clock import Clock
from postroom.platform.table import Absent, Key, Put, Table

# RFC 6131 section 2 lets a site have a minimum. With none, an answering machine that obeys no rule
# and ours would write to each other without a pause.
SHORTEST = 60  # seconds
_LONGEST_NAME = 600  # octets of a correspondent in a key


class Claim(Enum):
    NEW = "this message is the first in the interval"
    AGAIN = "an earlier run has claimed it for the same message"
    TAKEN = "another message was answered"


class Answered:
    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def claim(
        self, owner: str, handle: str, correspondent: str, queue_id: str, seconds: int
    ) -> Claim:
        """Take the one answer of an interval for a message; a repeat of the same one finds that it
        has it. Raises StoreUnavailable."""
        key = _key(owner, handle, correspondent)
        now = int(self._clock.seconds())
        put = Put(
            key,
            {"queue_id": queue_id, "at": now},
            expires=now + max(seconds, SHORTEST),
            condition=Absent(),
        )
        while True:
            try:
                self._table.write(put)
            except ConditionFailed:
                found = self._table.get(key)
                if found is None:
                    continue  # it has expired between the two
                return Claim.AGAIN if found.body["queue_id"] == queue_id else Claim.TAKEN
            return Claim.NEW


def _key(owner: str, handle: str, correspondent: str) -> Key:
    digest = hashlib.blake2b(handle.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()
    name = correspondent
    if len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        name = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    return Key(f"answered/{owner}", f"{digest}/{name}")
