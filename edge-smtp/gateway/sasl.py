"""SASL, what the mechanisms share, and the two that send a password: PLAIN (RFC 4616) and LOGIN
(draft-murchison-sasl-login). Pure; `gateway.authentication` holds the exchange.
"""

import base64
import binascii
from dataclasses import dataclass

from postroom.errors import BadSyntax, PostroomError

LONGEST_RESPONSE = 12_288  # octets of base64 (RFC 4954 section 4, RFC 5034 section 4)


class Cancelled(PostroomError):
    """The client sent ``*`` instead of a response (RFC 4954 section 4, RFC 9051 section 6.2.2)."""

    def __init__(self) -> None:
        super().__init__("the client cancelled the authentication")


class UnknownMechanism(PostroomError):
    def __init__(self, name: str, offered: tuple[str, ...]) -> None:
        self.name = name[:40]
        self.offered = offered
        super().__init__(f"{self.name!r} is not among {', '.join(offered)}")


@dataclass(frozen=True, slots=True)
class Credentials:
    name: str
    password: str

    def __repr__(self) -> str:  # a password in a traceback is a password in a log
        return f"Credentials({self.name!r}, ...)"


def decode(response: bytes) -> bytes:
    """Decode a response line without its CRLF; ``=`` stands for an empty one.

    Raises BadSyntax, Cancelled.
    """
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
    """Split ``[authzid] NUL authcid NUL passwd`` (RFC 4616 section 2). Raises BadSyntax."""
    parts = octets.split(b"\0")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise BadSyntax("PLAIN message", b"...", "RFC 4616 section 2")
    authorization, name, password = map(text, parts)
    check_authorization(authorization, name)
    return Credentials(name, password)


def check_authorization(authorization: str, name: str) -> None:
    """Nobody acts for somebody else here: the authorization identity is empty or the same."""
    if authorization and authorization.lower() != name.lower():
        raise BadSyntax("authorization identity of one's own", b"...", "RFC 4422 section 3.4.1")


def text(octets: bytes) -> str:
    """Raises BadSyntax, which does not show the text: it may be a password."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadSyntax("UTF-8 text", b"...", "RFC 4422 section 4") from error
