"""Who is at the other end of the connection, and the limits that hold for one client."""

import ipaddress
from collections import Counter, deque
from dataclasses import dataclass

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(slots=True)
class Client:
    address: str  # IP address, IPv4 never written as an IPv6 one
    name: str = ""  # verified reverse DNS name, "" when unknown or not looked up yet
    tls: str = ""  # "TLSv1.3 TLS_AES_256_GCM_SHA384", "" in the clear


def client_address(host: str) -> str:
    """Drop the scope of ``fe80::1%eth0`` and the prefix of ``::ffff:192.0.2.1``."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host or "127.0.0.1"  # a Unix socket has no name: it is local
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def client_network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that one customer gets in IPv6."""
    if ":" not in address:
        return address
    return address if address == "::1" else str(ipaddress.ip_network(f"{address}/64", strict=False))


def is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


class Rate:
    """Counts events of each key over the last minute, in memory bounded by the limit."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute  # 0: no limit
        self._times: dict[str, deque[float]] = {}
        self._swept = 0.0

    def allow(self, key: str, now: float) -> bool:
        """Count one event at *now* (seconds, any origin) and say whether it is within the limit."""
        if not self._per_minute:
            return True
        if now - self._swept > 60:
            self._swept = now
            self._times = {k: t for k, t in self._times.items() if t[-1] > now - 60}
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = deque(maxlen=self._per_minute)
        if len(times) == self._per_minute and times[0] > now - 60:
            return False
        times.append(now)
        return True


class Connections:
    """Counts connections, in all and of each client."""

    def __init__(self, most: int, most_per_client: int) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._counts: Counter[str] = Counter()
        self.total = 0

    def enter(self, client: str) -> bool:
        """Count one in unless that is too many. Each True needs one `leave`."""
        if self.total >= self._most or self._counts[client] >= self._most_per_client:
            if not self._counts[client]:
                del self._counts[client]
            return False
        self.total += 1
        self._counts[client] += 1
        return True

    def leave(self, client: str) -> None:
        self.total -= 1
        self._counts[client] -= 1
        if not self._counts[client]:
            del self._counts[client]
