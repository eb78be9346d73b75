"""A message with UTF-8 in its fields (RFC 6532), made fit for readers that know ASCII fields only.

RFC 6856 section 2.1 leaves to the server how. This follows RFC 6857: text becomes encoded words
(RFC 2047), parameters become extended ones (RFC 2231), an address that ASCII cannot write becomes
an empty group that shows it, identifiers move to ``Downgraded-`` fields. Bodies keep every octet.
Octets beyond ASCII that are not UTF-8 are no such text and stay as they are: nothing says what
they mean. Signatures over changed fields (DKIM) hold no more.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote_from_bytes

from postroom.errors import BadSyntax
from postroom.message.addresses import MISSING_DOMAIN, MISSING_MAILBOX, Address, parse_addresses
from postroom.message.compose import encoded_words, header
from postroom.message.headers import Field, fields
from postroom.message.parameters import Parameters, content_type, disposition
from postroom.message.scan import scan
from postroom.message.structure import Part
from postroom.message.words import guess

_ADDRESSES = frozenset(
    [
        *("from", "sender", "reply-to", "to", "cc", "bcc", "disposition-notification-to"),
        *("resent-from", "resent-sender", "resent-reply-to", "resent-to", "resent-cc"),
        *("resent-bcc", "mail-followup-to", "mail-reply-to"),
    ]
)
# Neither encoded words nor anything else may stand in these.
_IDENTIFIERS = frozenset(
    [
        *("message-id", "resent-message-id", "in-reply-to", "references", "content-id"),
        *("return-path", "received", "original-recipient", "final-recipient"),
    ]
)
_FOR_CLAUSE = re.compile(rb"\s+for\s+<?[^\s;<>]*[\x80-\xff][^\s;<>]*>?", re.IGNORECASE)
_PLAIN_NAME = re.compile(rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_NAMELESS = re.compile(rb"^[ \t\r]*:[^\n]*(?:\n[ \t][^\n]*)*\n?", re.MULTILINE)
_TOKEN = re.compile(rb"[^\x00-\x20\x7f-\xff()<>@,;:\\\"/\[\]?=]+")
_LONGEST_HEADER = 1024 * 1024  # octets; in a longer one nothing is changed


def surrogate(message: bytes) -> bytes:
    """Return the message with all its headers in ASCII, itself when they are. Never raises."""
    if message.isascii():
        return message
    making = Surrogate(headers_of(scan(message)))
    return making.feed(message) + making.end()


def headers_of(part: Part, offset: int = 0) -> Iterator[tuple[int, int]]:
    """Yield where the headers of all parts lie, in order: first octet, one past the last."""
    yield part.header + offset, part.body + offset
    for child in part.children:
        yield from headers_of(child, offset)


class Surrogate:
    """The same in pieces of any size, when it is known where the headers are."""

    def __init__(self, headers: Iterable[tuple[int, int]]) -> None:
        self._headers = iter(headers)
        self._next = next(self._headers, None)
        self._position = 0  # of the next octet, counted from the first of the message
        self._held = bytearray()  # a header that is not complete yet

    def feed(self, octets: bytes) -> bytes:
        """Return what of the message can be sent."""
        out = []
        while octets:
            if self._next is None:
                out.append(octets)
                break
            start, end = self._next
            if self._position < start:
                piece, octets = _split(octets, start - self._position)
                out.append(piece)
            elif self._position < end and end - start <= _LONGEST_HEADER:
                piece, octets = _split(octets, end - self._position)
                self._held += piece
            else:
                piece = b""
            self._position += len(piece)
            if self._position >= end or end - start > _LONGEST_HEADER:
                out.append(self._release())
        return b"".join(out)

    def end(self) -> bytes:
        """Return the rest."""
        return self._release()

    def _release(self) -> bytes:
        header, self._held = bytes(self._held), bytearray()
        self._next = next(self._headers, None)
        return in_ascii(header)


def in_ascii(header: bytes) -> bytes:
    """Return a header, with or without its empty line, whose fields are ASCII. Never raises."""
    if header.isascii():
        return header
    pieces, position = [], 0
    for field in fields(header):
        raw = header[field.start : field.end]
        fits = raw.isascii() or not _is_utf8(raw)
        pieces += [_nameless(header[position : field.start]), raw if fits else _field(field)]
        position = field.end
    return b"".join([*pieces, _nameless(header[position:])])


def _nameless(octets: bytes) -> bytes:
    """What stands between fields: a colon without a name has no form in ASCII, either."""
    if octets.isascii():
        return octets
    return _NAMELESS.sub(lambda found: b"" if _is_utf8(found[0]) else found[0], octets)


def _field(field: Field) -> bytes:
    name = field.name.lower()
    try:
        if name in _ADDRESSES and (addresses := _readable(field.value)):
            return header(field.name, _address_list(addresses))
        if name == "content-type":
            media_type, subtype, parameters = content_type(field.value)
            if media_type.isascii() and subtype.isascii() and media_type:
                value = media_type + b"/" + (subtype or b"plain")
                return _with_parameters(field.name, value, parameters)
        elif name == "content-disposition":
            kind, parameters = disposition(field.value)
            if kind.isascii() and kind:
                return _with_parameters(field.name, kind, parameters)
        elif name == "received" and (value := _FOR_CLAUSE.sub(b"", field.value)).isascii():
            return header(field.name, value)
        if name in _IDENTIFIERS:
            return header(f"Downgraded-{field.name}", field.value)
        return header(field.name, field.value)
    except BadSyntax:
        return b""  # a name that is none has no form in ASCII


def _readable(value: bytes) -> list[Address]:
    """The addresses of a field, none when it is not made of addresses alone."""
    found = parse_addresses(value)
    missing = (MISSING_DOMAIN, MISSING_MAILBOX)
    return [] if any(part in missing for each in found for part in each[2:]) else found


def _address_list(addresses: list[Address]) -> str:
    """Groups whose members cannot all be written are written empty, before their members."""
    flat = any(address.host is not None and not _spec(address).isascii() for address in addresses)
    items: list[str] = []
    group = ""
    members: list[str] = []
    inside = False
    for address in addresses:
        if address.host is not None:
            (members if inside else items).append(_mailbox(address))
        elif address.mailbox is not None and not inside:
            inside, group, members = True, _name(address.mailbox), []
        elif inside:
            inside = False
            items += [f"{group}:;", *members] if flat else [f"{group}: {', '.join(members)};"]
    return ", ".join(items + (members if inside else []))


def _mailbox(address: Address) -> str:
    spec = _spec(address)
    name = _name(address.name) if address.name else ""
    if not spec.isascii():
        shown = f"Internationalized Address {encoded_words(spec)} Removed:;"
        return f"{name} {shown}" if name else shown
    return f"{name} <{spec}>" if name else spec


def _spec(address: Address) -> str:
    local, domain = address.mailbox or b"", address.host or b""
    text = guess(local)
    if local.isascii() and re.fullmatch(rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+", local) is None:
        text = '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
    return f"{text}@{guess(domain)}"


def _name(name: bytes) -> str:
    if not name.isascii():
        return encoded_words(guess(name))
    if _PLAIN_NAME.fullmatch(name):
        return name.decode()
    return '"' + re.sub(r'(["\\])', r"\\\1", name.decode()) + '"'


def _with_parameters(name: str, value: bytes, parameters: Parameters) -> bytes:
    words = [value.decode()]
    for key, content in parameters:
        if not key.isascii():
            continue
        words[-1] += ";"
        if not content.isascii():
            star = "" if key.endswith(b"*") else "*"
            mark = "" if star == "" else "utf-8''"
            kept = "%'" if star == "" else ""
            words.append(f"{key.decode()}{star}={mark}{quote_from_bytes(content, safe=kept)}")
        elif _TOKEN.fullmatch(content):
            words.append(f"{key.decode()}={content.decode()}")
        else:
            escaped = re.sub(r'(["\\])', r"\\\1", content.decode())
            words.append(f'{key.decode()}="{escaped}"')
    return header(name, " ".join(words))


def _split(octets: bytes, at: int) -> tuple[bytes, bytes]:
    return octets[:at], octets[at:]


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True
