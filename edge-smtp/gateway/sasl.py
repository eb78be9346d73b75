"""SASL mechanisms for passwords: PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login).

Sans-IO: the protocol sends ``challenge`` in base64 in its own way and gives each response line
to ``receive``. Used by every listener that has AUTH.
"""

import base64
import binascii
from dataclasses import dataclass

from postroom.errors import BadSyntax, PostroomError

MECHANISMS = ("PLAIN", "LOGIN")
LONGEST_RESPONSE = 4096  # octets of base64; a password of 1,024 octets fits twice


class Cancelled(PostroomError):
    """The client sent ``*`` instead of a response (RFC 4954 section 4, RFC 9051 section 6.2.2)."""

    def __init__(self) -> None:
        super().__init__("the client cancelled the authentication")


class UnknownMechanism(PostroomError):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name[:40]!r} is not among {', '.join(MECHANISMS)}")


@dataclass(frozen=True, slots=True)
class Credentials:
    name: str
    password: str

    def __repr__(self) -> str:  # a password in a traceback is a password in a log
        return f"Credentials({self.name!r}, ...)"


class Exchange:
    """One authentication. Send ``challenge``, give the answer to ``receive``, until it returns
    credentials. Protocols with an initial response give that first, before any challenge."""

    def __init__(self, mechanism: str) -> None:
        """Raises UnknownMechanism."""
        self._mechanism = mechanism.upper()
        if self._mechanism not in MECHANISMS:
            raise UnknownMechanism(mechanism)
        self._name: str | None = None

    @property
    def challenge(self) -> bytes:
        """What the server says next, already in base64."""
        if self._mechanism == "PLAIN":
            return b""
        return b"VXNlcm5hbWU6" if self._name is None else b"UGFzc3dvcmQ6"

    def receive(self, response: bytes) -> Credentials | None:
        """Take a response line in base64 without its CRLF; ``=`` stands for an empty one.

        None: send the next challenge. Raises BadSyntax, Cancelled.
        """
        octets = decode(response)
        if self._mechanism == "PLAIN":
            return parse_plain(octets)
        text = _text(octets)
        if self._name is None:
            self._name = text
            return None
        return Credentials(self._name, text)


def decode(response: bytes) -> bytes:
    """Decode a response line. Raises BadSyntax, Cancelled."""
    if response == b"*":
        raise Cancelled
    if response == b"=":
        return b""
    if len(response) > LONGEST_RESPONSE:
        raise BadSyntax("base64 response", b"...", "RFC 4422 section 4")
    try:
        return base64.b64decode(response, validate=True)
    except binascii.Error as error:
        raise BadSyntax("base64 response", b"...", "RFC 4648 section 4") from error


def parse_plain(octets: bytes) -> Credentials:
    """Split ``[authzid] NUL authcid NUL passwd`` (RFC 4616 section 2). Raises BadSyntax.

    Nobody acts for somebody else here: the authorization identity is empty or the same.
    """
    parts = octets.split(b"\0")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise BadSyntax("PLAIN message", b"...", "RFC 4616 section 2")
    authorization, name, password = map(_text, parts)
    if authorization and authorization.lower() != name.lower():
        raise BadSyntax("authorization identity of one's own", b"...", "RFC 4616 section 2")
    return Credentials(name, password)


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadSyntax("UTF-8 text", b"...", "RFC 4616 section 2") from error
