"""Ticket numbers of addresses that acknowledge mail: ``7K3M9Q2X4T``, in subjects ``[#7K3M9Q2X4T]``.

A number follows from the message it is for, so a repeat has the same; nothing is stored. Eight
digits are a hash (among 10,000 tickets of an address two are the same once in 20,000 addresses),
two check them against the address: the number of somebody else's system is not taken for ours.
Digits are Crockford's base 32: no I, L, O or U, read aloud without mistakes; case does not count.
"""

import hashlib
import re

from postroom.autoreply.original import Header

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGITS, _CHECK = 8, 2
_MARKED = re.compile(r"\[#([0-9A-HJKMNP-TV-Z]{10})\]", re.IGNORECASE)
_OURS = re.compile(
    rb"<([0-9A-HJKMNP-TV-Z]{10})\.[0-9a-f]{24}\.ticket@[^<>\s]{1,255}>", re.IGNORECASE
)
_MOST_IDS = 100  # looked at in References


def ticket_of(address: str, name: str) -> str:
    """The number of a new ticket; *name*: the Message-ID, or the queue id when there is none."""
    octets = hashlib.blake2b(
        f"{address}\0{name}".encode("utf-8", "replace"), digest_size=5
    ).digest()
    digits = _digits(int.from_bytes(octets, "big"), _DIGITS)
    return digits + _check(address, digits)


def known_ticket(address: str, header: Header, subject: str) -> str:
    """The ticket that a message belongs to already, "" for none.

    It replies to an answer of ours, or somebody kept the number in its subject.
    """
    for name in (b"in-reply-to", b"references"):
        for value in header.get(name, [])[:1]:
            for found in [*_OURS.finditer(value)][-_MOST_IDS:]:
                if is_ticket(address, ticket := found[1].decode("ascii").upper()):
                    return ticket
    for marked in _MARKED.finditer(subject):
        if is_ticket(address, ticket := marked[1].upper()):
            return ticket
    return ""


def is_ticket(address: str, ticket: str) -> bool:
    digits, check = ticket[:_DIGITS], ticket[_DIGITS:]
    return _check(address, digits) == check


def message_id_of(address: str, ticket: str, queue_id: str, hostname: str) -> str:
    """The Message-ID of an answer, from which a reply to it is known."""
    name = f"{address}\0{queue_id}".encode("utf-8", "replace")
    digest = hashlib.blake2b(name, digest_size=12).hexdigest()
    return f"<{ticket.lower()}.{digest}.ticket@{hostname}>"


def _check(address: str, digits: str) -> str:
    octets = hashlib.blake2b(f"{address}\0#{digits}".encode("utf-8", "replace"), digest_size=2)
    return _digits(int.from_bytes(octets.digest(), "big") & 1023, _CHECK)


def _digits(number: int, count: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(count)))
