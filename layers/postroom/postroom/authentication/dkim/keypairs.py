"""Private keys: made, read from PEM, opened for signing (RFC 6376 section 3.3, RFC 8463).

`cryptography` is imported where it is needed: most functions sign nothing.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from postroom.authentication.dkim.records import Algorithm
from postroom.authentication.dkim.signature import hashed
from postroom.errors import BadSetting, SecretUnreadable
from postroom.platform.clock import Randomness

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

FEWEST_BITS, MOST_BITS = 1024, 4096  # RFC 8301 section 3.2
ADVISED_BITS = 2048
_ED25519_SEED = 32  # octets (RFC 8032 section 5.1.5)


@dataclass(frozen=True, slots=True)
class KeyPair:
    algorithm: Algorithm
    private: bytes = field(repr=False)  # PKCS #8, DER
    public: bytes  # as p= has it
    bits: int = 0  # of RSA


def make_key_pair(algorithm: Algorithm, bits: int, randomness: Randomness) -> KeyPair:
    """*bits* is for RSA."""
    if algorithm == "rsa-sha256":
        from cryptography.hazmat.primitives.asymmetric import rsa

        if not ADVISED_BITS <= bits <= MOST_BITS:
            raise BadSetting(f"an RSA key for DKIM has {ADVISED_BITS} to {MOST_BITS} bits")
        return _pair(rsa.generate_private_key(public_exponent=65537, key_size=bits))
    from cryptography.hazmat.primitives.asymmetric import ed25519

    seed = randomness.octets(_ED25519_SEED)
    return _pair(ed25519.Ed25519PrivateKey.from_private_bytes(seed))


def read_key_pair(pem: bytes) -> KeyPair:
    """Read a private key that another program has made. Raises BadSetting."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadSetting(f"this is no private key in PEM without a password: {error}") from error
    if isinstance(key, RSAPrivateKey):
        if not FEWEST_BITS <= key.key_size <= MOST_BITS:
            raise BadSetting(
                f"the RSA key has {key.key_size} bits, DKIM takes {FEWEST_BITS} to {MOST_BITS}"
            )
    elif not isinstance(key, Ed25519PrivateKey):
        raise BadSetting("DKIM takes RSA and Ed25519 keys only")
    return _pair(key)


def _pair(key: "RSAPrivateKey | Ed25519PrivateKey") -> KeyPair:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    if isinstance(key, RSAPrivateKey):
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return KeyPair("rsa-sha256", private, public, key.key_size)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return KeyPair("ed25519-sha256", private, public)


class OpenedKey:
    """A private key in memory. Safe in any thread."""

    def __init__(self, selector: str, algorithm: Algorithm, private: bytes) -> None:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_der_private_key

        self.selector = selector
        self.algorithm = algorithm
        try:
            # We made or checked the key ourselves, and the vault says that it is that one.
            key = load_der_private_key(private, None, unsafe_skip_rsa_key_validation=True)
        except ValueError as error:
            raise SecretUnreadable(f"the private key of selector {selector} is damaged") from error
        self._rsa = key if isinstance(key, RSAPrivateKey) else None
        self._ed25519 = None if self._rsa else key
        self._how = (padding.PKCS1v15(), hashes.SHA256())

    def sign(self, octets: bytes) -> bytes:
        if self._rsa is not None:
            return self._rsa.sign(octets, *self._how)
        return self._ed25519.sign(hashed(octets))  # type: ignore[union-attr,call-arg]
