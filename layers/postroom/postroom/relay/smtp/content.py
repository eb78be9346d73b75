"""The message as a peer can take it: 7 or 8 bits, lines of bearable length, CRLF only."""

from collections.abc import Callable

from postroom.message.downgrade import canonical, encoded_anew, has_long_line
from postroom.message.headers import end_of_header
from postroom.message.scan import scan
from postroom.message.structure import Part
from postroom.relay.parcel import Parcel

# Returns new signature fields, to be put in front of content that was encoded anew.
Resign = Callable[[Parcel, bytes], bytes]


class Content:
    """The content of one parcel in the forms that peers ask for, each made once."""

    def __init__(self, parcel: Parcel, resign: Resign | None) -> None:
        self._parcel = parcel
        self._resign = resign
        self._as_is: bytes | None = None
        self._seven_bit: bytes | None = None
        self._signed = False
        self._utf8_header: bool | None = None
        self.is_eight_bit = not parcel.content.isascii()

    @property
    def breaks_signature(self) -> bool:
        """A form that was made has parts of multipart/signed encoded anew."""
        return self._signed

    def form(self, eight_bit: bool) -> bytes:
        """What to send; *eight_bit*: the peer takes 8BITMIME. Ends in CRLF."""
        if self.is_eight_bit and not eight_bit:
            if self._seven_bit is None:
                self._seven_bit = self._anew(seven_bit=True)
            return self._seven_bit
        if self._as_is is None:
            content = canonical(self._parcel.content)
            if has_long_line(content):
                content = self._anew(seven_bit=False)
            elif not content.endswith(b"\r\n"):
                content += b"\r\n"
            self._as_is = content
        return self._as_is

    def has_utf8_header(self) -> bool:
        """Whether a field, of the message or of a part, is not ASCII (RFC 6532)."""
        if self._utf8_header is None:
            content = self._parcel.content
            self._utf8_header = self.is_eight_bit and (
                not content[: end_of_header(content)].isascii()
                or _has_utf8_fields(content, scan(content))
            )
        return self._utf8_header

    def _anew(self, *, seven_bit: bool) -> bytes:
        # Our signature is over other octets: it goes, and a new one comes if it can be had.
        changed = encoded_anew(
            canonical(self._parcel.content[self._parcel.unsigned_from :]), seven_bit=seven_bit
        )
        self._signed = self._signed or changed.signed
        if self._resign is None:
            return changed.content
        return self._resign(self._parcel, changed.content) + changed.content


def _has_utf8_fields(content: bytes, part: Part) -> bool:
    if not content[part.header : part.body].isascii():
        return True
    return any(_has_utf8_fields(content, child) for child in part.children)


def dotted(content: bytes) -> bytes:
    """Double the dots that begin a line (RFC 5321 section 4.5.2). The final dot is not added."""
    if b"\r\n." in content:
        content = content.replace(b"\r\n.", b"\r\n..")
    return b"." + content if content.startswith(b".") else content
