"""AUTH as a client (RFC 4954): SCRAM-SHA-256 (RFC 7677), PLAIN (RFC 4616), LOGIN."""

import binascii
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Generator

from postroom.errors import BadSyntax
from postroom.relay.smtp.limits import ClientLimits
from postroom.relay.smtp.replies import Reply
from postroom.relay.smtp.transaction import Ask, Dialogue

BEST_FIRST = ("SCRAM-SHA-256", "PLAIN", "LOGIN")
_MOST_ROUNDS = 1_000_000  # of hashing: a server could ask for hours
_SERVER_FIRST = re.compile(
    r"r=([!-+\--~]{1,500}),s=([A-Za-z0-9+/=]{1,500}),i=([1-9][0-9]{0,9})(?:,.*)?"
)


class AuthenticationFailed(BadSyntax):
    """The server broke a rule of the mechanism, or did not prove that it knows the password."""


def authentication(
    mechanism: str, user: str, password: str, nonce: str, limits: ClientLimits
) -> Dialogue[Reply]:
    """Return the last reply: 235 when it worked. Raises AuthenticationFailed.

    *nonce*: printable ASCII without comma, unpredictable.
    """
    if mechanism == "PLAIN":
        whole = _base64(f"\0{user}\0{password}".encode())
        return (yield Ask((b"AUTH PLAIN %b\r\n" % whole,), limits.command, "AUTH"))
    if mechanism == "LOGIN":
        reply = yield Ask((b"AUTH LOGIN\r\n",), limits.command, "AUTH")
        for answer in (user, password):
            if reply.code != 334:
                return reply
            reply = yield Ask((_base64(answer.encode()) + b"\r\n",), limits.command, "AUTH")
        return reply
    return (yield from _exchange(_scram(user, password, nonce), limits))


def _exchange(messages: Generator[bytes, bytes, None], limits: ClientLimits) -> Dialogue[Reply]:
    first = _base64(next(messages))
    reply = yield Ask((b"AUTH SCRAM-SHA-256 %b\r\n" % first,), limits.command, "AUTH")
    proved = False
    while reply.code == 334:
        try:
            challenge = binascii.a2b_base64(reply.lines[0].strip(), strict_mode=True)
        except binascii.Error as error:
            raise AuthenticationFailed("challenge", reply.lines[0], "RFC 4954 section 4") from error
        try:
            answer = messages.send(challenge)
        except StopIteration:
            proved, answer = True, b""
        reply = yield Ask((_base64(answer) + b"\r\n",), limits.command, "AUTH")
        if proved:
            break
    if reply.code == 235 and not proved:
        raise AuthenticationFailed("server-final-message", reply.lines[0], "RFC 5802 section 5")
    return reply


def _scram(user: str, password: str, nonce: str) -> Generator[bytes, bytes, None]:
    """RFC 5802 section 5; names as in section 3. Ends when the server has proved itself."""
    name = _prepared(user).replace("=", "=3D").replace(",", "=2C")
    client_first_bare = f"n={name},r={nonce}"
    challenge = yield f"n,,{client_first_bare}".encode()
    server_first = challenge.decode("ascii", "replace")
    match = _SERVER_FIRST.fullmatch(server_first)
    if match is None or not match[1].startswith(nonce) or int(match[3]) > _MOST_ROUNDS:
        raise AuthenticationFailed("server-first-message", challenge, "RFC 5802 section 7")
    try:
        salt = binascii.a2b_base64(match[2], strict_mode=True)
    except binascii.Error as error:
        raise AuthenticationFailed("salt", challenge, "RFC 5802 section 7") from error
    secret = _prepared(password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", secret, salt, int(match[3]))
    client_key = _hmac(salted, b"Client Key")
    without_proof = f"c=biws,r={match[1]}"
    signed = f"{client_first_bare},{server_first},{without_proof}".encode()
    signature = _hmac(hashlib.sha256(client_key).digest(), signed)
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    final = yield f"{without_proof},p=".encode() + _base64(proof)
    verifier = b"v=" + _base64(_hmac(_hmac(salted, b"Server Key"), signed))
    if not hmac.compare_digest(final.partition(b",")[0], verifier):
        raise AuthenticationFailed("server-final-message", final, "RFC 5802 section 5")


def _prepared(text: str) -> str:
    """The part of SASLprep (RFC 4013) that matters for what people type."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _hmac(key: bytes, octets: bytes) -> bytes:
    return hmac.digest(key, octets, "sha256")


def _base64(octets: bytes) -> bytes:
    return binascii.b2a_base64(octets, newline=False)
