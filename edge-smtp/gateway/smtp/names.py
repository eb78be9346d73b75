"""The client's name: reverse DNS, confirmed forward (RFC 8601 section 2.7.3, "iprev")."""

import asyncio
import ipaddress
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor

from gateway.crossing import Crossing
from gateway.smtp.client import is_public
from postroom.errors import PostroomError
from postroom.platform.resolver import Resolver

_REMEMBERED = 10_000
_AT_ONCE = 8
_MOST_WAITING = 256
_MOST_NAMES = 3  # PTR records looked at: a hostile zone may have thousands


class ClientNames:
    """Looks names up, at most *timeout* seconds each, and remembers them an hour.

    A pool of its own: DNS that hangs must not take the threads that store mail.
    """

    def __init__(self, resolver: Resolver, crossing: Crossing, timeout: float) -> None:
        self._resolver = resolver
        self._crossing = crossing
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="names")
        self._under_way = 0
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()

    async def look_up(self, address: str) -> str:
        """Return the verified name or "". Loopback and private addresses are not looked up."""
        if not is_public(address):
            return ""
        now = asyncio.get_running_loop().time()
        known = self._known.get(address)
        if known is not None and known[0] > now:
            return known[1]
        if self._under_way >= _MOST_WAITING:
            return ""
        name, keep = "", 60.0
        self._under_way += 1
        try:
            asked = self._pool.submit(self._ask, address)
            self._crossing.then(asked, self._done)
            async with asyncio.timeout(self._timeout):
                name = await self._crossing.durable(asked)
            keep = 3600.0
        except (PostroomError, TimeoutError, ValueError, RuntimeError):
            pass  # a name is a courtesy: DNS that fails or lies, or a closed pool, stops no mail
        self._known[address] = (now + keep, name)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return name

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, asked: "Future[str]") -> None:
        self._under_way -= 1

    def _ask(self, address: str) -> str:
        ip = ipaddress.ip_address(address)
        for record in self._resolver.query(ip.reverse_pointer, "PTR").records[:_MOST_NAMES]:
            name = record.rstrip(".").lower()
            confirmed = self._resolver.query(name, "A" if ip.version == 4 else "AAAA").records
            if any(ipaddress.ip_address(found) == ip for found in confirmed):
                return name
        return ""
