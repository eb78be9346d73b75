"""The content of parts as octets and text."""

import base64
import binascii

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.message.decode import ENCODINGS, decode_base64, decode_transfer, decoded_text
from postroom.message.html import html_to_text
from postroom.message.scan import scan


@given(st.binary(max_size=300))
def test_base64_and_quoted_printable_come_back(octets: bytes) -> None:
    assert decode_transfer(base64.encodebytes(octets), "base64") == octets
    # As octets: an encoder of text may write one kind of line end for another.
    encoded = binascii.b2a_qp(octets, quotetabs=True, istext=False)
    assert decode_transfer(encoded, "quoted-printable") == octets


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (b"YWJj", b"abc"),
        (b"YW Jj\r\n!?", b"abc"),
        (b"YWI=YWI=", b"abab"),
        (b"YWJ", b"ab"),
        (b"Y", b""),
        (b"====", b""),
        (b"", b""),
    ],
)
def test_broken_base64(encoded: bytes, expected: bytes) -> None:
    assert decode_base64(encoded) == expected


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (b"a=\r\nb", b"ab"),
        (b"a=  \r\nb", b"ab"),
        (b"a  \r\nb", b"a\r\nb"),
        (b"=E9=zz=", b"\xe9=zz"),
        (b"a_b", b"a_b"),
    ],
)
def test_odd_quoted_printable(encoded: bytes, expected: bytes) -> None:
    assert decode_transfer(encoded, "quoted-printable") == expected


def test_uuencode() -> None:
    encoded = b"x\r\nbegin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\ny"
    assert decode_transfer(encoded, "x-uuencode") == b"Cat"
    assert decode_transfer(b"begin 644 a\n#0V\n", "uuencode") == b"C`\0"


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(sorted(ENCODINGS)),
    st.sampled_from(["utf-8", "x", "utf-16"]),
)
def test_nothing_raises(body: bytes, encoding: str, charset: str) -> None:
    message = (
        f"Content-Type: text/html; charset={charset}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    ).encode() + body
    assert isinstance(decoded_text(message, scan(message)), str)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>a<br>b</p>c", "a\nb\nc"),
        ("a<b>b</b>c &lt;x&gt;", "abc <x>"),
        ("<style>x</style>a<script>b</SCRIPT >c<!-- d -->e", "ace"),
        ("<script>never closed", ""),
        ("<head>never closed<p>text", "never closed\ntext"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<\u017ftyle>a", "<\u017ftyle>a"),
        ("a\r\n  b\xa0c", "a b c"),
    ],
)
def test_html(text: str, expected: str) -> None:
    assert html_to_text(text) == expected
