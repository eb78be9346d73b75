"""Passwords at rest: argon2id (RFC 9106)."""

import functools

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

# 19 MiB, two passes, one lane: a login costs some 20 ms of one core, so that a burst of clients
# does not stop the mail of a small machine; a guess costs an attacker the same memory.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
LONGEST_PASSWORD = 1024  # octets: hashing a hostile megabyte is work for nothing


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def verify(hashed: str, password: str) -> bool:
    """Compare in constant time. A hash that is no hash verifies nothing."""
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def verify_nobody(password: str) -> None:
    """Take as long as `verify`, so that an unknown name answers no sooner than a known one."""
    verify(_nobody(), password)


@functools.cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")
