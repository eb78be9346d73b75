import base64

import pytest

from gateway.sasl import Cancelled, Credentials, Exchange, UnknownMechanism, parse_plain
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


def test_login_asks_twice() -> None:
    exchange = Exchange("login")
    assert base64.b64decode(exchange.challenge) == b"Username:"
    assert exchange.receive(base64.b64encode(b"alice")) is None
    assert base64.b64decode(exchange.challenge) == b"Password:"
    assert exchange.receive(base64.b64encode(b"secret")) == Credentials("alice", "secret")


def test_plain_with_an_empty_challenge() -> None:
    exchange = Exchange("PLAIN")
    assert exchange.challenge == b""
    assert exchange.receive(base64.b64encode(b"\0a\0b")) == Credentials("a", "b")


@pytest.mark.parametrize("response", [b"!", b"AAA", b"=A==", b"A" * 8192, b"\xff"])
def test_bad_base64(response: bytes) -> None:
    with pytest.raises(BadSyntax) as caught:
        Exchange("PLAIN").receive(response)
    assert "AAA" not in str(caught.value)  # it may be a password


def test_star_cancels() -> None:
    with pytest.raises(Cancelled):
        Exchange("LOGIN").receive(b"*")


def test_unknown_mechanisms() -> None:
    with pytest.raises(UnknownMechanism):
        Exchange("CRAM-MD5")


def test_passwords_do_not_show() -> None:
    assert "secret" not in repr(Credentials("alice", "secret"))
