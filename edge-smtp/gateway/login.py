"""Checks passwords, SCRAM proofs and tokens: slow for those who guess, cheap for those who log in
again and again."""

import asyncio
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from gateway.clients import client_network
from gateway.crossing import Crossing
from gateway.metrics import metrics
from postroom.directory.records import Account
from postroom.directory.scram import ScramVerifier
from postroom.errors import PostroomError, StoreUnavailable
from postroom.platform.clock import Clock
from postroom.platform.tokens import Tokens

LONGEST_NAME = 320  # octets: 64 + 1 + 255 (RFC 5321 section 4.5.3.1)
_MOST_ENTRIES = 20_000  # in each memory below; the oldest go first
Key = TypeVar("Key")
Value = TypeVar("Value")


class Passwords(Protocol):
    """What we need of postroom.directory.store.Directory."""

    def account(self, address: str) -> Account | None: ...
    def authenticate(self, name: str, password: str) -> Account | None: ...
    def account_by_id(self, account: str) -> Account | None: ...
    def credential_version(self, account: str) -> str | None: ...
    def scram_verifier(self, name: str) -> ScramVerifier: ...


class TooManyFailures(PostroomError):
    """The address or the account has had too many wrong passwords; *wait* seconds are left."""

    def __init__(self, wait: float) -> None:
        self.wait = wait
        self.minutes = max(1, round(wait / 60))
        super().__init__(f"too many failed logins, try again in {self.minutes} minutes")


@dataclass(frozen=True, slots=True)
class LoginLimits:
    remember: float = 45  # seconds in which a right password is not computed again
    window: float = 900  # seconds in which failures are counted
    of_pair: int = 10  # failures of one client at one name
    of_client: int = 30  # failures of one client at any names
    # Failures at one name from anywhere. Clients that have logged in there before are let
    # through, so that a guesser cannot lock the owner out.
    of_name: int = 100
    first_delay: float = 0.5  # seconds; doubles with each failure
    longest_delay: float = 8


@dataclass(slots=True)
class _Failures:
    count: int
    until: float


class Login:
    """One for each process. All memory is bounded."""

    def __init__(
        self,
        directory: Passwords,
        crossing: Crossing,
        clock: Clock,
        *,
        tokens: Tokens | None = None,
        limits: LoginLimits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._directory = directory
        self._crossing = crossing
        self._clock = clock
        self._tokens = tokens
        self._limits = limits or LoginLimits()
        self._sleep = sleep
        # Without this key, which never leaves the process, digests of passwords tell nothing.
        self._key = os.urandom(32)
        self._right: OrderedDict[bytes, tuple[str, Account, float]] = OrderedDict()
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._wrong: OrderedDict[bytes, float] = OrderedDict()
        self._welcome: OrderedDict[str, None] = OrderedDict()
        # Hashing is work for a core: more at once would only be slower for everyone.
        self._cores = asyncio.Semaphore(crossing.cores)
        self._waiting = 0

    async def check(self, name: str, password: str, client: str) -> Account | None:
        """Return the account when the password is right and the account enabled.

        *client* is an IP address. A wrong password is answered after a while that grows. Raises
        TooManyFailures (whatever the password), StoreUnavailable.
        """
        digest = self._digest(name, password)
        remembered = await self._remembered(digest)
        if remembered is not None:
            return remembered
        name = name.lower()
        client = client_network(client)
        self._refuse_guessing(name, client)
        if self._waiting >= 64 * self._crossing.cores:
            raise StoreUnavailable(f"{self._waiting} logins wait for a core already")
        self._waiting += 1
        try:
            async with self._cores:
                # Meanwhile another connection may have shown the same password to be right, or
                # many others theirs to be wrong.
                remembered = await self._remembered(digest)
                if remembered is not None:
                    return remembered
                self._refuse_guessing(name, client)
                account, version = await self._crossing.slow(self._authenticate, name, password)
        finally:
            self._waiting -= 1
        if account is None or version is None:
            await self._slow_down(name, client, digest)
            return None
        self._succeeded(name, client)
        _remember(
            self._right, digest, (version, account, self._clock.seconds() + self._limits.remember)
        )
        return account

    # SCRAM. The computing is the client's: no memory of right proofs is needed.

    @staticmethod
    def random(octets: int) -> bytes:
        """For a nonce."""
        return os.urandom(octets)

    async def verifier(self, name: str, client: str) -> ScramVerifier:
        """Raises TooManyFailures, StoreUnavailable."""
        self._refuse_guessing(name.lower(), client_network(client))
        name = name if len(name) <= LONGEST_NAME else ""
        return await self._crossing.run(self._directory.scram_verifier, name)

    async def proved(
        self, name: str, verifier: ScramVerifier, proof: bytes, client: str, *, right: bool
    ) -> Account | None:
        """Return the account of a right proof, unless account or password changed meanwhile."""
        name, client = name.lower(), client_network(client)
        self._refuse_guessing(name, client)
        account = version = None
        if right:
            account = await self._crossing.run(self._directory.account_by_id, verifier.account)
            version = await self._crossing.run(self._directory.credential_version, verifier.account)
        if account is None or not account.enabled or version != verifier.version:
            # A proof differs each time, so every failure counts: who tried is not known better.
            await self._slow_down(name, client, self._digest(name, proof.hex()))
            return None
        self._succeeded(name, client)
        return account

    # Tokens

    @property
    def takes_tokens(self) -> bool:
        return self._tokens is not None

    async def token(self, name: str, token: str, client: str) -> Account | None:
        """Return the account that an access token stands for; *name* is "" or must be the same.

        Raises TooManyFailures, StoreUnavailable.
        """
        name, client = name.lower(), client_network(client)
        self._refuse_guessing(name, client)
        account = await self._crossing.slow(self._account_of_token, name, token)
        if account is None or not account.enabled:
            await self._slow_down(name, client, self._digest(name, token))
            return None
        self._succeeded(name, client)
        return account

    def _account_of_token(self, name: str, token: str) -> Account | None:
        """Runs in the pool: a signature takes a while."""
        address = self._tokens.account(token) if self._tokens is not None else None
        account = None if address is None else self._directory.account(address)
        if account is None or not name:
            return account
        claimed = self._directory.account(name) if len(name) <= LONGEST_NAME else None
        return account if claimed is not None and claimed.id == account.id else None

    async def _slow_down(self, name: str, client: str, digest: bytes) -> None:
        metrics.login_failures += 1
        await self._sleep(self._failed(name, client, digest))

    def _authenticate(self, name: str, password: str) -> tuple[Account | None, str | None]:
        """Runs in the pool. The version is read first: a password that is changed meanwhile must
        not be remembered under the new version."""
        if len(name) > LONGEST_NAME:
            name = ""
        known = self._directory.account(name)
        version = None if known is None else self._directory.credential_version(known.id)
        return self._directory.authenticate(name, password), version

    async def _remembered(self, digest: bytes) -> Account | None:
        found = self._right.get(digest)
        if found is None:
            return None
        version, account, until = found
        if self._clock.seconds() < until:
            now = await self._crossing.run(self._directory.credential_version, account.id)
            if now is not None and hmac.compare_digest(now.encode(), version.encode()):
                return account
        self._right.pop(digest, None)
        return None

    def _digest(self, name: str, password: str) -> bytes:
        octets = name.lower().encode("utf-8", "surrogatepass")
        octets = len(octets).to_bytes(4, "big") + octets + password.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, octets, hashlib.sha256)

    # Guessing

    def _refuse_guessing(self, name: str, client: str) -> None:
        limits, now = self._limits, self._clock.seconds()
        tallies = [(_pair(name, client), limits.of_pair), (f"client {client}", limits.of_client)]
        if _pair(name, client) not in self._welcome:
            tallies.append((f"name {name[:LONGEST_NAME]}", limits.of_name))
        for key, limit in tallies:
            failures = self._failures.get(key)
            if failures is not None and failures.count >= limit and now < failures.until:
                raise TooManyFailures(failures.until - now)

    def _failed(self, name: str, client: str, digest: bytes) -> float:
        """Count it; return how long to wait with the answer, in seconds."""
        now, limits = self._clock.seconds(), self._limits
        # A phone that keeps trying the old password guesses nothing: it counts once, so that it
        # does not lock out the other devices behind its address.
        again = self._wrong.get(digest, 0) > now
        _remember(self._wrong, digest, now + limits.window)
        keys = (_pair(name, client), f"client {client}", f"name {name[:LONGEST_NAME]}")
        counts = [self._count(key, now, 0 if again else 1) for key in keys]
        delay = limits.first_delay * 2.0 ** min(max(counts[0], counts[1], 1) - 1, 30)
        return min(delay, limits.longest_delay)

    def _count(self, key: str, now: float, more: int) -> int:
        failures = self._failures.get(key)
        if failures is None or failures.until <= now:
            failures = _Failures(0, now + self._limits.window)
        failures.count += more
        _remember(self._failures, key, failures)
        return failures.count

    def _succeeded(self, name: str, client: str) -> None:
        self._failures.pop(_pair(name, client), None)
        _remember(self._welcome, _pair(name, client), None)


def _pair(name: str, client: str) -> str:
    return f"pair {client} {name[:LONGEST_NAME]}"


def _remember(memory: "OrderedDict[Key, Value]", key: Key, value: Value) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _MOST_ENTRIES:
        memory.popitem(last=False)
