"""The fields of one header as scripts see them: each decoded once, when it is first asked for."""

import re
from collections.abc import Collection
from functools import cached_property, lru_cache

from postroom.message.addresses import MISSING_DOMAIN, MISSING_MAILBOX, Address, parse_addresses
from postroom.message.headers import end_of_header, pairs, unfold
from postroom.message.words import decode_words, guess

# Of a longer header the rest is as if it were body: it is kept, but no test sees it.
LONGEST = 1 << 18
_SPACE = " \t\r\n"
_CONTINUED = re.compile(rb"(?:[ \t][^\n]*(?:\n|\Z))+")
_ATOM_TEXT = re.compile(r"[^][()<>@,;:\\\"\x00-\x20\x7f]+")


class Header:
    """A header, immutable: an edit gives another one. ``octets`` are without the empty line.

    Names are asked for in lower case. What is no field name (RFC 5322 section 2.2) matches nothing
    (RFC 5228 section 2.4.2.2).
    """

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self._raw: dict[str, tuple[bytes, ...]] = {}
        self._values: dict[str, tuple[str, ...]] = {}
        self._addresses: dict[str, tuple[tuple[str, ...], ...]] = {}

    @staticmethod
    def of(text: bytes, start: int = 0, end: int | None = None) -> "Header":
        """The header that begins at *start*, of a text or of a part that ends at *end*."""
        limit = len(text) if end is None else end
        body = end_of_header(text, start, min(limit, start + LONGEST))
        for empty in (b"\r\n", b"\n"):
            line = body - len(empty)
            if text.endswith(empty, start, body) and (
                line == start or text.endswith(b"\n", start, line)
            ):
                return Header(text[start:line])
        if body < limit:  # too long: cut where a field ends
            while (body := text.rfind(b"\n", start, body) + 1) and text[body : body + 1] in b" \t":
                body -= 1
        return Header(text[start:body])

    def raw(self, name: str) -> tuple[bytes, ...]:
        """Values of every field of that name in order, unfolded and trimmed."""
        found = self._raw.get(name)
        if found is None:
            found = tuple([unfold(value) for value in self._by_name.get(name, ())])
            self._raw[name] = found
        return found

    def values(self, name: str) -> tuple[str, ...]:
        """The same as text: encoded words decoded (RFC 5228 section 2.7.2), then trimmed."""
        found = self._values.get(name)
        if found is None:
            found = tuple([decode_words(value).strip(_SPACE) for value in self.raw(name)])
            self._values[name] = found
        return found

    def addresses(self, name: str) -> tuple[tuple[str, ...], ...]:
        """The addresses in each field of that name, ``local@domain``, those in groups, too.

        What is no address is as it was written, and an empty field holds an empty one: ``:all``
        sees them (RFC 5228 section 2.7.4).
        """
        found = self._addresses.get(name)
        if found is None:
            found = tuple([_addresses(value) for value in self.raw(name)])
            self._addresses[name] = found
        return found

    def has(self, name: str) -> bool:
        return name in self._by_name

    def with_field(self, field: bytes, *, last: bool) -> "Header":
        """With one more field, first or last. It ends in CRLF."""
        # A first line that continues no other must not continue this one.
        continued = _CONTINUED.match(self.octets)
        start = len(self.octets) if last else continued.end() if continued else 0
        before = self.octets[:start]
        ended = before.endswith(b"\n") or not before
        return Header(before + (b"" if ended else b"\r\n") + field + self.octets[start:])

    def without(self, name: str, dropped: Collection[int]) -> "Header":
        """Without some of the fields of a name: the first is 0."""
        octets = self.octets
        kept = []
        start = 0
        for at, field in enumerate(_fields_of(name).finditer(octets)):
            if at in dropped:
                kept.append(octets[start : field.start()])
                start = field.end()
        return Header(b"".join([*kept, octets[start:]]))

    @cached_property
    def _by_name(self) -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        for name, value in pairs(self.octets):
            if name:
                found.setdefault(name.decode("utf-8", "surrogateescape"), []).append(value)
        return found


@lru_cache(maxsize=256)
def _fields_of(name: str) -> re.Pattern[bytes]:
    """Every field of a name, as ``pairs`` finds them."""
    return re.compile(
        rb"^%b[ \t\r\f\v]*(?=[:\n]|\Z)[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)"
        % re.escape(name.encode("utf-8", "surrogateescape")),
        re.MULTILINE | re.IGNORECASE,
    )


def _addresses(value: bytes) -> tuple[str, ...]:
    if not value:
        return ("",)
    found = parse_addresses(value)
    return tuple([_written(address) for address in found if address.host is not None])


def _written(address: Address) -> str:
    mailbox = "" if address.mailbox in (None, MISSING_MAILBOX) else guess(address.mailbox or b"")
    host = "" if address.host in (None, MISSING_DOMAIN) else guess(address.host or b"")
    if not mailbox and not host:
        return guess(address.name or b"")
    if host and mailbox and not _ATOM_TEXT.fullmatch(mailbox):
        mailbox = '"' + re.sub(r'(["\\])', r"\\\1", mailbox) + '"'
    return f"{mailbox}@{host}" if host else mailbox
