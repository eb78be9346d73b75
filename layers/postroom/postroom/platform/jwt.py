"""The Tokens port over JWTs (RFC 7519, RFC 9068) and a file of public keys (RFC 7517).

The file is what an authorization server shows at its ``jwks_uri``; whoever fetches it writes it
anew when keys change, and it is read again when it has changed.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from postroom.errors import StoreUnavailable
from postroom.platform.clock import Clock

LONGEST_TOKEN = 8192
# Signatures only, with public keys: "none" and HMAC with a public key are the old tricks.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_SKEW = 60  # seconds that the clocks of issuer and us may differ


@dataclass(slots=True)
class JwtTokens:
    keys: Path
    issuer: str  # must be what the claim ``iss`` says
    audience: str  # must be among what ``aud`` says
    claim: str  # which claim holds the address: email, preferred_username, sub
    clock: Clock
    _read: tuple[int, int] = (0, 0)  # time and size of the file when it was read
    _keys: KeySet | None = field(default=None, repr=False)

    def account(self, token: str) -> str | None:
        if len(token) > LONGEST_TOKEN:
            return None
        rules = jwt.JWTClaimsRegistry(
            now=int(self.clock.seconds()),
            leeway=_SKEW,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            exp={"essential": True},
        )
        keys = self._key_set()
        try:
            claims = jwt.decode(token, keys, algorithms=list(_ALGORITHMS)).claims
            rules.validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            # A stranger's token: whatever is wrong with it, it is no token of ours.
            return None
        if self.claim == "email" and claims.get("email_verified") is False:
            return None
        address = claims.get(self.claim)
        return address if isinstance(address, str) and "@" in address else None

    def _key_set(self) -> KeySet:
        try:
            found = self.keys.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if self._keys is None or stamp != self._read:
                self._keys = KeySet.import_key_set(json.loads(self.keys.read_bytes()))
                self._read = stamp
        except (OSError, ValueError, TypeError, KeyError, JoseError) as error:
            raise StoreUnavailable(f"no keys for tokens in {self.keys}: {error}") from error
        return self._keys
