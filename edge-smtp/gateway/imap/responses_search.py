"""What searches find, as octets (RFC 9051 section 7.3.4, RFC 5256 section 4, RFC 5267 section 4.3,
RFC 7377 section 2.1)."""

from collections.abc import Sequence

from gateway.imap.commands_search import Returns
from gateway.imap.responses import mailbox, string
from gateway.imap.sequence_set import render_sequence_set


def numbers_line(verb: bytes, numbers: Sequence[int], mod_seq: int | None = None) -> bytes:
    """IMAP4rev1's untagged SEARCH, or SORT. *mod_seq*: the highest of those found, when the client
    asked with MODSEQ and something was found (RFC 7162 sections 3.1.5 and 3.1.9)."""
    words = [b"* " + verb, *(b"%d" % number for number in numbers)]
    if mod_seq is not None and numbers:
        words.append(b"(MODSEQ %d)" % mod_seq)
    return b" ".join(words) + b"\r\n"


def correlator(tag: bytes) -> bytes:
    """Which command a response answers (RFC 4466 section 2.6.2)."""
    return b"(TAG " + string(tag) + b")"


def mailbox_correlator(tag: bytes, name: str, uid_validity: int, utf8: bool) -> bytes:
    """With the mailbox that was searched (RFC 7377 section 2.1)."""
    return b"(TAG %b MAILBOX %b UIDVALIDITY %d)" % (
        string(tag),
        mailbox(name, utf8),
        uid_validity,
    )


def esearch(correlator: bytes, uid: bool, items: Sequence[bytes]) -> bytes:
    words = [b"* ESEARCH", correlator, *([b"UID"] if uid else []), *items]
    return b" ".join(words) + b"\r\n"


def result_items(
    numbers: Sequence[int], returns: Returns, mod_seq: int | None = None
) -> list[bytes]:
    """The return data of results, which are in the order that was asked for. *mod_seq*: the
    highest of those that are named, when the client asked with MODSEQ."""
    items = []
    if numbers and "MIN" in returns.options:
        items.append(b"MIN %d" % numbers[0])
    if numbers and "MAX" in returns.options:
        items.append(b"MAX %d" % numbers[-1])
    if numbers and "ALL" in returns.options:
        items.append(b"ALL " + render_sequence_set(numbers))
    if returns.partial is not None:
        part = numbers[returns.partial.places(len(numbers))]
        found = render_sequence_set(part) if part else b"NIL"
        items.append(b"PARTIAL (%b %b)" % (returns.partial.render(), found))
    if "COUNT" in returns.options:
        items.append(b"COUNT %d" % len(numbers))
    if mod_seq is not None and numbers:
        items.append(b"MODSEQ %d" % mod_seq)
    return items


def update_item(verb: bytes, runs: Sequence[tuple[int, Sequence[int]]]) -> bytes:
    """ADDTO or REMOVEFROM: pairs of context position and numbers (RFC 5267 section 4.3.2)."""
    pairs = b" ".join([b"%d %b" % (place, render_sequence_set(run)) for place, run in runs])
    return b"%b (%b)" % (verb, pairs)
