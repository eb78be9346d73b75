"""The machine's own clock and randomness, the same on every platform."""

import os
import time
from datetime import UTC, datetime


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def seconds(self) -> float:
        return time.time()


class SystemRandomness:
    def octets(self, count: int) -> bytes:
        return os.urandom(count)
