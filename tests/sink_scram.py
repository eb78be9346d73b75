"""SCRAM-SHA-256 (RFC 5802, RFC 7677) from the server's side, for `tests.sinks`."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping


def scram(
    first: str, users: Mapping[str, str], challenge: Callable[[bytes], str]
) -> tuple[str, bool]:
    """Who the client says it is, and whether it knows the password in *users*.

    *challenge* sends octets to the client and returns its answer.
    """
    bare = first.removeprefix("n,,")
    fields = dict(part.split("=", 1) for part in bare.split(","))
    user = fields["n"].replace("=2C", ",").replace("=3D", "=")
    password = users.get(user, "")
    salt, rounds = b"salt of the sink", 4096
    nonce = fields["r"] + "sink"
    server_first = f"r={nonce},s={base64.b64encode(salt).decode()},i={rounds}"
    final = challenge(server_first.encode())
    without_proof, _, proof = final.partition(",p=")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signed = f"{bare},{server_first},{without_proof}".encode()
    stored = hashlib.sha256(client_key).digest()
    signature = hmac.digest(stored, signed, "sha256")
    wanted = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    if base64.b64decode(proof) != wanted or not without_proof.endswith(f"r={nonce}"):
        return user, False
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    verifier = base64.b64encode(hmac.digest(server_key, signed, "sha256"))
    challenge(b"v=" + verifier)
    return user, True
