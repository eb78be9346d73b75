"""FETCH responses (RFC 9051 section 7.5.2). The items are compiled once per command.

Items of the record and of the summary are one ``%`` of a template; a body section is cut from
the prefix and the blob, in memory (``render``) or for large messages range by range (``stream``).
"""

import binascii
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from gateway.imap.commands import BinarySection, BinarySize, BodySection, FetchItem
from gateway.imap.dates import render_date_time
from gateway.imap.object_ids import email_id, thread_id
from gateway.imap.responses import astring, flags_of, string
from gateway.imap.sections import Span, cut, fields_of, find_part, locate
from postroom.errors import PostroomError
from postroom.mailboxes.records import Message
from postroom.message.structure import Part
from postroom.platform.blobs import BlobKey, BlobStore

STREAM_FROM = 1024 * 1024  # octets: larger messages are better streamed
_PIECE = 256 * 1024


class UnknownEncoding(PostroomError):
    """The part cannot be decoded: the answer is NO [UNKNOWN-CTE] (RFC 9051 section 7.1)."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"no decoder for the transfer encoding {encoding[:40]!r}")


class Prepared(Protocol):
    """The part of ``postroom.message.summary.Summary`` that FETCH shows."""

    @property
    def envelope(self) -> bytes: ...
    @property
    def body(self) -> bytes: ...
    @property
    def body_structure(self) -> bytes: ...
    @property
    def structure(self) -> Part: ...
    @property
    def preview(self) -> str: ...


class Blob(Protocol):
    def read(self, start: int, stop: int) -> bytes:
        """Return the octets from *start* up to *stop*. Raises BlobMissing."""


class WholeBlob:
    """A blob that is in memory."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def read(self, start: int, stop: int) -> bytes:
        return self._octets[start:stop]


class StoredBlob:
    """A blob that is read range by range. Its reads block."""

    __slots__ = ("_blobs", "_key")

    def __init__(self, blobs: BlobStore, key: BlobKey) -> None:
        self._blobs = blobs
        self._key = key

    def read(self, start: int, stop: int) -> bytes:
        return self._blobs.get_range(self._key, start, stop - start) if stop > start else b""


class _Nothing:
    """Stands for a summary or a blob that no item asks for."""


_NOTHING: object = _Nothing()
_Get = Callable[[Message, Prepared, bool], bytes | int]


def _thread(message: Message) -> bytes:
    found = thread_id(message)
    return b"NIL" if found is None else b"(%b)" % found.encode("ascii")


# What each plain item looks like, and where it comes from.
_PLAIN: dict[str, tuple[bytes, _Get]] = {
    "UID": (b"UID %d", lambda m, s, r: m.uid),
    "FLAGS": (b"FLAGS (%b)", lambda m, s, r: flags_of(m.flags, r)),
    "INTERNALDATE": (b"INTERNALDATE %b", lambda m, s, r: render_date_time(m.internal_date)),
    "RFC822.SIZE": (b"RFC822.SIZE %d", lambda m, s, r: m.size),
    "MODSEQ": (b"MODSEQ (%d)", lambda m, s, r: m.mod_seq),
    "ENVELOPE": (b"ENVELOPE %b", lambda m, s, r: s.envelope),
    "BODY": (b"BODY %b", lambda m, s, r: s.body),
    "BODYSTRUCTURE": (b"BODYSTRUCTURE %b", lambda m, s, r: s.body_structure),
    "SAVEDATE": (b"SAVEDATE %b", lambda m, s, r: render_date_time(m.saved)),
    "EMAILID": (b"EMAILID (%b)", lambda m, s, r: email_id(m).encode("ascii")),
    "THREADID": (b"THREADID %b", lambda m, s, r: _thread(m)),
    "PREVIEW": (b"PREVIEW %b", lambda m, s, r: string(s.preview.encode("utf-8", "replace"))),
}
_OF_SUMMARY = {"ENVELOPE", "BODY", "BODYSTRUCTURE", "PREVIEW"}
_OLD_NAMES = {  # RFC 3501 section 6.4.5
    "RFC822": BodySection(),
    "RFC822.HEADER": BodySection(text="HEADER", peek=True),
    "RFC822.TEXT": BodySection(text="TEXT"),
    "RFC822.PEEK": BodySection(peek=True),  # RFC 1730 section 6.4.5
    "RFC822.TEXT.PEEK": BodySection(text="TEXT", peek=True),
}


class Fetching:
    """What one FETCH asks, ready to be answered for many messages.

    ``needs_summary``, ``needs_blob``: without them the arguments of ``render`` may be left out.
    ``needs_whole_blob``: all of it will be sent, so read it at once. ``sets_seen``: the session
    sets ``\\Seen`` first (unless read-only) and answers ``with_flags`` for those it changed.
    """

    def __init__(self, items: Sequence[FetchItem], *, uid_only: bool = False) -> None:
        """*uid_only*: responses are numbered by UID (RFC 9586)."""
        self._uid_only = uid_only
        self._items = tuple(items)
        plain = [item for item in items if isinstance(item, str) and item in _PLAIN]
        self._sections = [_section(item) for item in items if item not in plain]
        template = b" ".join(_PLAIN[item][0] for item in plain)
        between = b" " if plain and self._sections else b""
        head = b"* %d UIDFETCH (" if uid_only else b"* %d FETCH ("
        self._template = head + template + (between if self._sections else b")\r\n")
        self._getters = [_PLAIN[item][1] for item in plain]
        self.needs_summary = bool(_OF_SUMMARY.intersection(plain)) or any(
            section.needs_summary for section in self._sections
        )
        self.needs_blob = any(section.needs_blob for section in self._sections)
        self.needs_whole_blob = any(section.whole for section in self._sections)
        self.sets_seen = any(section.sets_seen for section in self._sections)

    def with_flags(self, *, mod_seq: bool) -> "Fetching":
        """Setting ``\\Seen`` gives a message a new MODSEQ, of which a client that knows MODSEQ must
        hear with the UID (*mod_seq*, RFC 7162 section 3.2.4)."""
        wanted = ["FLAGS", "MODSEQ"] if mod_seq else ["FLAGS"]
        if mod_seq and not self._uid_only:
            wanted.insert(0, "UID")
        missing = [item for item in wanted if item not in self._items]
        return Fetching((*self._items, *missing), uid_only=self._uid_only) if missing else self

    def render(
        self,
        number: int,
        message: Message,
        summary: Prepared = _NOTHING,  # type: ignore[assignment] # not looked at, see above
        blob: Blob = _NOTHING,  # type: ignore[assignment]
        recent: bool = False,
    ) -> bytes:
        r"""Return the untagged response for the message with that number (or UID: *uid_only*).

        *recent*: the message has ``\Recent`` in this session (IMAP4rev1).
        Raises UnknownEncoding, BlobMissing.
        """
        line = self._template % (number, *[get(message, summary, recent) for get in self._getters])
        if not self._sections:
            return line
        pieces = [line]
        for section in self._sections:
            if len(pieces) > 1:
                pieces.append(b" ")
            pieces += section.render(message, summary, blob)
        pieces.append(b")\r\n")
        return b"".join(pieces)

    def stream(
        self,
        number: int,
        message: Message,
        summary: Prepared = _NOTHING,  # type: ignore[assignment]
        blob: Blob = _NOTHING,  # type: ignore[assignment]
        recent: bool = False,
    ) -> Iterator[bytes]:
        """As ``render``, in pieces of at most 256 KiB, each read when it is asked for.

        An error after the first piece leaves a literal short: the connection must be closed.
        """
        yield self._template % (number, *[get(message, summary, recent) for get in self._getters])
        space = b""
        for section in self._sections:
            yield space
            yield from section.stream(message, summary, blob)
            space = b" "
        if self._sections:
            yield b")\r\n"


class _Section:
    """An item whose value is computed from octets of the message: here a span as it is."""

    needs_blob = True

    def __init__(self, item: BodySection, name: bytes) -> None:
        self._name = name
        self._part = item.part
        self._text = "HEADER" if item.text.startswith("HEADER") else item.text
        self._partial = item.partial
        self.sets_seen = not item.peek
        self.whole = not item.part and item.text == ""
        self.needs_summary = not self.whole  # the size of the whole is in the record

    def span(self, message: Message, summary: Prepared) -> Span | None:
        """Where the value lies, in octets as a client sees them; None when it does not exist."""
        if self.whole:
            return 0, message.size
        return locate(summary.structure, len(message.prefix), self._part, self._text)

    def render(self, message: Message, summary: Prepared, blob: Blob) -> list[bytes]:
        span = self.span(message, summary)
        if span is None:
            return [self._name, b" NIL"]
        octets = _read(message, blob, *cut(span, self._partial))
        return [b"%b {%d}\r\n" % (self._name, len(octets)), _as_literal(octets)]

    def stream(self, message: Message, summary: Prepared, blob: Blob) -> Iterator[bytes]:
        found = self.pieces(message, summary, blob)
        if found is None:
            yield self._name + b" NIL"
            return
        size, pieces = found
        yield b"%b {%d}\r\n" % (self._name, size)
        yield from map(_as_literal, pieces)

    def pieces(self, message: Message, summary: Prepared, blob: Blob) -> "Pieces | None":
        """The value, each piece read when it is asked for."""
        span = self.span(message, summary)
        if span is None:
            return None
        start, stop = cut(span, self._partial)
        return stop - start, self._between(message, blob, start, stop)

    @staticmethod
    def _between(message: Message, blob: Blob, start: int, stop: int) -> Iterator[bytes]:
        for first in range(start, stop, _PIECE):
            last = min(first + _PIECE, stop)
            octets = _read(message, blob, first, last)
            if len(octets) != last - first:
                raise PostroomError(f"blob {message.blob} is shorter than its record says")
            yield octets


class _Fields(_Section):
    """HEADER.FIELDS and HEADER.FIELDS.NOT."""

    def __init__(self, item: BodySection, name: bytes) -> None:
        super().__init__(item, name)
        self._cut_fields = fields_of(item.fields, others=item.text.endswith(".NOT"))

    def render(self, message: Message, summary: Prepared, blob: Blob) -> list[bytes]:
        found = self.pieces(message, summary, blob)
        if found is None:
            return [self._name, b" NIL"]
        size, pieces = found
        return [b"%b {%d}\r\n" % (self._name, size), *map(_as_literal, pieces)]

    def pieces(self, message: Message, summary: Prepared, blob: Blob) -> "Pieces | None":
        span = self.span(message, summary)
        if span is None:
            return None
        octets = self._cut_fields(_read(message, blob, *span))
        start, stop = cut((0, len(octets)), self._partial)
        return stop - start, iter([octets[start:stop]])


class _Binary(_Section):
    """BINARY[…]: decoded; the message itself and parts that hold others have no encoding."""

    def __init__(self, item: BinarySection | BinarySize, name: bytes) -> None:
        partial = item.partial if isinstance(item, BinarySection) else None
        peek = item.peek if isinstance(item, BinarySection) else True
        super().__init__(BodySection(item.part, partial=partial, peek=peek), name)
        self._is_size = isinstance(item, BinarySize)

    def render(self, message: Message, summary: Prepared, blob: Blob) -> list[bytes]:
        span = self.span(message, summary)
        if span is None:
            return [self._name, b" 0" if self._is_size else b" NIL"]
        octets = _read(message, blob, *span)
        if self._part:
            part = find_part(summary.structure, self._part)
            octets = decode_transfer(octets, part.encoding if part else "7bit")
        if self._is_size:
            return [b"%b %d" % (self._name, len(octets))]
        start, stop = cut((0, len(octets)), self._partial)
        octets = octets[start:stop]
        form = b"%b ~{%d}\r\n" if b"\x00" in octets else b"%b {%d}\r\n"
        return [form % (self._name, len(octets)), octets]

    def stream(self, message: Message, summary: Prepared, blob: Blob) -> Iterator[bytes]:
        yield from self.render(message, summary, blob)


Pieces = tuple[int, Iterator[bytes]]  # how many octets they are together


def pieces_of(
    section: BodySection, message: Message, summary: Prepared, blob: Blob
) -> Pieces | None:
    """The octets of a section, for whoever is no client; None when the message has no such
    section. May raise BlobMissing, also while the pieces are read."""
    return _section(section).pieces(message, summary, blob)


def _section(item: FetchItem) -> _Section:
    if isinstance(item, str):
        return _Section(_OLD_NAMES[item], item.removesuffix(".PEEK").encode("ascii"))
    part = item.part.encode("ascii")
    if isinstance(item, BinarySize):
        return _Binary(item, b"BINARY.SIZE[%b]" % part)
    origin = b"<%d>" % item.partial[0] if item.partial else b""
    if isinstance(item, BinarySection):
        return _Binary(item, b"BINARY[%b]%b" % (part, origin))
    text = item.text.encode("ascii")
    spec = part + (b"." if part and text else b"") + text
    if not item.fields:
        return _Section(item, b"BODY[%b]%b" % (spec, origin))
    fields = b" ".join(astring(field) for field in item.fields)
    return _Fields(item, b"BODY[%b (%b)]%b" % (spec, fields, origin))


def _as_literal(octets: bytes) -> bytes:
    """No literal has a NUL but that of BINARY (RFC 9051 sections 4.3.1 and 9, CHAR8): as Dovecot
    does, 0x80 stands for it, so that sizes and offsets stay true."""
    return octets.replace(b"\x00", b"\x80")


def _read(message: Message, blob: Blob, start: int, stop: int) -> bytes:
    prefix = message.prefix
    length = len(prefix)
    if start >= length:
        return blob.read(start - length, stop - length)
    if stop <= length:
        return prefix[start:stop]
    return prefix[start:] + blob.read(0, stop - length)


_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)


def decode_transfer(octets: bytes, encoding: str) -> bytes:
    """Remove a Content-Transfer-Encoding (RFC 2045 section 6); broken input as far as it goes.

    Raises UnknownEncoding.
    """
    if encoding in ("7bit", "8bit", "binary", ""):
        return octets
    if encoding == "quoted-printable":
        return binascii.a2b_qp(octets)
    if encoding == "base64":
        kept = octets.translate(None, _NOT_BASE64)
        kept = kept[:-1] if len(kept) % 4 == 1 else kept
        return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))
    raise UnknownEncoding(encoding)
