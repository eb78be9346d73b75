"""A part while it is being looked at: offsets, MIME fields and what they say."""

from postroom.message import parameters
from postroom.message.headers import pairs
from postroom.message.imap_strings import one_line
from postroom.message.parameters import Parameters
from postroom.message.structure import Part

# Fields beyond this many octets of one header say nothing; a hostile one is millions of lines.
_LONGEST_HEADER = 1 << 18

# What an envelope, a body structure and a summary are made of.
_WANTED = frozenset(
    b"content-type content-transfer-encoding content-disposition content-id content-description "
    b"content-md5 content-language content-location date subject from sender reply-to to cc bcc "
    b"in-reply-to message-id references".split()
)


class Entity:
    """One part, mutable: ``scan`` fills it, ``as_part`` freezes it. Offsets are as in Part."""

    __slots__ = (
        "body",
        "children",
        "disposition",
        "end",
        "fields",
        "first_line",
        "header",
        "lines",
        "media_type",
        "number",
        "parameters",
        "subtype",
        "type_key",
    )

    def __init__(self, number: str, header: int) -> None:
        self.number = number
        self.header = header
        self.body = header
        self.end = header
        self.lines = 0
        self.first_line = 0
        self.children: list[Entity] = []
        self.fields: list[tuple[bytes, bytes]] = []  # lower case name, raw value
        self.media_type = b"text"  # as written
        self.subtype = b"plain"
        self.parameters: Parameters = []
        self.type_key = b"text/plain"
        self.disposition: tuple[bytes, Parameters] | None = None

    def read_header(
        self, message: bytes, in_digest: bool = False, longest: int = _LONGEST_HEADER
    ) -> None:
        """Read the fields between ``header`` and ``body``, of its first *longest* octets.

        *in_digest*: a part without a type is a message (RFC 2046 section 5.1.5).
        """
        end = min(self.body, self.header + longest)
        self.fields = [
            (name, value) for name, value in pairs(message[self.header : end]) if name in _WANTED
        ]
        if (value := self.first(b"content-type")) is not None:
            self.media_type, self.subtype, self.parameters = parameters.content_type(value)
            if not self.subtype and self.media_type.lower() == b"multipart":
                self.media_type, self.parameters = b"", []
            self.type_key = b"%b/%b" % (self.media_type.lower(), self.subtype.lower())
        elif in_digest:
            self.media_type, self.subtype = b"message", b"rfc822"
            self.type_key = b"message/rfc822"
        # Of several, all but this field count in their first: so does Dovecot.
        if (value := self.last(b"content-disposition")) is not None:
            self.disposition = parameters.disposition(value)

    def first(self, name: bytes) -> bytes | None:
        """Return the raw value of the first field of this lower case name."""
        for key, value in self.fields:
            if key == name:
                return value
        return None

    def last(self, name: bytes) -> bytes | None:
        """Return the raw value of the last field of this lower case name."""
        return next((value for key, value in reversed(self.fields) if key == name), None)

    def make_opaque(self) -> None:
        """Say no more of a container than its octets: it lies too deep."""
        self.media_type, self.subtype = b"application", b"octet-stream"
        self.type_key = b"application/octet-stream"

    @property
    def is_multipart(self) -> bool:
        return self.type_key.startswith(b"multipart/")

    @property
    def is_digest(self) -> bool:
        return self.type_key == b"multipart/digest"

    @property
    def is_message(self) -> bool:
        return self.type_key in (b"message/rfc822", b"message/global")

    @property
    def boundary(self) -> bytes | None:
        if parameters.has(self.parameters, b"boundary"):
            return parameters.parameter(self.parameters, b"boundary")
        return None

    @property
    def encoding(self) -> bytes:
        """Content-Transfer-Encoding as written, ``7bit`` when none."""
        return parameters.token(self.first(b"content-transfer-encoding") or b"") or b"7bit"

    @property
    def looks_attached(self) -> bool:
        """A file to show as such: said to be one, or neither text nor shown inside the text."""
        kind, details = self.disposition or (b"", [])
        if kind.lower() == b"attachment" or self.is_message:
            return True
        named = any(key.lower().startswith(b"filename") for key, _ in details)
        if self.media_type.lower() == b"text":
            return named and kind.lower() != b"inline"
        return self.first(b"content-id") is None and self.media_type != b""

    def number_of_child(self) -> str:
        position = str(len(self.children) + 1)
        return f"{self.number}.{position}" if self.number else position

    def as_part(self) -> Part:
        """Return the tree as immutable values."""
        described, details = self.disposition or (b"", [])
        filename = parameters.decoded(details, b"filename") if details else ""
        if not filename and self.parameters:
            filename = parameters.decoded(self.parameters, b"name")
        media_type, _, subtype = self.type_key.partition(b"/")
        return Part(
            self.number,
            self.header,
            self.body,
            self.end,
            self.lines,
            media_type.decode("latin-1"),
            subtype.decode("latin-1"),
            parameters.parameter(self.parameters, b"charset").decode("latin-1"),
            self.encoding.lower().decode("latin-1"),
            filename,
            described.lower().decode("latin-1"),
            tuple([child.as_part() for child in self.children]),
        )

    def line_of(self, name: bytes) -> bytes | None:
        """Return the first field of this name on one line; None when absent."""
        value = self.first(name)
        return None if value is None else one_line(value)
