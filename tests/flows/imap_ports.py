"""An IMAP server on real ports, in a thread of its own, for clients that block."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

from gateway.tls import open_tls
from tests.conversations.imap_world import World, new_data


class Ports:
    """``imap`` and ``imaps`` are port numbers. Nothing else may be called from another thread,
    but ``world.deliver`` and ``stop``."""

    world: World
    imap: int
    imaps: int
    authority: ssl.SSLContext

    def __init__(self, data: Path, limits: dict[str, Any]) -> None:
        self._data = data
        self._limits = limits
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()
        assert self._ready.wait(20)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        tls = open_tls(None, None, self._data / "tls", ["localhost", "127.0.0.1"])
        self.authority = ssl.create_default_context()
        self.authority.check_hostname = False
        self.authority.verify_mode = ssl.CERT_NONE
        self.world = World(self._data, tls, **self._limits)
        server = self.world.server
        plain = await self._loop.create_server(server, "127.0.0.1", 0)
        secure = await self._loop.create_server(
            server.for_tls(implicit=True),
            "127.0.0.1",
            0,
            ssl=tls.context,
            ssl_shutdown_timeout=1,
        )
        self.imap = plain.sockets[0].getsockname()[1]
        self.imaps = secure.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        plain.close()
        secure.close()
        await self.world.close()


@contextmanager
def ports(shared: Path, own: Path, **limits: Any) -> Iterator[Ports]:
    served = Ports(new_data(shared, own), limits)
    try:
        yield served
    finally:
        served.stop()
