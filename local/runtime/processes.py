"""Child processes that are started, watched, started again when they die, and stopped in order."""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from postroom.errors import PostroomError

log = logging.getLogger(__name__)

_SHORT_LIFE = 2.0  # seconds: who lives shorter, time after time, is started again later and later
_LONGEST_PAUSE = 10.0  # seconds before a process that keeps dying is started again
_PR_SET_PDEATHSIG = 1  # prctl(2)


class NotReady(PostroomError):
    """A process ended, or took too long, before it said that it was ready."""


class Child:
    """One process, kept alive until `stop`."""

    def __init__(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.restarts = 0
        self._arguments = arguments
        self._ready = folder / f"{name}.ready"
        self._environment = {**environment, "POSTROOM_READY_FILE": str(self._ready)}
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        self._ready.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._arguments,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            preexec_fn=_end_with_parent,
        )

    async def ready(self, patience: float) -> None:
        """Wait until the process says it is ready; from then on it is kept alive."""
        deadline = time.monotonic() + patience
        while not self._ready.exists():
            if not self.alive:
                raise NotReady(f"{self.name} ended at start; its reason stands above")
            if time.monotonic() > deadline:
                raise NotReady(f"{self.name} was not ready within {patience:.0f} seconds")
            await asyncio.sleep(0.02)
        self._keeper = asyncio.create_task(self._keep_alive())

    async def stop(self, patience: float) -> None:
        """Ask it to finish; end it when it takes longer than *patience* seconds."""
        self._stopping = True
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), patience)
        except TimeoutError:
            log.warning("killed: did not finish in time", extra={"child": self.name})
            self._process.kill()
            await self._process.wait()
        if self._keeper is not None:
            self._keeper.cancel()

    async def _keep_alive(self) -> None:
        short_lives = 0  # one after the other
        while True:
            assert self._process is not None  # noqa: S101  (`ready` has seen it run)
            started = time.monotonic()
            code = await self._process.wait()
            if self._stopping:
                return
            self.restarts += 1
            log.error("process died", extra={"child": self.name, "code": code})
            short_lives = short_lives + 1 if time.monotonic() - started < _SHORT_LIFE else 0
            await asyncio.sleep(_pause(short_lives))
            await self._start_again()

    async def _start_again(self) -> None:
        while True:
            try:
                return await self.start()
            except OSError as error:  # no memory or process table left: there may be some later
                log.error("cannot start", extra={"child": self.name, "reason": str(error)})
                await asyncio.sleep(_LONGEST_PAUSE)


def _pause(short_lives: int) -> float:
    """Seconds to wait: none after a single misfortune, then 1, 2, 4…"""
    return min(2.0 ** (short_lives - 2), _LONGEST_PAUSE) if short_lives > 1 else 0


def _end_with_parent() -> None:
    """In the child: be asked to finish when the supervisor is killed, and ignore its Ctrl-C."""
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
