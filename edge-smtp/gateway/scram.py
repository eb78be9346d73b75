"""The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677). Sans-IO.

Channel bindings (RFC 5929): tls-server-end-point, and tls-unique up to TLS 1.2. Python's ssl does
not give what tls-exporter (RFC 9266) needs.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping

from gateway.sasl import check_authorization, text
from postroom.directory.scram import ScramVerifier
from postroom.errors import BadSyntax

Bindings = Mapping[str, tuple[bytes, ...]]  # data by type; several while a certificate changes

_LONGEST_MESSAGE = 2048  # octets
_GS2_HEADER = re.compile(r"(?:p=([A-Za-z0-9.-]{1,64})|([ny])),(?:a=([^,\0]+))?,")
_SASLNAME = re.compile(r"(?:[^=]|=2C|=3D)+")
_CLIENT_FIRST_BARE = re.compile(r"n=([^,\0]+),r=([!-+\--~]{1,256})(?:,[A-Za-z]=[^\0]*)?")
_CLIENT_FINAL = re.compile(r"(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^\0]*)?),p=([^,]+)")
_PROOF_OCTETS = 32


class ScramExchange:
    """Give it the client's first message, then what the directory has, then the last message."""

    def __init__(self, *, plus: bool, bindings: Bindings, lists_plus: bool, nonce: str) -> None:
        """*lists_plus*: the client could see that there is PLUS, for these *bindings*."""
        self._plus = plus
        self._bindings = bindings
        self._lists_plus = lists_plus
        self._nonce = nonce
        self._gs2_header = ""
        self._binding = ""  # the type that the client chose
        self._client_first_bare = ""
        self._server_first = ""
        self._verifier: ScramVerifier | None = None

    def client_first(self, octets: bytes) -> str:
        """Return the name of who wants to log in. Raises BadSyntax."""
        message = _message(octets)
        header = _GS2_HEADER.match(message)
        if header is None:
            raise BadSyntax("gs2-header", b"...", "RFC 5802 section 7")
        binding, flag, authorization = header.groups()
        self._check_binding(binding or "", flag or "p")
        self._gs2_header = header[0]
        bare = message[header.end() :]
        if bare.startswith("m="):
            raise BadSyntax("message without extensions", b"...", "RFC 5802 section 5.1")
        match = _CLIENT_FIRST_BARE.fullmatch(bare)
        if match is None:
            raise BadSyntax("client-first-message", b"...", "RFC 5802 section 7")
        self._client_first_bare = bare
        self._nonce = match[2] + self._nonce
        name = _saslname(match[1])
        check_authorization(_saslname(authorization) if authorization else "", name)
        return name

    def _check_binding(self, binding: str, flag: str) -> None:
        """RFC 5802 section 6. A *y* where we list PLUS tells that somebody took it out of our
        list on its way to the client."""
        if self._plus != (flag == "p") or (flag == "y" and self._lists_plus and self._bindings):
            raise BadSyntax("channel binding that was offered", b"...", "RFC 5802 section 6")
        if self._plus and binding not in self._bindings:
            known = " or ".join(self._bindings)
            raise BadSyntax(f"channel binding of type {known}", b"...", "RFC 5802 section 6")
        self._binding = binding

    def server_first(self, verifier: ScramVerifier) -> bytes:
        self._verifier = verifier
        salt = base64.b64encode(verifier.salt).decode()
        self._server_first = f"r={self._nonce},s={salt},i={verifier.iterations}"
        return self._server_first.encode()

    def client_final(self, octets: bytes) -> bytes | None:
        """Return the server's last message, or None when the proof is wrong. Raises BadSyntax."""
        verifier = self._verifier
        assert verifier is not None  # noqa: S101  (narrowing: `server_first` comes before)
        match = _CLIENT_FINAL.fullmatch(_message(octets))
        if match is None:
            raise BadSyntax("client-final-message", b"...", "RFC 5802 section 7")
        without_proof, bound, nonce, proof = match.groups()
        if nonce != self._nonce:
            raise BadSyntax("nonce of this exchange", b"...", "RFC 5802 section 5.1")
        header = self._gs2_header.encode()
        given = _decoded(bound)
        is_bound = [
            hmac.compare_digest(given, header + data)
            for data in self._bindings.get(self._binding, (b"",))
        ]
        signed = f"{self._client_first_bare},{self._server_first},{without_proof}".encode()
        client_proof = _decoded(proof)
        if len(client_proof) != _PROOF_OCTETS:
            raise BadSyntax("proof", b"...", "RFC 7677 section 3")
        signature = hmac.digest(verifier.stored_key, signed, hashlib.sha256)
        client_key = bytes(one ^ two for one, two in zip(client_proof, signature, strict=True))
        stored_key = hashlib.sha256(client_key).digest()
        is_right = hmac.compare_digest(stored_key, verifier.stored_key)
        if not (is_right and any(is_bound) and verifier.account):
            return None
        return b"v=" + base64.b64encode(hmac.digest(verifier.server_key, signed, hashlib.sha256))


def _message(octets: bytes) -> str:
    if len(octets) > _LONGEST_MESSAGE:
        raise BadSyntax("SCRAM message", b"...", "RFC 5802 section 7")
    return text(octets)


def _saslname(escaped: str) -> str:
    if _SASLNAME.fullmatch(escaped) is None:
        raise BadSyntax("saslname", b"...", "RFC 5802 section 7")
    return escaped.replace("=2C", ",").replace("=3D", "=")


def _decoded(base64_text: str) -> bytes:
    try:
        return base64.b64decode(base64_text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSyntax("base64", b"...", "RFC 5802 section 7") from error
