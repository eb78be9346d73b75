"""Everything on one machine: gateways, function workers and the HTTP front, in one command.

Started in order (stores, workers, gateways) and stopped in the other: first nobody new comes in,
then sessions finish, then the batches under way, so that Ctrl-C loses and doubles nothing.
"""

import asyncio
import logging
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from local.runtime import health
from local.runtime.processes import Child
from local.runtime.template import Template, read_template
from postroom.errors import BadSetting, PostroomError
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemClock

log = logging.getLogger(__name__)

# POSTROOM_TEMPLATE: another one, to try a change of timings without a deployment.
TEMPLATE = Path(os.environ.get("POSTROOM_TEMPLATE") or Path(__file__).parents[2] / "template.yaml")
_PATIENCE_AT_START = 60.0  # seconds
_PATIENCE_AT_STOP = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. ``environment`` is what the children get: the POSTROOM_* settings."""

    data: Path
    bind: str
    http: int  # port, 0 for none
    gateways: int
    workers: int
    environment: Mapping[str, str]
    ready_file: Path | None = None


class Supervisor:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._template = read_template(TEMPLATE)
        self._children: list[Child] = []
        self._stop = asyncio.Event()
        self._store = EmbeddedStore(plan.data, SystemClock())
        declare_queues(self._store, self._template)

    async def run(self, when_ready: Callable[[], None]) -> None:
        """Run until SIGINT or SIGTERM. Raises NotReady, BadSetting."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        front: uvicorn.Server | None = None
        with tempfile.TemporaryDirectory(prefix="postroom-") as folder:
            workers = [self._worker(number, Path(folder)) for number in range(self._plan.workers)]
            gateways = [
                self._gateway(number, Path(folder)) for number in range(self._plan.gateways)
            ]
            self._children = [*workers, *gateways]
            try:
                for group in (workers, gateways):
                    await asyncio.gather(*(child.start() for child in group))
                    await asyncio.gather(*(child.ready(_PATIENCE_AT_START) for child in group))
                if self._plan.http:
                    front = await self._open_front()
                if self._plan.ready_file is not None:
                    self._plan.ready_file.write_text("ready\n")
                when_ready()
                await self._stop.wait()
            finally:
                log.info("stopping: sessions and batches under way finish first")
                for group in (gateways, workers):
                    await asyncio.gather(*(child.stop(_PATIENCE_AT_STOP) for child in group))
                if front is not None:
                    front.should_exit = True
                    await asyncio.sleep(0.1)
                self._store.close()

    def _worker(self, number: int, folder: Path) -> Child:
        environment = {**self._plan.environment, "POSTROOM_SCHEDULES": "off" if number else "on"}
        arguments = ["-m", "local.runtime.worker", str(TEMPLATE)]
        return Child(f"worker-{number + 1}", arguments, environment, folder)

    def _gateway(self, number: int, folder: Path) -> Child:
        return Child(f"gateway-{number + 1}", ["-m", "gateway"], self._plan.environment, folder)

    async def _open_front(self) -> uvicorn.Server:
        bind, port = self._plan.bind, self._plan.http
        server = health.server(bind, port, self._report)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        try:  # here, because uvicorn ends the process when it cannot
            sockets = [_listening(address.strip(), port) for address in bind.split(",")]
        except OSError as error:
            raise BadSetting(f"cannot listen on {bind} port {port} for http: {error}") from error
        task = asyncio.create_task(server._serve(sockets))
        while not server.started:
            if task.done():
                raise BadSetting(f"the HTTP front on {bind} port {port} ended at start")
            await asyncio.sleep(0.02)
        return server

    def _report(self) -> dict[str, Any]:
        children = [
            {"name": child.name, "alive": child.alive, "pid": child.pid, "restarts": child.restarts}
            for child in self._children
        ]
        try:
            queues = {
                name: dict(zip(("waiting", "taken"), self._store.queue(name).depth(), strict=True))
                for spec in self._template.queues
                for name in (spec.name, f"{spec.name}-dead")
            }
        except PostroomError as error:
            return {"ok": False, "error": str(error), "processes": children}
        return {
            "ok": all(child.alive for child in self._children),
            "processes": children,
            "queues": queues,
        }


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


def declare_queues(store: EmbeddedStore, template: Template) -> None:
    """Give the embedded queues what template.yaml says of them; kept for every process."""
    for queue in template.queues:
        store.queue(queue.name, visibility=queue.visibility, max_receives=queue.max_receives)


def child_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Our own environment with *settings* on top."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", **settings}
