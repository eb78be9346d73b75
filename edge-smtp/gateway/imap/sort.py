"""The order that SORT asks for, as values of each message (RFC 5256 section 3, RFC 5957)."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.imap.commands_search import Criterion
from gateway.imap.search import day_sent
from postroom.mailboxes.records import Message
from postroom.message.addresses import Address
from postroom.message.base_subject import base_subject
from postroom.message.collation import casemap
from postroom.message.envelope import first_addresses
from postroom.message.summary import Details, details_of, envelope_of
from postroom.message.words import decode_words, guess

Value = int | str
_OF_RECORD = {"ARRIVAL", "SIZE"}
_ADDRESS_FIELDS = {
    "CC": b"cc",
    "DISPLAYFROM": b"from",
    "DISPLAYTO": b"to",
    "FROM": b"from",
    "TO": b"to",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A message with one value for each criterion."""

    uid: int
    values: tuple[Value, ...]


class Sorting:
    """The criteria of one command. The last is always the place in the mailbox."""

    def __init__(self, criteria: Sequence[Criterion]) -> None:
        self._criteria = tuple(dict.fromkeys(criteria))
        keys = {criterion.key for criterion in criteria}
        self._needs_details = bool({"DATE", "SUBJECT"} & keys)
        self._needs_addresses = bool(_ADDRESS_FIELDS.keys() & keys)
        self.needs_summary = not keys <= _OF_RECORD

    def row(self, message: Message, encoded: bytes = b"") -> Row:
        """*encoded*: the summary, when it is needed."""
        details = details_of(encoded) if self._needs_details else None
        addresses = first_addresses(envelope_of(encoded)) if self._needs_addresses else {}
        values: list[Value] = []
        for criterion in self._criteria:
            match criterion.key:
                case "ARRIVAL":
                    values.append(message.internal_date)
                case "SIZE":
                    values.append(message.size)
                case "DATE":
                    values.append(sent_date(message, encoded, details))
                case "SUBJECT":
                    subject = details.subject if details is not None else ""
                    values.append(casemap(base_subject(subject).text))
                case "DISPLAYFROM" | "DISPLAYTO" as key:
                    values.append(casemap(_display(addresses.get(_ADDRESS_FIELDS[key]))))
                case key:
                    address = addresses.get(_ADDRESS_FIELDS[key])
                    values.append(casemap(guess(address.mailbox or b"")) if address else "")
        return Row(message.uid, tuple(values))

    def sort(self, rows: list[Row]) -> None:
        """Put rows, which are in the order of the mailbox, in the order asked for."""
        # The least important first: sorting keeps the order of equals, in reverse as well.
        for place in reversed(range(len(self._criteria))):
            rows.sort(key=lambda row: row.values[place], reverse=self._criteria[place].reverse)

    def precedes(self, one: Row, other: Row) -> bool:
        for criterion, left, right in zip(self._criteria, one.values, other.values, strict=True):
            if left != right:
                # Both are of one type, that of the criterion.
                return (left < right) != criterion.reverse  # type: ignore[operator]
        return one.uid < other.uid


def sent_date(message: Message, encoded: bytes, details: Details | None) -> int:
    """RFC 5256 section 2.2: a date whose time or zone is no good counts from 00:00:00 UTC, and
    without a Date field it is the internal date."""
    sent = details.sent if details is not None else None
    if sent is None:
        sent = day_sent(envelope_of(encoded))
    return message.internal_date if sent is None else sent


def _display(address: Address | None) -> str:
    """RFC 5957 section 3."""
    if address is None:
        return ""
    name = decode_words(address.name) if address.name else ""
    mailbox = guess(address.mailbox or b"")
    if name or not mailbox or address.host is None:
        return name or mailbox
    return f"{mailbox}@{guess(address.host)}"
