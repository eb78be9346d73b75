"""Opens the listening sockets, and closes the house in order."""

import asyncio
import logging
import socket
from contextlib import suppress

from gateway.door import Door, Drain, House, Service
from gateway.settings import ANY_PORT, GatewaySettings
from gateway.tls import Tls
from postroom.errors import BadSetting

log = logging.getLogger("postroom.listeners")

_BACKLOG = 1024
_GOODBYE = 2.0  # seconds for the last octets to leave, when draining
_LOOK = 0.05  # seconds between looks at who is still here, when draining
_SWEEP = 1.0  # seconds between sweeps of closed connections


class Listeners:
    """The doors of one process.

    Sockets are opened with SO_REUSEPORT, so that several processes share a port and the kernel
    spreads connections among them.
    """

    def __init__(self, settings: GatewaySettings, tls: Tls) -> None:
        self._settings = settings
        self._house = House(settings, tls)
        self._drains: list[Drain] = []
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.Task[None] | None = None
        self.addresses: dict[str, list[tuple[str, int]]] = {}

    @property
    def connections(self) -> int:
        self._house.sweep(asyncio.get_running_loop().time())
        return self._house.connections.total

    async def open(self, service: Service, port: int) -> None:
        """Accept connections for the service on every address of the settings. 0 does nothing.

        Raises BadSetting when an address or port cannot be had.
        """
        if port == 0:
            return
        loop = asyncio.get_running_loop()
        for address in self._settings.bind:
            sock = _listening_socket(address, 0 if port == ANY_PORT else port, service.name)
            name = sock.getsockname()
            if port == ANY_PORT:
                port = name[1]  # the same on the next address
            server = await loop.create_server(
                lambda: Door(self._house, service), sock=sock, backlog=_BACKLOG
            )
            self._servers.append(server)
            self.addresses.setdefault(service.name, []).append((name[0], name[1]))
        if service.drain not in self._drains:
            self._drains.append(service.drain)
        if self._sweeper is None:
            self._sweeper = loop.create_task(self._keep_sweeping())

    def ready_line(self) -> str:
        """``ready smtp=127.0.0.1:2525 imap=127.0.0.1:2143``"""
        words = [
            f"{name}=[{host}]:{port}" if ":" in host else f"{name}={host}:{port}"
            for name, addresses in self.addresses.items()
            for host, port in addresses
        ]
        return " ".join(["ready", *words])

    async def drain(self, patience: float) -> int:
        """Accept nobody new, ask everybody to finish, wait up to *patience* seconds.

        Returns how many connections had to be cut off.
        """
        loop = asyncio.get_running_loop()
        self._house.closing = True
        for server in self._servers:
            server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        log.info("draining", extra={"connections": self.connections})
        for visit in list(self._house.visits.values()):
            if isinstance(visit.protocol, Door):  # still in its handshake
                visit.transport.abort()
        ended = await asyncio.gather(
            *(drain(patience) for drain in self._drains), return_exceptions=True
        )
        for outcome in ended:
            if isinstance(outcome, BaseException):
                log.error("drain failed", exc_info=outcome)
        deadline = loop.time() + min(patience, _GOODBYE)
        leaving = list(self._house.visits.values())
        while leaving := [visit for visit in leaving if not _has_left(visit.transport)]:
            if loop.time() >= deadline:
                break
            await asyncio.sleep(_LOOK)
        for visit in leaving:
            visit.transport.abort()
        await asyncio.sleep(0)
        return len(leaving)

    async def _keep_sweeping(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP)
            self._house.sweep(loop.time())


def _has_left(transport: asyncio.Transport) -> bool:
    if not transport.is_closing():
        return False
    with suppress(Exception):  # a closed transport may refuse to be asked
        return transport.get_write_buffer_size() == 0
    return True


def _listening_socket(address: str, port: int, service: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # "::" must not take the IPv4 port as well: "0.0.0.0" is bound for itself.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise BadSetting(
            f"cannot listen on {address} port {port} for {service}: {error}"
        ) from error
    return sock
