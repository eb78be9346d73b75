"""Who is at the other end of a connection, also behind a load balancer."""

import asyncio
import ipaddress
from contextvars import ContextVar
from functools import lru_cache

# Set by the listener around the making of a protocol and its ``connection_made``, for a
# connection whose PROXY header told the real address.
proxied_client: ContextVar[str | None] = ContextVar("proxied_client", default=None)


def peer_address(transport: asyncio.BaseTransport) -> str:
    """The client's IP address, for use in ``connection_made``; "127.0.0.1" on a Unix socket."""
    told = proxied_client.get()
    if told is not None:
        return told
    peer = transport.get_extra_info("peername")
    return plain_address(peer[0]) if isinstance(peer, tuple) else "127.0.0.1"


@lru_cache(maxsize=4096)
def plain_address(host: str) -> str:
    """Drop the scope of ``fe80::1%eth0`` and the prefix of ``::ffff:192.0.2.1``."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def client_network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that one customer gets in IPv6."""
    if ":" not in address or address == "::1":
        return address
    try:
        return str(ipaddress.ip_network(f"{address}/64", strict=False))
    except ValueError:
        return address
