"""Doorbells between processes: datagram sockets in a folder, one for each who listens.

A ring is a hint, never the news itself: one that is lost (a listener too slow, a race at start)
costs a little time. A socket whose process is gone refuses its first ring and is removed.
"""

import errno
import os
import secrets
import select
import socket
import threading
import time
from pathlib import Path

LARGEST_RING = 2048  # octets
_FRESH = 0.1  # seconds; a folder changed so lately may change again under the same time stamp


class Bell:
    """A listener's end. Rings queue up in it (the kernel keeps at least ten)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._path = folder / self.name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:  # by way of /proc, because a socket's path may have 107 octets only
            self._socket.bind(f"/proc/self/fd/{handle}/{self.name}")
        finally:
            os.close(handle)

    def wait(self, seconds: float | None) -> bool:
        """Return whether it rings within the time (None: wait for ever)."""
        return bool(self._poll.poll(None if seconds is None else max(0.0, seconds) * 1000))

    def rings(self) -> list[bytes]:
        """Take what has been rung."""
        taken = []
        while True:
            try:
                taken.append(self._socket.recv(LARGEST_RING))
            except OSError:
                return taken

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        self._socket.close()


class Ringer:
    """Rings every bell of a folder. Any thread may use it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._lock = threading.Lock()
        self._bells: list[str] = []
        self._listed = -1  # the folder's time stamp when it was listed; -1: list it again

    def ring(self, message: bytes = b"!", but: str = "") -> None:
        """Never blocks and never fails: who does not take it in time misses it. *but*: the name of
        a bell that is left alone."""
        with self._lock:
            if self._handle < 0:
                return
            for bell in self._all():
                if bell == but:
                    continue
                try:
                    self._socket.sendto(message, f"/proc/self/fd/{self._handle}/{bell}")
                except BlockingIOError:
                    continue  # it has rings enough
                except OSError as error:
                    self._listed = -1
                    if error.errno == errno.ECONNREFUSED:
                        (self._folder / bell).unlink(missing_ok=True)

    def _all(self) -> list[str]:
        changed = os.stat(self._handle).st_mtime_ns
        if changed != self._listed:
            self._bells = os.listdir(self._folder)
            settled = time.time_ns() - changed > _FRESH * 1e9
            self._listed = changed if settled else -1
        return self._bells

    def close(self) -> None:
        with self._lock:
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1
                self._socket.close()
