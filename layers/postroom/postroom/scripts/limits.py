"""How much one owner may keep."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    script: int = 64 * 1024  # octets of one script
    scripts: int = 50  # of one account, or of one domain
    total: int = 1024 * 1024  # octets of all of them together


LIMITS = Limits()
