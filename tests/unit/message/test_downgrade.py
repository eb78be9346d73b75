"""What comes out is 7-bit, short, and reads the same; what needed nothing is untouched.

The standard library's parser is the second opinion.
"""

from email import message_from_bytes, policy
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.downgrade import (
    LONGEST_LINE,
    canonical,
    encoded_anew,
    has_long_line,
    is_canonical,
)

UMLAUTS = "Grüße aus Köln, wo es wieder einmal regnet, und zwar nicht wenig.\r\n".encode()
_HEADER = b"From: a@example.com\r\nMIME-Version: 1.0\r\n"


def _parts(message: bytes) -> list[tuple[str, bytes]]:
    """Type and decoded content of each leaf."""
    found = message_from_bytes(message, policy=policy.SMTP)
    return [
        (part.get_content_type(), _payload(part))
        for part in found.walk()
        if not part.is_multipart()
    ]


def _payload(part: Message) -> bytes:
    octets = part.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets


def _seven(message: bytes) -> bytes:
    content, _ = encoded_anew(message, seven_bit=True)
    assert content.isascii()
    assert not has_long_line(content)
    assert is_canonical(content)
    return content


def test_seven_bits_are_left_alone() -> None:
    message = _HEADER + b"Content-Type: text/plain\r\n\r\nplain =20 text. \r\n.\r\n"
    assert encoded_anew(message, seven_bit=True) == (message, False)


@pytest.mark.parametrize(
    ("fields", "body", "encoding"),
    [
        pytest.param(b"Content-Type: text/plain; charset=utf-8\r\n"
                     b"Content-Transfer-Encoding: 8bit\r\n", UMLAUTS, "quoted-printable",
                     id="text with a few"),
        pytest.param(b"Content-Type: text/plain; charset=utf-8\r\n", "日本語\r\n".encode() * 20,
                     "base64", id="text with many"),
        pytest.param(b"Content-Type: application/x-y\r\ncontent-transfer-encoding:\r\n binary\r\n",
                     bytes(range(128, 256)) * 3 + b"\r\n", "base64", id="not text"),
        pytest.param(b"Content-Transfer-Encoding: 7bit\r\n", UMLAUTS, "quoted-printable",
                     id="said to be 7bit"),
        pytest.param(b"Content-Transfer-Encoding: 8bit\r\nSubject: x\r\n"
                     b"Content-Transfer-Encoding: 7bit\r\n", UMLAUTS, "quoted-printable",
                     id="said twice"),
    ],
)  # fmt: skip
def test_one_part(fields: bytes, body: bytes, encoding: str) -> None:
    message = _HEADER + fields + b"\r\n" + body
    content = _seven(message)
    found = message_from_bytes(content, policy=policy.SMTP)
    assert found.get_all("Content-Transfer-Encoding") == [encoding]
    assert _payload(found).rstrip() == body.rstrip()
    assert found["From"] == "a@example.com"


def test_what_is_not_mime_becomes_so() -> None:
    content = _seven(b"Subject: x\r\n\r\n" + UMLAUTS)
    assert content.count(b"MIME-Version: 1.0\r\n") == 1
    assert b"Content-Type: text/plain; charset=utf-8\r\n" in content
    content = _seven(b"Subject: x\r\n\r\n\xe9t\xe9\r\n")
    assert b"Content-Type: text/plain; charset=unknown-8bit\r\n" in content
    assert _parts(content) == [("text/plain", b"\xe9t\xe9\r\n")]


_MIXED = (
    _HEADER
    + b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    + b"A preamble.\r\n"
    + b"--b\r\nContent-Type: text/plain\r\n\r\nplain  \r\n"
    + b"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    + UMLAUTS
    + b"--b\r\nContent-Type: application/x-z\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n"
    + b"--b--\r\nAn epilogue.\r\n"
)


def test_only_the_part_that_needs_it_is_encoded() -> None:
    content = _seven(_MIXED)
    assert _parts(content) == _parts(_MIXED)
    assert content.count(b"Content-Transfer-Encoding: 7bit\r\n") == 1  # of the multipart
    for untouched in (b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain  \r\n--b", b"\r\nAAEC\r\n",
                      b"A preamble.", b"--b--\r\nAn epilogue.\r\n"):  # fmt: skip
        assert untouched in content


def test_a_message_within_is_encoded_inside() -> None:
    inner = b"Subject: inner\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + UMLAUTS
    message = (
        _HEADER
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\nContent-Type: message/rfc822\r\n"
        + b"Content-Transfer-Encoding: 8bit\r\n\r\n"
        + inner
        + b"--b--\r\n"
    )
    content = _seven(message)
    outer = message_from_bytes(content, policy=policy.SMTP)
    [forwarded] = outer.get_payload()  # type: ignore[misc]
    assert forwarded["Content-Transfer-Encoding"] == "7bit"
    [text] = forwarded.get_payload()
    assert text["Content-Transfer-Encoding"] == "quoted-printable"
    assert text["MIME-Version"] == "1.0"
    assert _parts(content) == _parts(message)


def test_message_global_keeps_its_fields() -> None:
    """RFC 6532 section 3.7"""
    inner = "Subject: Grüße\r\n\r\n".encode() + b"hello, this is ASCII " * 10
    message = _HEADER + b"Content-Type: message/global\r\n\r\n" + inner
    content = _seven(message)
    assert b"Content-Transfer-Encoding: quoted-printable\r\n" in content
    _, _, body = content.partition(b"\r\n\r\n")
    assert b"Subject: Gr=C3=BC=C3=9Fe" in body


def test_signed_parts_are_told() -> None:
    message = (
        _HEADER
        + b"Content-Type: multipart/signed; boundary=b; protocol=x/y\r\n\r\n--b\r\n\r\n"
        + UMLAUTS
        + b"--b\r\nContent-Type: x/y\r\n\r\nsignature\r\n--b--\r\n"
    )
    assert encoded_anew(message, seven_bit=True).signed
    assert not encoded_anew(_MIXED, seven_bit=True).signed


def test_long_lines_go_and_8_bits_stay() -> None:
    body = "ü".encode() * 600 + b"\r\nshort\r\n"
    message = _MIXED.replace(b"plain  \r\n", body)
    content, _ = encoded_anew(message, seven_bit=False)
    assert not has_long_line(content)
    assert UMLAUTS in content
    assert b"Content-Transfer-Encoding: 8bit" in content
    assert _parts(content) == _parts(message)


def test_long_fields_are_folded() -> None:
    references = b"References: " + b"<abcdefgh@example.org> " * 100
    message = references + b"\r\nX-Solid: " + b"x" * 3000 + b"\r\n\r\nhello\r\n"
    content, _ = encoded_anew(message, seven_bit=False)
    assert not has_long_line(content)
    found = message_from_bytes(content, policy=policy.compat32)
    unfolded = found["References"].replace("\r\n", "")
    assert unfolded == references.decode().removeprefix("References: ")
    assert "".join(found["X-Solid"].split()) == "x" * 3000
    assert found.get_payload() == "hello\r\n"


def test_broken_encodings_are_made_good() -> None:
    message = (
        _HEADER
        + b"Content-Type: text/plain; charset=utf-8\r\n"
        + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        + b"=C3=BC and \xc3\xbc\r\n"
    )
    assert _parts(_seven(message)) == [("text/plain", "ü and ü\r\n".encode())]


@pytest.mark.parametrize(
    ("length", "expected"), [(0, False), (LONGEST_LINE, False), (LONGEST_LINE + 1, True)]
)
@pytest.mark.parametrize("before", [0, 1, 999, 1000, 5000])
@pytest.mark.parametrize("end", [b"\r\n", b"", b"\r\nmore\r\n"])
def test_has_long_line(length: int, expected: bool, before: int, end: bytes) -> None:
    content = (b"y" * 70 + b"\r\n") * (before // 72) + b"\r\n" + b"x" * length + end
    assert has_long_line(content) == expected


@given(st.binary(max_size=300).map(lambda octets: octets * 5))
def test_has_long_line_agrees_with_splitting(octets: bytes) -> None:
    content = canonical(octets)
    assert is_canonical(content)
    assert has_long_line(content) == any(
        len(line) > LONGEST_LINE for line in content.split(b"\r\n")
    )


_PIECES = st.sampled_from(
    [
        b"--b\r\n", b"--b--\r\n", b"--c\r\n", b"\r\n", b"Content-Type: multipart/mixed; boundary=b",
        b"Content-Type: multipart/signed; boundary=c", b"Content-Type: message/rfc822", UMLAUTS,
        b"Content-Type: message/global", b"Content-Transfer-Encoding: base64", b"x" * 1200,
        b"Content-Transfer-Encoding: 8bit", b"Content-Transfer-Encoding: quoted-printable",
        b"\xff\xfe", b"=\r\n", b"AAAA", b": ", b" ", "Subject: ü".encode(), b"\n", b"\r",
    ]
)  # fmt: skip


@given(st.lists(st.one_of(_PIECES, st.binary(max_size=20)), max_size=30).map(b"".join),
       st.booleans())  # fmt: skip
def test_nothing_raises_and_lines_are_short(octets: bytes, seven_bit: bool) -> None:
    content, _ = encoded_anew(canonical(octets), seven_bit=seven_bit)
    assert content.endswith(b"\r\n")
    assert is_canonical(content)


@given(
    st.lists(st.tuples(st.sampled_from(["text/plain", "image/png"]), st.binary(max_size=200)),
             min_size=1, max_size=4)
)  # fmt: skip
def test_every_part_says_the_same_afterwards(parts: list[tuple[str, bytes]]) -> None:
    pieces = [_HEADER, b'Content-Type: multipart/mixed; boundary="' + b"=_b" * 8 + b'"\r\n\r\n']
    for kind, octets in parts:
        body = canonical(octets).replace(b"\0", b"")
        pieces.append(b"--" + b"=_b" * 8 + b"\r\nContent-Type: " + kind.encode())
        pieces.append(b"\r\nContent-Transfer-Encoding: binary\r\n\r\n" + body + b"\r\n")
    pieces.append(b"--" + b"=_b" * 8 + b"--\r\n")
    message = b"".join(pieces)
    assert _parts(_seven(message)) == _parts(message)
