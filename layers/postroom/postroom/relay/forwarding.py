"""Forwarded mail gets a reverse-path in our domain, so that SPF holds for the next hop, and its
bounces find their way back (the Sender Rewriting Scheme).

``SRS0=hash=day=domain=local@ours`` keeps the sender readable; a path that another forwarder
has rewritten becomes ``SRS1=hash=forwarder==rest@ours``, whose bounces go to that forwarder. The
hash is keyed, without regard to case, and good for `_KEPT` days.
"""

import base64
import hmac
import re

from postroom.errors import ConditionFailed
from postroom.platform.clock import Clock, Randomness
from postroom.platform.table import Absent, Key, Put, Table
from postroom.platform.vault import Vault

_KEY = Key("forwarding", "secret")
_KEPT = 21  # days in which a bounce may come back
_DAYS = 1024  # two digits of base 32
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_HASH = 8  # characters of base 32, 40 bits
_SRS = re.compile(r"srs[01][=+-]", re.IGNORECASE)
_SRS0 = re.compile(r"srs0[=+-]([a-z2-7]{8})=([a-z2-7]{2})=([^=@]+)=(.+)", re.IGNORECASE)
_SRS1 = re.compile(r"srs1[=+-]([a-z2-7]{8})=([^=@]+)=([=+-].+)", re.IGNORECASE)


def is_rewritten(address: str) -> bool:
    """Whether the address looks like one that SRS has made."""
    return _SRS.match(address) is not None


class Forwarding:
    def __init__(self, table: Table, vault: Vault, clock: Clock, randomness: Randomness) -> None:
        self._table = table
        self._vault = vault
        self._clock = clock
        self._randomness = randomness
        self._secret = b""

    def rewritten(self, reverse_path: str, domain: str) -> str:
        """The reverse-path for mail that an address in *domain* forwards. "" stays ""."""
        local, at, sender_domain = reverse_path.rpartition("@")
        if not at or sender_domain.lower() == domain.lower():
            return reverse_path
        if _SRS.match(local):
            mark, rest = local[:4].lower(), local[4:]
            if mark == "srs1":  # keep the first forwarder, drop the ones in between
                found = _SRS1.fullmatch(local)
                if found is not None:
                    sender_domain, rest = found[2], found[3]
            kept = f"{sender_domain}={rest}"
            return f"SRS1={self._hash('1' + kept)}={kept}@{domain}"
        day = self._day()
        kept = f"{_DIGITS[day >> 5]}{_DIGITS[day & 31]}={sender_domain}={local}"
        return f"SRS0={self._hash('0' + kept)}={kept}@{domain}"

    def original(self, address: str) -> str | None:
        """Where a bounce to the rewritten address goes; None when it is not ours or too old."""
        local, _, _ = address.rpartition("@")
        found = _SRS0.fullmatch(local)
        if found is not None:
            digest, day, domain, sender = found.groups()
            if self._holds(digest, f"0{day}={domain}={sender}") and self._is_fresh(day.lower()):
                return f"{sender}@{domain}"
            return None
        found = _SRS1.fullmatch(local)
        if found is not None and self._holds(found[1], f"1{found[2]}={found[3]}"):
            return f"SRS0{found[3]}@{found[2]}"
        return None

    def _holds(self, digest: str, kept: str) -> bool:
        return hmac.compare_digest(digest.lower(), self._hash(kept))

    def _hash(self, kept: str) -> str:
        digest = hmac.digest(self._key(), kept.lower().encode("utf-8", "replace"), "sha256")
        return base64.b32encode(digest[:5]).decode().lower()

    def _is_fresh(self, day: str) -> bool:
        then = _DIGITS.index(day[0]) << 5 | _DIGITS.index(day[1])
        return (self._day() - then) % _DAYS <= _KEPT

    def _day(self) -> int:
        return int(self._clock.seconds() // 86_400) % _DAYS

    def _key(self) -> bytes:
        """One secret for all; made by whoever needs it first."""
        while not self._secret:
            found = self._table.get(_KEY)
            if found is not None:
                sealed = found.body["sealed"]
                assert isinstance(sealed, bytes)  # noqa: S101  (we wrote it)
                self._secret = self._vault.open(sealed, "forwarding")
                break
            sealed = self._vault.seal(self._randomness.octets(32), "forwarding")
            try:
                self._table.write(Put(_KEY, {"sealed": sealed}, condition=Absent()))
            except ConditionFailed:
                continue  # somebody else was first: theirs holds
        return self._secret
