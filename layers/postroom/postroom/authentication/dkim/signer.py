"""Signs the mail of our domains. Keys are read and opened once in a while, not for each message."""

from typing import NamedTuple

from postroom.authentication.dkim.keypairs import OpenedKey
from postroom.authentication.dkim.keys import DkimKeys
from postroom.authentication.dkim.signature import digest, signature_field
from postroom.platform.clock import Clock

REMEMBERED = 300  # seconds: so late may a change of keys be noticed, and that there are none
_MOST_DOMAINS = 1_000
_DAY = 86_400


class _Ready(NamedTuple):
    until: float
    lifetime: int  # seconds, 0: no end
    keys: tuple[OpenedKey, ...]
    sealed: dict[bytes, OpenedKey]


class Signer:
    """Safe in any thread: what is remembered is replaced, never altered."""

    def __init__(self, keys: DkimKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._ready: dict[str, _Ready] = {}

    def fields(self, domain: str, message: bytes) -> bytes:
        """DKIM-Signature fields with their CRLFs, to be put in front of the message.

        One for each algorithm, RSA first: verifiers that look at one only know that (RFC 8463
        section 6). b"" when the domain has no keys that sign. Raises StoreUnavailable, and
        SecretUnreadable when the private keys are lost: mail must not leave unsigned unnoticed.
        """
        now = self._clock.seconds()
        ready = self._ready.get(domain)
        if ready is None or ready.until <= now:
            ready = self._read(domain, now, ready)
        if not ready.keys:
            return b""
        digested = digest(message)
        signed = int(now)
        expires = signed + ready.lifetime if ready.lifetime else 0
        return b"".join(
            signature_field(digested, domain, key, signed, expires) for key in ready.keys
        )

    def _read(self, domain: str, now: float, before: _Ready | None) -> _Ready:
        ring = self._keys.ring(domain)
        known = before.sealed if before is not None else {}
        # Opening a key costs a call to KMS, so what is unchanged stays open.
        sealed = {
            key.sealed: known.get(key.sealed) or self._keys.open(key)
            for key in ring.with_state("signing")
        }
        ready = _Ready(now + REMEMBERED, ring.lifetime * _DAY, tuple(sealed.values()), sealed)
        if len(self._ready) >= _MOST_DOMAINS:
            self._ready = {}
        self._ready[domain] = ready
        return ready
