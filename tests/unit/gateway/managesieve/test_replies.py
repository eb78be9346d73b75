"""What the server says, as clients read it."""

import pytest

from gateway.managesieve import replies


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        pytest.param(b"", b'""', id="empty"),
        pytest.param(b'a "b" \\', b'"a \\"b\\" \\\\"', id="escapes"),
        pytest.param("é".encode(), '"é"'.encode(), id="UTF-8"),
        pytest.param(b"a\nb", b"{3}\r\na\nb", id="two lines"),
        pytest.param(b"x" * 1024, b'"' + b"x" * 1024 + b'"', id="the longest in quotes"),
        pytest.param(b"x" * 1025, b"{1025}\r\n" + b"x" * 1025, id="longer"),
        pytest.param(b'"' * 513, b"{513}\r\n" + b'"' * 513, id="longer with its escapes"),
    ],
)
def test_a_string(octets: bytes, expected: bytes) -> None:
    assert replies.string(octets) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(replies.ok(), b"OK\r\n", id="OK"),
        pytest.param(replies.ok("Done"), b'OK "Done"\r\n', id="OK with text"),
        pytest.param(
            replies.ok("x", "TAG", b'a"'), b'OK (TAG "a\\"") "x"\r\n', id="a code's argument"
        ),
        pytest.param(replies.ok(code="TAG", argument=b""), b'OK (TAG "")\r\n', id="an empty one"),
        pytest.param(replies.no("x", "ACTIVE"), b'NO (ACTIVE) "x"\r\n', id="NO"),
        pytest.param(replies.no('a "b"'), b'NO {5}\r\na "b"\r\n', id="quotes without escapes"),
        pytest.param(replies.no("a\nb"), b"NO {4}\r\na\r\nb\r\n", id="lines end in CRLF"),
        pytest.param(replies.bye("x", "TRYLATER"), b'BYE (TRYLATER) "x"\r\n', id="BYE"),
        pytest.param(replies.no("\ud800"), b"NO {6}\r\n\\ud800\r\n", id="half a pair"),
    ],
)
def test_a_reply(reply: bytes, expected: bytes) -> None:
    assert reply == expected
