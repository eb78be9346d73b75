"""Where the parts of a message lie, as octet offsets (RFC 2046; RFC 9051 section 6.4.5.1)."""

import msgspec


class Part(msgspec.Struct, frozen=True):
    """One MIME part. Offsets count from the first octet of the message.

    ``number`` is the IMAP section number: "" for the message itself, then "1", "2.1"… For a
    part of type message/rfc822 (or message/global), ``children`` holds one Part: the message
    inside, with the number of its container. A multipart's children are numbered from 1.
    """

    number: str
    header: int  # first octet of the header
    body: int  # first octet of the body: one past the empty line
    end: int  # one past the last octet of the body (the CRLF before a boundary is not in it)
    lines: int  # line ends in the body
    media_type: str  # lower case: "text"
    subtype: str  # lower case: "plain"
    charset: str  # as written, "" when none
    encoding: str  # lower case Content-Transfer-Encoding, "7bit" when none
    filename: str  # decoded (RFC 2231, RFC 2047), "" when none
    disposition: str  # lower case: "attachment", "inline" or ""
    children: "tuple[Part, ...]" = ()
