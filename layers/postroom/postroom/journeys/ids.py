"""Queue ids: one name for a message from its 250 to its last step, and the name of its blob.

A queue id is ``<time><random><tail>`` in Crockford's base 32: 9 characters of milliseconds since
1970, 5 of randomness, 8 that hash the Message-ID. Queue ids sort by time; and because the tail is
known from a queue id as well as from a Message-ID, both find the journey without an index.
"""

import hashlib
import re

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME, _RANDOM, _TAIL = 9, 5, 8
_PATTERN = re.compile(f"[{_ALPHABET}]{{{_TIME + _RANDOM + _TAIL}}}")
RANDOM_OCTETS = 9  # what `new_queue_id` needs


def new_queue_id(seconds: float, octets: bytes, message_id: str) -> str:
    """Name a message that arrived at *seconds* since 1970.

    *octets* are RANDOM_OCTETS random ones; the last five stand in for a missing Message-ID.
    """
    tail = tail_of(message_id) if message_id else _digits(int.from_bytes(octets[4:9], "big"), _TAIL)
    random = _digits(int.from_bytes(octets[:4], "big"), _RANDOM)
    return _digits(int(seconds * 1000), _TIME) + random + tail


def tail_of(name: str) -> str:
    """The last part of a queue id, from a queue id or from a Message-ID with its brackets."""
    if is_queue_id(name):
        return name[-_TAIL:]
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=5).digest()
    return _digits(int.from_bytes(digest, "big"), _TAIL)


def is_queue_id(name: str) -> bool:
    return _PATTERN.fullmatch(name) is not None


def time_of(queue_id: str) -> int:
    """When the message was accepted, in milliseconds since 1970."""
    milliseconds = 0
    for digit in queue_id[:_TIME]:
        milliseconds = milliseconds * 32 + _ALPHABET.index(digit)
    return milliseconds


# Two digits at a time: naming a message is on the path of every 250.
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]


def _digits(number: int, count: int) -> str:
    pairs = []
    for _ in range((count + 1) // 2):
        pairs.append(_PAIRS[number & 1023])
        number >>= 10
    pairs.reverse()
    return "".join(pairs)[-count:]
