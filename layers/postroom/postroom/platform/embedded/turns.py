"""Turns of several processes at one file, by ``flock``, which wakes the next one at once.

Only for the stores of this folder that share a file. Threads of one process take turns among
themselves before.
"""

import fcntl
import os
from types import TracebackType


class Turns:
    """``with turns:`` holds off the other processes."""

    def __init__(self, path: str) -> None:
        """Makes the files *path*.lock and *path*.next.lock. Raises OSError."""
        self._lock = lock_file(f"{path}.lock")
        self._turnstile = lock_file(f"{path}.next.lock")

    def __enter__(self) -> None:
        # Whoever lets go of a flock may have it again before the one it woke has stirred. So the
        # next in line stands in a turnstile, which keeps everyone else from the lock meanwhile.
        fcntl.flock(self._turnstile, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._turnstile, fcntl.LOCK_UN)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._lock)
        os.close(self._turnstile)


def lock_file(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
