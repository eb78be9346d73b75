"""What the `autorespond` function is asked for: letters of the Answers queue.

They hold all that an answer needs, so that the message may be gone by then: redirected, discarded
or deleted. What must not be answered never gets here (`silence`).
"""

import msgspec

from postroom.autoreply.original import Original
from postroom.errors import BadSyntax, TooLarge
from postroom.sieve.actions import Notify, Vacation

LARGEST = 200 * 1024  # octets of a letter; a queue takes 256 KiB (platform.queue)


class _Answer(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind"):
    original: Original


class VacationAnswer(_Answer, frozen=True, omit_defaults=True, tag="vacation"):
    """A person's script answers (RFC 5230)."""

    account: str
    address: str  # the account's own
    recipients: tuple[str, ...]  # the forward-paths of the envelope that led there
    action: Vacation


class AddressAnswer(_Answer, frozen=True, omit_defaults=True, tag="address"):
    """An address answers with its template (`templates`)."""

    address: str  # as it is filed: `Route.answering`
    ticket: str = ""  # that the message belongs to already


class Notification(_Answer, frozen=True, omit_defaults=True, tag="notify"):
    """A person's script tells somebody of a message (RFC 5435)."""

    account: str
    address: str  # the account's own
    recipients: tuple[str, ...]
    action: Notify


Answer = VacationAnswer | AddressAnswer | Notification

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Answer)


def to_json(answer: Answer) -> str:
    """Raises TooLarge."""
    octets = _encoder.encode(answer)
    if len(octets) > LARGEST:
        raise TooLarge("an answer", len(octets), LARGEST)
    return octets.decode()


def from_json(body: str) -> Answer:
    """Raises BadSyntax."""
    octets = body.encode("utf-8", "replace")
    try:
        found: Answer = _decoder.decode(octets)
    except msgspec.DecodeError as error:
        raise BadSyntax("letter for the autorespond function", octets, str(error)) from error
    return found
