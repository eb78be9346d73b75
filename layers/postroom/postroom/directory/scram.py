"""What is kept of a password so that SCRAM-SHA-256 can check it (RFC 5802 section 3, RFC 7677)."""

import hashlib
import hmac
from dataclasses import dataclass

from postroom.directory.saslprep import saslprep

# RFC 7677 section 4 asks for 4,096 at least. Each login costs the client this, a guess at a
# stolen store costs the thief this: far less than argon2id costs, which is why it is not lower.
ITERATIONS = 32_768
SALT_OCTETS = 16


@dataclass(frozen=True, slots=True)
class ScramVerifier:
    account: str  # id, "" for one that nobody can match
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes
    version: str = ""  # of the credentials it belongs to

    def __repr__(self) -> str:  # with these keys one can pretend to be the server
        return f"ScramVerifier({self.account!r}, ...)"


def make_verifier(account: str, password: str, salt: bytes, version: str = "") -> ScramVerifier:
    """Derive the keys; some 15 ms of a core. Raises BadSyntax for a password SASLprep forbids."""
    salted = hashlib.pbkdf2_hmac("sha256", saslprep(password).encode(), salt, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", hashlib.sha256)
    return ScramVerifier(
        account,
        salt,
        ITERATIONS,
        hashlib.sha256(client_key).digest(),
        hmac.digest(salted, b"Server Key", hashlib.sha256),
        version,
    )


def nobodys_verifier(secret: bytes, name: str) -> ScramVerifier:
    """For a name that has none: the same salt whenever it is asked for, so that nobody can tell
    it from a real one (RFC 5802 section 9). No proof matches it."""
    octets = name.encode("utf-8", "replace")
    salt, stored_key, server_key = (
        hmac.digest(secret, what + octets, hashlib.sha256)
        for what in (b"salt\0", b"stored\0", b"server\0")
    )
    return ScramVerifier("", salt[:SALT_OCTETS], ITERATIONS, stored_key, server_key)
