"""Port: secrets at rest (private keys, passwords of smarthosts) are kept sealed."""

from typing import Protocol

LARGEST_SECRET = 4096  # octets, what KMS takes


class Vault(Protocol):
    def seal(self, secret: bytes, context: str) -> bytes:
        """Encrypt at most LARGEST_SECRET octets. Raises StoreUnavailable, TooLarge."""

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt what ``seal`` gave for the same *context* (what the secret is for: it cannot be
        moved to another place). Raises StoreUnavailable, and SecretUnreadable when it was altered,
        is for another context, or its key is gone."""
