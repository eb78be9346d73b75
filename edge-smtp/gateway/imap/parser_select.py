"""The arguments of SELECT and EXAMINE (RFC 9051 section 6.3.2, RFC 7162 section 7)."""

from collections.abc import Callable
from itertools import pairwise

from gateway.imap.commands import Command, Resync, Select
from gateway.imap.sequence_set import NO_NUMBERS, STAR, SequenceSet
from gateway.imap.tokens import Scanner
from postroom.errors import BadSyntax

_RFC = "RFC 7162 section 7"


def select(read_only: bool) -> Callable[[Scanner, bytes], Command]:
    def parse_select(s: Scanner, tag: bytes) -> Command:
        s.space()
        mailbox = s.mailbox()
        condstore = False
        resync: Resync | None = None

        def parameter() -> None:
            nonlocal condstore, resync
            name = s.keyword()
            if name == "CONDSTORE":
                condstore = True
            elif name == "QRESYNC" and resync is None:
                s.space()
                resync = _resync(s)
            else:
                raise BadSyntax("select-param", name.encode(), _RFC)

        if s.skip(b" "):
            s.some(parameter, "select-params")
        return Select(tag, mailbox, read_only, condstore, resync)

    return parse_select


def _resync(s: Scanner) -> Resync:
    s.expect(b"(", "select-param")
    uid_validity = s.number(1)
    s.space()
    mod_seq = s.number(1)
    known: SequenceSet | None = None
    numbers = uids = NO_NUMBERS
    more = s.skip(b" ")
    if more and not s.next_is(b"("):
        known = _set(s)
        more = s.skip(b" ")
    if more:
        s.expect(b"(", "seq-match-data")
        numbers = _ascending(s)
        s.space()
        uids = _ascending(s)
        s.expect(b")", "seq-match-data")
        if _count(numbers) != _count(uids):
            raise s.bad("seq-match-data of two equal halves", "RFC 7162 section 3.2.5.2")
    s.expect(b")", "select-param")
    return Resync(uid_validity, mod_seq, known, numbers, uids)


def _set(s: Scanner) -> SequenceSet:
    found = s.sequence_set()
    if found.saved or any(STAR in ends for ends in found.ends):
        raise s.bad("sequence-set without * and $", _RFC)
    return found


def _ascending(s: Scanner) -> SequenceSet:
    found = _set(s)
    numbers = [number for ends in found.ends for number in ends]
    pairs = pairwise(numbers)
    # A range of one number has two equal ends; between ranges each must be above the last.
    if any(
        later < earlier or (later == earlier and at % 2)
        for at, (earlier, later) in enumerate(pairs)
    ):
        raise s.bad("sequence-set in ascending order", "RFC 7162 section 3.2.5.2")
    return found


def _count(numbers: SequenceSet) -> int:
    return sum(last - first + 1 for first, last in numbers.ends)
