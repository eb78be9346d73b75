"""Pieces of a message's text on their way from the socket to the store."""

from typing import Literal, NamedTuple

BareLineEndings = Literal["refuse", "normalise"]


class Content(NamedTuple):
    """Octets of the message, certain and in order; transfer encoding of DATA or BDAT removed."""

    octets: bytes
    ended: bool  # nothing follows: the final dot, or the last octet of a BDAT chunk, was seen
