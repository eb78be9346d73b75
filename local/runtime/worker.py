"""One worker process: polls the queues and keeps the schedules of every function.

``python -m local.runtime.worker TEMPLATE`` with the settings in POSTROOM_* variables. It plays
Lambda's event source mapping: take a batch, call the function, delete what succeeded; what
failed comes back after the queue's visibility time-out and at last goes to the dead letters.
"""

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from gateway.logs import configure_logging
from local.runtime.invoke import (
    Handler,
    close,
    failed_letters,
    invoke,
    load,
    schedule_event,
    sqs_event,
)
from local.runtime.template import FunctionSpec, QueueTrigger, ScheduleTrigger, read_template
from postroom.app import open_platform
from postroom.errors import PostroomError
from postroom.platform.queue import LARGEST_BATCH, Letter, Queue
from postroom.platform.system import SystemClock
from postroom.settings import Settings

log = logging.getLogger(__name__)

_GATHERED = 5  # batches in one call
_WAIT = 1.0  # seconds a poll waits for a letter: the longest that a stop waits for an idle worker
_PAUSE = 1.0  # seconds after a failed poll, so that a full disk does not become a busy loop
_NICENESS = 15  # accepting mail and answering clients come before sorting what is safe already


class Worker:
    def __init__(self, template: Path, settings: Settings, *, schedules: bool) -> None:
        self._functions = read_template(template).functions
        self._clock = SystemClock()
        self._platform = open_platform(settings, self._clock)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        for function in self._functions:
            os.environ.update(
                {
                    name: value
                    for name, value in function.environment.items()
                    if name not in os.environ
                }
            )
            handler = load(function)
            for trigger in function.queues:
                queue = self._platform.queue(trigger.queue)
                for _ in range(function.pollers):
                    self._add(function.name, self._poll, function, handler, trigger, queue)
            for schedule in function.schedules if schedules else ():
                self._add(function.name, self._keep, function, handler, schedule)

    def run(self) -> None:
        """Work until `stop`, then finish the batches under way."""
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()
        for function in self._functions:
            close(function)
        self._platform.close()

    def stop(self) -> None:
        self._stop.set()

    def _add(self, name: str, target: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, name=name))

    def _poll(
        self, function: FunctionSpec, handler: Handler, trigger: QueueTrigger, queue: Queue
    ) -> None:
        while not self._stop.is_set():
            try:
                letters = _gather(queue, trigger.batch, 1 if function.pollers > 1 else _GATHERED)
                if not letters:
                    continue
                answer = invoke(function, handler, sqs_event(trigger.queue, letters))
                failed = failed_letters(answer, letters)
                done = [letter.receipt for letter in letters if letter.id not in failed]
                for start in range(0, len(done), LARGEST_BATCH):
                    queue.delete(done[start : start + LARGEST_BATCH])
            except PostroomError as error:
                log.warning(
                    "store unavailable", extra={"queue": trigger.queue, "error": str(error)}
                )
                self._stop.wait(_PAUSE)
            except Exception:  # a function may raise anything; its letters come back by themselves
                log.exception("function failed", extra={"function": function.name})
                self._stop.wait(_PAUSE)

    def _keep(self, function: FunctionSpec, handler: Handler, schedule: ScheduleTrigger) -> None:
        while not self._stop.wait(schedule.every):
            try:
                now = self._clock.now().isoformat(timespec="seconds")
                invoke(function, handler, schedule_event(schedule.name, now))
            except Exception:  # the next turn comes; the reason is in the log
                log.exception("function failed", extra={"function": function.name})


def _gather(queue: Queue, batch: int, batches: int) -> list[Letter]:
    """What a call gets: a batch, and when more letters wait, some batches at once.

    A commit costs more than what is in it, so that a batch of fifty costs little more than one of
    ten. Nobody is kept waiting for a batch to fill. What several pollers share stays divided.
    """
    letters = queue.receive(batch, _WAIT)
    more = letters
    while len(more) == batch and len(letters) < batch * batches:
        more = queue.receive(batch)
        letters += more
    return letters


def main() -> None:
    configure_logging(os.environ.get("POSTROOM_LOG", "info"))
    os.nice(_NICENESS)
    # A slow destination keeps a thread here, not a place in the queue.
    os.environ.setdefault("POSTROOM_RELAY_PATIENCE", "5")
    worker = Worker(
        Path(sys.argv[1]),
        Settings.from_environment(os.environ),
        schedules=os.environ.get("POSTROOM_SCHEDULES") == "on",
    )

    def stop(number: int, frame: FrameType | None) -> None:
        worker.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all: the supervisor ends us
    ready = os.environ.get("POSTROOM_READY_FILE")
    if ready:
        Path(ready).write_text("ready\n")
    # What is loaded stays, and a batch makes few cycles: looking for them after each 700 new
    # objects costs a twentieth of the time.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    worker.run()


if __name__ == "__main__":
    main()
