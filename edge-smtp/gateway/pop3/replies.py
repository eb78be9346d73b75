"""Replies of one line, in the language of the session (RFC 1939 section 3, RFC 2449 section 8)."""

from typing import Protocol

from gateway.login import TooManyFailures
from gateway.metrics import metrics
from gateway.pop3.languages import ENGLISH
from gateway.pop3.maildrop import LockLost, MessageGone, NoSuchMessage
from gateway.sasl import Cancelled, UnknownMechanism
from postroom.errors import BadSyntax, PostroomError

_LONGEST = 400  # octets of text: RFC 2449 section 4 has 512 for the whole line


class Wire(Protocol):
    """The connection, as the session sees it."""

    def write(self, octets: bytes) -> None: ...
    async def flush(self) -> None:
        """Between the pieces of a message: waits while the client is slow. Raises OSError."""

    @property
    def tls_object(self) -> object:
        """What ssl says of the connection, None in the clear."""

    async def start_tls(self) -> None:
        """Raises OSError when the handshake fails."""


class Replies:
    """Sentences are given in English, with their fields; see ``languages``."""

    __slots__ = ("_left", "_wire", "language")

    def __init__(self, wire: Wire, errors: int) -> None:
        """*errors*: how many the client may make."""
        self._wire = wire
        self._left = errors
        self.language = ENGLISH

    @property
    def exhausted(self) -> bool:
        """The client has made too many errors, and has been told."""
        return self._left <= 0

    def ok(self, sentence: str, prefix: str = "", **fields: object) -> None:
        self._wire.write(self.first_line(sentence, prefix, **fields))

    def first_line(self, sentence: str, prefix: str = "", **fields: object) -> bytes:
        """Of a reply that has more lines. *prefix* is no human language."""
        return b"+OK " + prefix.encode() + self._say(sentence, fields) + b"\r\n"

    def value(self, text: str) -> None:
        """A positive reply for machines."""
        self._wire.write(b"+OK " + text.encode() + b"\r\n")

    def refuse(self, sentence: str, prefix: str = "", **fields: object) -> None:
        """Say that the client is wrong, and count it."""
        metrics.refusals["pop3"] += 1
        self._left -= 1
        if self.exhausted:
            sentence, prefix = "Too many errors", "[SYS/PERM] "
        self.sorry(sentence, prefix, **fields)

    def sorry(self, sentence: str, prefix: str = "", **fields: object) -> None:
        """Say that it did not work; the client could not know."""
        self._wire.write(b"-ERR " + prefix.encode() + self._say(sentence, fields) + b"\r\n")

    def refuse_error(self, error: PostroomError, prefix: str = "") -> None:
        fields: dict[str, object] = {}
        match error:
            case Cancelled() | LockLost():
                sentence = str(error)
            case BadSyntax():
                fields = {"error": error, "rule": error.rule, "reference": error.reference}
                sentence = "{error}"
            case NoSuchMessage(number=number):
                sentence, fields = "there is no message {number}", {"number": number}
            case MessageGone(number=number):
                sentence = "message {number} has been removed meanwhile"
                fields = {"number": number}
            case UnknownMechanism():
                sentence = "{mechanism!r} is not among {offered}"
                fields = {"mechanism": error.name, "offered": ", ".join(error.offered)}
            case TooManyFailures():
                sentence = "too many failed logins, try again in {minutes} minutes"
                fields = {"minutes": error.minutes}
            case _:
                sentence, fields = "{text}", {"text": error}
        self.refuse(sentence, prefix, **fields)

    def _say(self, sentence: str, fields: dict[str, object]) -> bytes:
        text = self.language.say(sentence, fields)
        # One line whatever the client sent; ASCII until it has chosen a language.
        text = text.replace("\r", " ").replace("\n", " ")
        if self.language is ENGLISH:
            return text.encode("ascii", "backslashreplace")[:_LONGEST]
        octets = text.encode("utf-8", "backslashreplace")[:_LONGEST]
        return octets.decode("utf-8", "ignore").encode()
