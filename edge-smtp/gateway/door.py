"""From an accepted connection to the protocol that serves it: PROXY header, limits, TLS."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from gateway.clients import client_network, plain_address, proxied_client
from gateway.limits import Connections, Rate
from gateway.metrics import metrics
from gateway.proxy_protocol import Proxied, ProxyHeader
from gateway.settings import GatewaySettings, is_in
from gateway.tls import Tls, start_tls
from postroom.errors import BadSyntax

log = logging.getLogger("postroom.listeners")

MakeProtocol = Callable[[], asyncio.Protocol]
Drain = Callable[[float], Awaitable[None]]
_SWEEP = 1.0  # seconds between looks for connections that have gone


@dataclass(frozen=True, slots=True)
class Service:
    """One listener. *busy* is what a client hears that finds no room. *drain* lets the
    connections under way finish, says goodbye, and returns when all have gone, or after so many
    seconds; listeners may share one."""

    name: str
    make: MakeProtocol
    busy: bytes
    drain: Drain
    implicit_tls: bool = False


@dataclass(slots=True)
class Visit:
    transport: asyncio.Transport
    client: str  # the network that is counted
    protocol: asyncio.Protocol


@dataclass(slots=True)
class House:
    """What all listeners of a process share: who is inside, and what they may."""

    settings: GatewaySettings
    tls: Tls
    connections: Connections = field(init=False)
    rate: Rate = field(init=False)
    visits: dict[asyncio.Transport, Visit] = field(default_factory=dict)
    closing: bool = False
    swept: float = 0.0

    def __post_init__(self) -> None:
        limits = self.settings
        self.connections = Connections(limits.connections, limits.connections_per_client)
        self.rate = Rate(limits.connection_rate)

    def admit(self, client: str) -> str:
        """Return why this client may not come in, or "" when it may."""
        unlimited = self.settings.is_unlimited(client)
        network = client_network(client)
        now = asyncio.get_running_loop().time()
        if not self.connections.has_room(network, unlimited=unlimited):
            if now - self.swept > _SWEEP / 20:  # a flood must not make us look all the time
                self.sweep(now)
            if not self.connections.has_room(network, unlimited=unlimited):
                return "too many connections"
        if not unlimited and not self.rate.allow(network, now):
            return "too many connections in a minute"
        return ""

    def enter(self, visit: Visit) -> None:
        self.visits[visit.transport] = visit
        self.connections.enter(visit.client)
        metrics.open_connections = self.connections.total

    def sweep(self, now: float) -> None:
        """Forget connections that are closed.

        A protocol may be replaced on its transport (TLS does) and owes us no call when it ends,
        so we look at the transports now and then: a tenth of a microsecond each.
        """
        self.swept = now
        gone = [visit for visit in self.visits.values() if _is_gone(visit.transport)]
        for visit in gone:
            del self.visits[visit.transport]
            self.connections.leave(visit.client)
        metrics.open_connections = self.connections.total


class Door(asyncio.Protocol):
    """Holds a connection until it is known whose it is and, with implicit TLS, until it is
    encrypted; then the service's own protocol takes its place."""

    __slots__ = (
        "_ended",
        "_header",
        "_house",
        "_kept",
        "_service",
        "_task",
        "_timer",
        "_transport",
    )

    def __init__(self, house: House, service: Service) -> None:
        self._house = house
        self._service = service
        self._header: ProxyHeader | None = None
        self._kept = b""  # octets that belong to the protocol
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        address = plain_address(peer[0]) if isinstance(peer, tuple) else "127.0.0.1"
        metrics.connections[self._service.name] += 1
        if is_in(address, self._house.settings.proxy_networks):
            self._header = ProxyHeader()
            self._timer = asyncio.get_running_loop().call_later(
                self._house.settings.handshake_timeout, self._transport.abort
            )
        else:
            self._admit(address, None)

    def data_received(self, data: bytes) -> None:
        if self._header is None:
            self._kept += data
            return
        try:
            found = self._header.receive(data)
        except BadSyntax as error:
            self._turn_away("bad PROXY header", str(error), b"")
            return
        if found is not None:
            self._after_header(found)

    def _after_header(self, found: Proxied) -> None:
        assert self._transport is not None  # noqa: S101  (narrowing: data came from it)
        self._header = None
        self._cancel_timer()
        self._kept = found.leftover
        if found.address:
            self._admit(found.address, found.address)
            return
        peer = self._transport.get_extra_info("peername")
        self._admit(plain_address(peer[0]) if isinstance(peer, tuple) else "127.0.0.1", None)

    def eof_received(self) -> None:
        self._ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._cancel_timer()

    def _admit(self, client: str, told: str | None) -> None:
        assert self._transport is not None  # noqa: S101  (narrowing)
        refusal = "stopping" if self._house.closing else self._house.admit(client)
        if refusal:
            busy = b"" if self._service.implicit_tls else self._service.busy
            self._turn_away(refusal, client, busy)
            return
        # A reply in two segments would wait for the client's delayed acknowledgement.
        _no_delay(self._transport)
        self._house.enter(Visit(self._transport, client_network(client), self))
        if self._service.implicit_tls:
            self._transport.pause_reading()
            self._task = asyncio.get_running_loop().create_task(self._secure(told))
        else:
            self._hand_over(self._transport, told)

    async def _secure(self, told: str | None) -> None:
        assert self._transport is not None  # noqa: S101  (narrowing)
        tls, patience = self._house.tls, self._house.settings.handshake_timeout
        loop = asyncio.get_running_loop()
        handshake = loop.create_task(start_tls(self._transport, self, tls, patience))
        # uvloop reads on after a pause in connection_made: until the handshake has taken the
        # transport over, here, a ClientHello may still come to us.
        await asyncio.sleep(0)
        leftover, self._kept = self._kept, b""
        if leftover:
            loop.call_soon(_feed, self._transport, leftover)
        try:
            secured = await handshake
        except (OSError, TimeoutError) as error:
            metrics.turned_away["handshake"] += 1
            log.info("tls failed", extra={"service": self._service.name, "reason": str(error)})
            self._transport.abort()
            return
        if self._ended:
            secured.close()
            return
        self._hand_over(secured, told)

    def _hand_over(self, transport: asyncio.Transport, told: str | None) -> None:
        assert self._transport is not None  # noqa: S101  (narrowing)
        token = proxied_client.set(told)
        try:
            protocol = self._service.make()
            self._house.visits[self._transport].protocol = protocol
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
        # The catch-all of the door: a connection that nobody serves must not stay open.
        except Exception:
            log.exception("no session", extra={"service": self._service.name})
            self._transport.abort()
            return
        finally:
            proxied_client.reset(token)
        if self._kept:
            kept, self._kept = self._kept, b""
            protocol.data_received(kept)

    def _turn_away(self, reason: str, detail: str, reply: bytes) -> None:
        metrics.turned_away[reason] += 1
        log.info(
            "turned away",
            extra={"service": self._service.name, "reason": reason, "detail": detail},
        )
        if self._transport is not None:
            if reply:
                self._transport.write(reply)
            self._transport.close()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _feed(transport: asyncio.Transport, octets: bytes) -> None:
    """Give TLS what came in the same segment as the PROXY header: the start of a ClientHello."""
    protocol = transport.get_protocol()
    if isinstance(protocol, Door):  # the handshake is over already, without success
        return
    receiver = cast(asyncio.BufferedProtocol, protocol)  # what both loops' TLS is
    while octets:
        buffer = cast(memoryview, receiver.get_buffer(len(octets)))
        size = min(len(buffer), len(octets))
        buffer[:size] = octets[:size]
        octets = octets[size:]
        receiver.buffer_updated(size)


def _is_gone(transport: asyncio.Transport) -> bool:
    return transport.is_closing()


def _no_delay(transport: asyncio.Transport) -> None:
    found = transport.get_extra_info("socket")
    if found is not None:
        with suppress(OSError):  # a Unix socket, or gone already
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
