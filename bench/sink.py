"""Where mail goes that leaves either side: Postfix's own smtp-sink, which counts and forgets."""

import os
import re
import subprocess
import threading
import time

from bench.machine import accepts, wait_until

_BACKLOG = 256


class Sink:
    """One smtp-sink. It offers PIPELINING and 8BITMIME, and not CHUNKING."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._counted = threading.Condition()
        self._messages = 0
        self._last = 0.0

    def start(self) -> None:
        command = ["/usr/sbin/smtp-sink", "-c", "-u", "nobody", f"127.0.0.1:{self.port}"]
        self._process = subprocess.Popen([*command, str(_BACKLOG)], stdout=subprocess.PIPE)
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        wait_until(lambda: accepts(self.port), "smtp-sink")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    @property
    def messages(self) -> int:
        """How many it has given its last 250 for."""
        return self._messages

    def wait_for(self, messages: int, seconds: float = 300) -> float:
        """Return when it had taken that many, in all (perf_counter)."""
        with self._counted:
            if not self._counted.wait_for(lambda: self._messages >= messages, seconds):
                raise TimeoutError(f"the sink has {self._messages} messages, not {messages}")
            return self._last

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        """Its counters come as a line that is written anew at each final dot."""
        assert process.stdout is not None
        handle, rest = process.stdout.fileno(), b""
        while octets := os.read(handle, 65_536):
            now = time.perf_counter()
            *lines, rest = (rest + octets).split(b"\r")
            found = re.search(rb"mesg=(\d+)", lines[-1]) if lines else None
            if found is not None and int(found[1]) > self._messages:
                with self._counted:
                    self._messages, self._last = int(found[1]), now
                    self._counted.notify_all()
