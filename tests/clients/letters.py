"""Messages of the kinds that people send, and how to tell that one came back untouched."""

import base64
import re
from collections import Counter
from collections.abc import Iterable

from tests.corpus import odd_messages

_FIELDS = (
    b"From: Alice <alice@elsewhere.test>\r\nTo: Bob <bob@example.test>\r\n"
    b"Date: Tue, 24 Nov 2026 12:58:53 +0100\r\nMIME-Version: 1.0\r\n"
)
# What delivery writes above a message: these three fields, and nothing between them and it.
_OURS = re.compile(
    rb"Return-Path: <[^\r\n]*>\r?\nDelivered-To: [^\r\n]*\r?\n"
    rb"Received: [^\r\n]*\r?\n([ \t][^\r\n]*\r?\n)*"
)


def _letter(name: str, body: bytes, fields: bytes = b"") -> bytes:
    return b"Subject: %b\r\nMessage-ID: <%b@elsewhere.test>\r\n%b%b\r\n%b" % (
        name.encode(),
        name.replace(" ", "-").encode(),
        _FIELDS,
        fields,
        body,
    )


def _attachment(size: int) -> bytes:
    content = base64.encodebytes(bytes(range(256)) * (size // 256)).replace(b"\n", b"\r\n")
    return _letter(
        "large attachment",
        b"--=_1\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n--=_1\r\n"
        b'Content-Type: application/pdf; name="big.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
        b'Content-Disposition: attachment; filename="big.pdf"\r\n\r\n' + content + b"--=_1--\r\n",
        b'Content-Type: multipart/mixed; boundary="=_1"\r\n',
    )


_UTF8 = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
_ODD = dict(odd_messages(large=False))
LETTERS = {
    "plain": _letter("plain", b"Hello.\r\n"),
    "8 bit": _letter("8 bit", "Grüße, 你好, здравствуйте\r\n".encode() + b"\xe9\xff\r\n", _UTF8),
    "dots": _letter("dots", b".\r\n..\r\n...\r\n.x\r\n..x\r\nx.\r\n \r\n.\r\n\r\n.\r\n"),
    "line of 998": _letter("line of 998", b"x" * 998 + b"\r\nend\r\n"),
    "empty body": _letter("empty body", b""),
    "From lines": _letter("From lines", b"From here\r\n>From there\r\n\r\nFrom the end\r\n"),
    "attachments": _ODD["multipart: attachments"],
    "message in a multipart": _ODD["message in a multipart"],
    "50 multiparts deep": _ODD["50 multiparts deep"],
    "many parts": _ODD["multipart: many parts"],
    "500 fields": _ODD["500 fields"],
    "large attachment": _attachment(2_000_000),
}


def below_ours(octets: bytes) -> bytes:
    """The message as it was sent: what stands below the fields that delivery wrote."""
    ours = _OURS.match(octets)
    assert ours is not None, f"our fields are missing: {octets[:300]!r}"
    return octets[ours.end() :]


def with_lf(octets: bytes) -> bytes:
    """As a program that keeps mail in Unix files writes it: lines end in LF."""
    return octets.replace(b"\r\n", b"\n")


def untouched(found: Iterable[bytes], sent: Iterable[bytes]) -> None:
    """Assert that exactly these messages came, in any order."""
    came, expected = Counter(found), Counter(sent)
    # Ends only: to print a difference of megabytes takes minutes.
    assert _ends(came - expected) == _ends(expected - came)
    assert came == expected


def _ends(letters: Counter[bytes]) -> list[tuple[int, bytes, bytes]]:
    return sorted((len(octets), octets[:300], octets[-300:]) for octets in letters.elements())
