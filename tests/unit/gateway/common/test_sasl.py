import base64

import pytest

from gateway.bearer import Bearer, parse_oauthbearer, parse_xoauth2
from gateway.sasl import LONGEST_RESPONSE, Cancelled, Credentials, decode, parse_plain
from postroom.errors import BadSyntax


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"\0alice\0secret", Credentials("alice", "secret")),
        (b"ALICE\0alice\0s e", Credentials("alice", "s e")),
        ("\0jörg\0pässword".encode(), Credentials("jörg", "pässword")),
    ],
)
def test_plain(octets: bytes, expected: Credentials) -> None:
    assert parse_plain(octets) == expected


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"alice\0secret",
        b"\0\0secret",
        b"\0alice\0",
        b"bob\0alice\0s",
        b"\0a\0b\0c",
        b"\0\xff\0s",
    ],
)
def test_what_is_not_plain(octets: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_plain(octets)


@pytest.mark.parametrize(
    "response", [b"!", b"AAA", b"=A==", b"\xff", b"A" * (LONGEST_RESPONSE + 4)]
)
def test_bad_base64(response: bytes) -> None:
    with pytest.raises(BadSyntax) as caught:
        decode(response)
    assert "AAA" not in str(caught.value)  # it may be a password


def test_base64() -> None:
    assert decode(base64.b64encode(b"x" * 9216)) == b"x" * 9216
    assert decode(b"=") == b""
    assert decode(b"") == b""
    with pytest.raises(Cancelled):
        decode(b"*")


def test_secrets_do_not_show() -> None:
    assert "secret" not in repr(Credentials("alice", "secret"))
    assert "secret" not in repr(Bearer("alice", "secret"))


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        pytest.param(
            b"n,a=user@example.com,\1host=server.example.com\1port=143\1"
            b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1",
            Bearer("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="),
            id="RFC 7628 section 4.1",
        ),
        pytest.param(b"n,,\1auth=bEARER  a.b-c_d~e+/\1\1", Bearer("", "a.b-c_d~e+/"), id="short"),
        pytest.param(b"y,a=a=2Cb=3D,\1auth=Bearer x\1\1", Bearer("a,b=", "x"), id="escaped name"),
        pytest.param(b"n,,\1auth=Bearer x\1more=\r\n\t \1\1", Bearer("", "x"), id="unknown pair"),
    ],
)
def test_oauthbearer(octets: bytes, expected: Bearer) -> None:
    assert parse_oauthbearer(octets) == expected


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\1",
        b"n,,",
        b"n,,\1\1",
        b"n,,\1auth=Bearer x\1",
        b"n,,\1auth=Bearer \1\1",
        b"n,,\1auth=Basic eDp5\1\1",
        b"n,,\1auth=Bearer x y\1\1",
        b"n,,\1auth=Bearer x\1auth=Bearer y\1\1",
        b"n,,\1auth=Bearer x\1=\1\1",
        b"p=tls-unique,,\1auth=Bearer x\1\1",
        b"n,,\1auth=Bearer \xff\1\1",
        b"n,a=x\0,\1auth=Bearer x\1\1",
    ],
)
def test_what_is_not_oauthbearer(octets: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_oauthbearer(octets)


def test_xoauth2() -> None:
    octets = (
        b"user=someuser@example.com\1auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29t\1\1"
    )
    assert parse_xoauth2(octets) == Bearer(
        "someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29t"
    )
    for bad in (b"", b"user=a\1\1", b"user=a\1auth=Bearer x", b"auth=x\1\1"):
        with pytest.raises(BadSyntax):
            parse_xoauth2(bad)
